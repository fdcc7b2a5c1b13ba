"""A builder that is missing, broken or of another version than the plugin: both versions and the command."""

import dataclasses
import sys
from types import ModuleType

import pytest

from vsmagic.engine.library import LIBRARIES, TENSORRT, TENSORRT_RTX, of_plugin, short
from vsmagic.errors import BackendError


@pytest.fixture
def installed(monkeypatch):
    """Pretend that a version of a library is installed."""

    def install(library, version):
        for name in library.modules:
            monkeypatch.setitem(sys.modules, name, None)
        module = ModuleType(library.modules[0])
        module.__version__ = version
        monkeypatch.setitem(sys.modules, library.modules[0], module)
        return module

    return install


@pytest.mark.parametrize(
    ("number", "version"), [(10701, "1.7.1"), (101303, "10.13.3"), (110000, "11.0.0"), (8601, "8.6.1")]
)
def test_what_plugins_tell_becomes_a_version(number, version):
    assert of_plugin(number) == version
    assert short(f"{version}.116") == version


@pytest.mark.parametrize("library", LIBRARIES.values(), ids=lambda library: library.backend)
def test_the_same_version_is_taken(installed, library):
    module = installed(library, "1.7.1.116")
    assert library.load("1.7.1") is module
    assert library.load(None) is module


@pytest.mark.parametrize(
    ("library", "command"),
    [
        (TENSORRT_RTX, "pip install 'tensorrt-rtx-cu13-libs==1.7.1.*' 'tensorrt-rtx-cu13-bindings==1.7.1.*'"),
        (TENSORRT, "pip install 'tensorrt-cu13-libs==1.7.1.*' 'tensorrt-cu13-bindings==1.7.1.*'"),
    ],
    ids=["trt_rtx", "trt"],
)
def test_another_version_is_refused_with_both_named_and_the_command(installed, library, command):
    installed(library, "1.6.0.45")
    with pytest.raises(BackendError) as caught:
        library.load("1.7.1")
    words = str(caught.value)
    assert f"plugin loads {library.title} 1.7.1" in words
    assert f"{library.title} 1.6.0.45 is installed" in words
    assert command in words


@pytest.mark.parametrize("wanted", ["1.7.1", None])
def test_a_missing_library_is_told_with_the_command(monkeypatch, wanted):
    library = dataclasses.replace(TENSORRT_RTX, modules=("nobody_has_this_library",))
    assert not library.installed()
    with pytest.raises(BackendError) as caught:
        library.load(wanted)
    words = str(caught.value)
    assert "TensorRT-RTX is not installed" in words
    assert (f"plugin loads TensorRT-RTX {wanted}" if wanted else "plugin is not installed either") in words
    assert "pip install 'tensorrt-rtx-cu13-libs" in words


@pytest.mark.parametrize(
    "text", ["import nobody_has_this", "raise OSError('libfoo.so.1: cannot open')", "raise RuntimeError('old glibc')"]
)
def test_a_broken_library_is_told(monkeypatch, tmp_path, text):
    (tmp_path / "broken_builder.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    library = dataclasses.replace(TENSORRT_RTX, modules=("broken_builder",))
    assert library.installed()
    with pytest.raises(BackendError, match=r"is installed and cannot be imported .* Run: pip install"):
        library.load("1.7.1")
