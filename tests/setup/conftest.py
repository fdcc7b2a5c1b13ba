"""A checkout that holds the real launcher and a package of two lines, so that an installation takes seconds."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
PYTHON = Path(sys.executable).resolve()

# All that the launcher may start besides Python.
TOOLS = ("cksum", "dirname", "find", "head", "mkdir", "mv", "readlink", "rm", "sed", "sh", "sort", "tail", "tr")

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""

# A build backend without requirements: pip needs no network. It counts how often it is asked.
BACKEND = r"""
import pathlib
import zipfile

FACTS = "Metadata-Version: 2.1\nName: stub\nVersion: 1\nProvides-Extra: dev\nProvides-Extra: more\n"

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    here = pathlib.Path(__file__).parent
    with (here / "builds").open("a") as log:
        log.write("built\n")
    if (here / "broken").exists():
        raise RuntimeError("the stub is broken on purpose")
    name = "stub-1-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / name, "w") as wheel:
        wheel.writestr("stub.pth", f"{here}\n")
        wheel.writestr("stub-1.dist-info/METADATA", FACTS)
        wheel.writestr("stub-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("stub-1.dist-info/entry_points.txt", "[console_scripts]\nvsmagic = stub:main\n")
        wheel.writestr("stub-1.dist-info/RECORD", "")
    return name
"""

PACKAGE = """
import json, os, sys, time

def main():
    if sys.argv[1:] == ["sleep"]:
        print("ready", flush=True)
        time.sleep(60)
    print(json.dumps({"arguments": sys.argv[1:], "cwd": os.getcwd(), "stdin": sys.stdin.read()}))
    return 3 if sys.argv[1:] == ["fail"] else 0
"""


@dataclass(frozen=True)
class Checkout:
    """A checkout, an empty home and a PATH that holds nothing but what is put there."""

    root: Path
    home: Path
    path: Path

    @property
    def launcher(self) -> Path:
        return self.root / "scripts" / "vsmagic"

    def environ(self, **variables: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key.startswith("PIP_")}
        return {"HOME": str(self.home), "PATH": str(self.path), **kept, **variables}

    def run(
        self, *arguments: str, command: Path | None = None, cwd: Path | None = None, stdin: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(command or self.launcher), *arguments],
            check=False,
            env=self.environ(**variables),
            cwd=cwd or self.home,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def found_python(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """Ask the launcher's own search which Python it takes."""
        search = f'. "{self.root}/scripts/setup-venv.sh"; find_python; printf %s "$python"'
        return subprocess.run(
            ["/bin/sh", "-euc", search],
            check=False,
            env=self.environ(**variables),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def program(self, path: str, text: str) -> None:
        """Write a shell program; the path is relative to the folder of the test."""
        file = self.home.parent / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)

    def builds(self) -> int:
        log = self.root / "builds"
        return len(log.read_text().splitlines()) if log.exists() else 0


def make_checkout(folder: Path) -> Checkout:
    root = folder / "a checkout"
    shutil.copytree(SCRIPTS, root / "scripts")
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / "backend.py").write_text(BACKEND)
    (root / "stub.py").write_text(PACKAGE)
    path, home = folder / "bin", folder / "home"
    path.mkdir()
    home.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None, tool
        (path / tool).symlink_to(found)
    return Checkout(root, home, path)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout that was never run; no Python on PATH."""
    return make_checkout(tmp_path)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout whose first run is over; tests leave it so."""
    made = make_checkout(tmp_path_factory.mktemp("installed"))
    made.program("bin/python3.14", "echo 'pyenv: python3.14: command not found' >&2; exit 127")
    made.program("bin/python3", f'exec "{PYTHON}" "$@"')
    first = made.run("first")
    assert first.returncode == 0, first.stderr
    assert first.stderr.count("\n") == 1
    assert "setting up" in first.stderr
    return made
