"""Which Python the launcher takes: a candidate counts only when it really runs."""

import sys
from pathlib import Path

import pytest

PYTHON = Path(sys.executable).resolve()
RUN = f'exec "{PYTHON}" "$@"'


def test_no_python_is_one_clear_sentence(checkout):
    done = checkout.run()
    assert done.returncode == 8
    assert done.stdout == ""
    assert done.stderr.startswith("vsmagic: no Python 3.12 or newer that runs was found")
    assert "VSMAGIC_PYTHON" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (checkout.root / ".venv").exists()


@pytest.mark.parametrize(
    "place",
    [
        "bin/python3.12",
        "bin/python3",
        "bin/python",
        "home/.pyenv/versions/3.12.1/bin/python",
        "home/.local/share/uv/python/cpython-3.13.1-linux-x86_64-gnu/bin/python",
    ],
)
def test_python_is_found_in(checkout, place):
    checkout.program(place, RUN)
    assert checkout.found_python().stdout == str(PYTHON)


def test_pyenv_root_with_an_empty_home(checkout, tmp_path):
    checkout.program("elsewhere/versions/3.13.0/bin/python", RUN)
    assert checkout.found_python().returncode == 8
    assert checkout.found_python(PYENV_ROOT=str(tmp_path / "elsewhere")).stdout == str(PYTHON)


@pytest.mark.parametrize("folder", ["shims", "bin"])
def test_pyenv_is_found_from_its_folders_on_path(checkout, tmp_path, folder):
    checkout.program("tools/pyenv/versions/3.12.9/bin/python", RUN)
    checkout.program(f"tools/pyenv/{folder}/python3.12", "exit 127")
    path = f"{tmp_path}/tools/pyenv/{folder}:{checkout.path}"
    assert checkout.found_python(PATH=path).stdout == str(PYTHON)


def test_a_broken_one_does_not_hide_a_good_one_of_the_same_name(checkout, tmp_path):
    checkout.program("shims/python3", "echo shim: command not found >&2; exit 127")
    checkout.program("bin/python3", RUN)
    assert checkout.found_python(PATH=f"{tmp_path}/shims:{checkout.path}").stdout == str(PYTHON)


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param("exit 127", id="shim"),
        pytest.param(f'[ "$1" = -I ] && set -- -I -c "raise ImportError" && {RUN}', id="without-venv"),
        pytest.param("exit 0", id="says-nothing"),
    ],
)
def test_a_python_that_does_not_run_is_skipped(checkout, refusal):
    checkout.program("bin/python3.14", refusal)
    checkout.program("bin/python", RUN)
    assert checkout.found_python().stdout == str(PYTHON)


def test_modules_of_the_current_folder_are_not_taken_for_pythons_own(checkout):
    (checkout.home / "venv.py").write_text("raise RuntimeError('not the real venv')")
    checkout.program("bin/python3", RUN)
    assert checkout.found_python().stdout == str(PYTHON)


def test_the_python_asked_for_is_taken_or_refused(checkout, tmp_path):
    checkout.program("bin/python3", RUN)
    checkout.program("odd/old", "exit 1")
    refused = checkout.run(VSMAGIC_PYTHON=str(tmp_path / "odd" / "old"))
    assert refused.returncode == 8
    assert "VSMAGIC_PYTHON is" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert checkout.found_python(VSMAGIC_PYTHON=str(PYTHON)).stdout == str(PYTHON)
    assert checkout.found_python(VSMAGIC_PYTHON="python3").stdout == str(PYTHON)
