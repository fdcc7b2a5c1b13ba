"""What ``import vsmagic`` offers, and what it costs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import vsmagic

HEAVY = ("av", "numpy", "onnx", "rich", "torch", "vapoursynth")


def test_all_is_what_the_module_offers() -> None:
    assert sorted(vsmagic.__all__) == sorted(vsmagic._HOME_OF)
    assert list(vsmagic.__all__) == sorted(vsmagic.__all__)
    for name in vsmagic.__all__:
        value = getattr(vsmagic, name)
        assert value.__name__ == name
        assert value.__module__ == f"vsmagic.{vsmagic._HOME_OF[name]}"


def test_every_error_is_offered() -> None:
    from vsmagic import errors

    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert kinds <= set(vsmagic.__all__)
    for name in kinds:
        assert issubclass(getattr(errors, name), vsmagic.VsmagicError)
        assert f"{name} " in (errors.__doc__ or "")


@pytest.mark.parametrize("home", sorted(set(vsmagic._HOME_OF.values())))
def test_importing_a_submodule_hides_no_public_name(home: str) -> None:
    """``import vsmagic.source`` made ``vsmagic.source(...)`` a call of a module."""
    code = (
        f"import vsmagic, vsmagic.{home}\nfrom vsmagic.{home} import {home.rsplit('.', maxsplit=1)[-1]} as _\n"
        if home.rsplit(".", maxsplit=1)[-1] in vsmagic.__all__
        else f"import vsmagic, vsmagic.{home}\n"
    )
    code += "import types\nassert not any(isinstance(getattr(vsmagic, n), types.ModuleType) for n in vsmagic.__all__)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="denoise"):
        vsmagic.denoise  # noqa: B018


@pytest.mark.parametrize(
    "module", ["vsmagic", "vsmagic.chain", "vsmagic.keyframes", "vsmagic.settings", "vsmagic.errors", "vsmagic.media"]
)
def test_importing_is_light(module: str) -> None:
    code = f"import sys, {module}; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# What no script needs that only builds a graph. (A dataclass takes 0.7 ms of every start to define, a Struct 0.02.)
DEAR = (
    "dataclasses", "difflib", "hashlib", "_hashlib", "importlib.metadata", "json", "platformdirs", "tomllib",
    "vsmagic.backends.compiled", "vsmagic.backends.torch_", "vsmagic.backends.tune.", "vsmagic.chain", "vsmagic.engine",
    "vsmagic.filters.dezoom", "vsmagic.media", "vsmagic.models.rife.architecture", "vsmagic.models.rife.convert",
    "vsmagic.source", "vsmagic.training",
)  # fmt: skip


@pytest.mark.parametrize(
    ("call", "home", "other"),
    [
        ("vsmagic.upscale(clip, scale=2, backend='ort')", "vsmagic.filters.upscale", "vsmagic.filters.interpolate"),
        ("vsmagic.interpolate(clip, fps=60, backend='ort')", "vsmagic.filters.interpolate", "vsmagic.filters.upscale"),
    ],
    ids=["enlarges", "interpolates"],
)
def test_a_script_waits_for_no_more_than_it_needs(call: str, home: str, other: str, tmp_path: Path) -> None:
    """A player runs the script again at every seek: what each import costs is paid there."""
    code = (
        "import sys, vapoursynth as vs\nbefore = set(sys.modules)\nimport vsmagic\n"
        "clip = vs.core.std.BlankClip(width=64, height=48, format=vs.YUV420P8, length=10)\n"
        f"{call}\nprint(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={name: value for name, value in os.environ.items() if name != "VSMAGIC_CACHE"}
        | {"XDG_CACHE_HOME": str(tmp_path)},
    )  # fmt: skip
    loaded = [f"{name}." for name in done.stdout.split()]
    assert f"{home}." in loaded
    assert not [name for name in loaded if name.startswith((*HEAVY, *DEAR, other))]
