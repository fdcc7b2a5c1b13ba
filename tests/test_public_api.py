"""What ``import vsmagic`` offers, and what it costs."""

import subprocess
import sys

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


def test_a_script_that_enlarges_waits_for_no_more_than_it_needs() -> None:
    """A player runs the script again at every seek: what each import costs is paid there."""
    code = (
        "import sys, vapoursynth\nbefore = set(sys.modules)\nimport vsmagic\nvsmagic.upscale\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    dear = (*HEAVY, "importlib.metadata", "platformdirs", "tomllib", "vsmagic.engine", "vsmagic.training")
    assert not [name for name in loaded if name.startswith(dear)]
