"""The backends that load engines: found, built on first use, built again when refused; the plugin is a stand-in."""

import dataclasses
import os
import re
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import msgspec
import pytest
import vapoursynth as vs

from vsmagic.backends import base, compiled, infer, select, trt
from vsmagic.backends.base import Request
from vsmagic.backends.infer import Plan
from vsmagic.engine import gpu, make
from vsmagic.engine.gpu import Gpu
from vsmagic.engine.library import TENSORRT_RTX
from vsmagic.engine.store import Store
from vsmagic.errors import BackendError, ModelError, NotReadyError
from vsmagic.models import registry

GPU = Gpu(name="NVIDIA GeForce RTX 3060", capability="8.6", memory=12 << 30, driver="580.95.05")


class Plugin:
    """Takes every engine but those it is told to refuse, and enlarges by repeating pixels."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, object]]] = []
        self.refuse: list[str] = []

    def Version(self) -> dict[str, object]:  # noqa: N802 - the plugin's own name
        return {"tensorrt_version": b"10701"}

    def Model(self, clips: list[vs.VideoNode], path: str, **arguments: object) -> vs.VideoNode:  # noqa: N802
        self.calls.append((path, arguments))
        if self.refuse:
            raise vs.Error(self.refuse.pop(0))
        return clips[0].resize.Point(clips[0].width * 2, clips[0].height * 2)


@pytest.fixture
def plugin(monkeypatch, tmp_path):
    """A machine with an RTX 3060 and the plugin for it."""
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path))
    stand_in = Plugin()
    fake = SimpleNamespace(core=SimpleNamespace(trt_rtx=stand_in), Error=vs.Error, VideoNode=vs.VideoNode)
    monkeypatch.setattr(base, "vs", fake)
    monkeypatch.setattr(compiled, "vs", fake)
    monkeypatch.setattr(gpu, "facts", lambda _: GPU)
    monkeypatch.setattr(trt, "driver_trouble", lambda: None)
    return stand_in


@pytest.fixture
def request_(networks):
    return Request(network=networks["srvgg"], precision="f16", model="srvgg", sha256="ab" * 32)


@pytest.fixture
def clip():
    return vs.core.std.BlankClip(width=64, height=48, format=vs.RGBS, length=2, color=[0.1, 0.5, 0.9])


def test_the_first_use_builds_and_the_second_finds(plugin, request_, clip, rtx, monkeypatch):
    base.run([clip], trt.TRT_RTX, request_)
    (engine,) = Store().all()
    assert plugin.calls == [(str(engine.path), {"device_id": 0, "num_streams": 1, "verbosity": 1})]
    assert engine.record.key.capabilities == ("8.6",)
    assert (engine.record.name, engine.record.key.model, engine.record.key.precision) == ("srvgg", "ab" * 32, "f16")

    def forbidden(*arguments, **more):
        raise AssertionError

    # A hit imports nothing, starts nothing, takes no lock and reads neither network nor engine.
    monkeypatch.setattr(type(TENSORRT_RTX), "load", forbidden)
    monkeypatch.setattr(subprocess, "Popen", forbidden)
    monkeypatch.setattr(make.lock, "exclusive", forbidden)
    stat = engine.path.stat()
    engine.path.write_bytes(b"x" * stat.st_size)
    os.utime(engine.path, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    again = msgspec.structs.replace(request_, network=request_.network.with_name("gone.onnx"), streams=3, device=0)
    imported = set(sys.modules)
    base.run([clip], trt.TRT_RTX, again)
    assert set(sys.modules) == imported
    assert plugin.calls[-1] == (str(engine.path), {"device_id": 0, "num_streams": 3, "verbosity": 1})


@pytest.mark.parametrize(
    "words", ["operator(): engine deserialization failed", "operator(): invalid engine: malformed"]
)
@pytest.mark.usefixtures("rtx")
def test_a_refused_engine_is_built_again(plugin, request_, clip, caplog, words):
    base.run([clip], trt.TRT_RTX, request_)
    (before,) = Store().all()
    plugin.refuse = [words]
    base.run([clip], trt.TRT_RTX, request_)
    (after,) = Store().all()
    assert after.stamp != before.stamp
    assert f"does not load ({words}); building it again" in caplog.text


def test_where_nothing_may_be_built_what_is_missing_is_an_error(plugin, request_, clip, rtx, monkeypatch):
    monkeypatch.setenv("VSMAGIC_BUILD", "off")
    with pytest.raises(NotReadyError, match=r"srvgg: its engine for 64x48 has to be built, .*VSMAGIC_BUILD is off"):
        base.run([clip], trt.TRT_RTX, request_)
    assert not Store().folder.exists()
    monkeypatch.delenv("VSMAGIC_BUILD")
    base.run([clip], trt.TRT_RTX, request_)
    (engine,) = Store().all()
    monkeypatch.setenv("VSMAGIC_BUILD", "off")
    base.run([clip], trt.TRT_RTX, request_)
    assert plugin.calls[-1][0] == str(engine.path)
    plugin.refuse = ["operator(): engine deserialization failed"]
    with pytest.raises(NotReadyError, match="does not load and has to be built again"):
        base.run([clip], trt.TRT_RTX, request_)
    assert [known.stamp for known in Store().all()] == [engine.stamp]


def test_an_engine_that_is_refused_twice_is_an_error(plugin, request_, clip, rtx):
    plugin.refuse = ["operator(): engine deserialization failed"] * 2
    with pytest.raises(ModelError, match=r"cannot run srvgg.onnx on a 64x48 clip .*deserialization failed"):
        base.run([clip], trt.TRT_RTX, request_)
    assert len(plugin.calls) == 2


def test_trouble_with_the_device_builds_nothing_again(plugin, request_, clip, rtx):
    plugin.refuse = ["operator(): invalid device ID (7)"]
    with pytest.raises(BackendError, match="invalid device ID"):
        base.run([clip], trt.TRT_RTX, request_)
    assert len(plugin.calls) == 1


def test_a_model_of_two_passes_has_an_engine_for_each_size(plugin, rtx, clip, monkeypatch):
    monkeypatch.setattr(select, "trouble", lambda _: None)
    luma = clip.std.ShufflePlanes(0, vs.GRAY)
    twice = msgspec.structs.replace(registry.resolve("magic-x2"), passes=2)
    plan = Plan(model=twice, backend=trt.TRT_RTX, precision="f16")
    result = infer.infer(luma, plan)
    assert (result.width, result.height) == (256, 192)
    sizes = {engine.record.key.shapes.opt for engine in Store().all()}
    assert sizes == {(64, 48), (128, 96)}
    # What was built ahead is what is looked for.
    from vsmagic.engine import plan as plans
    from vsmagic.engine.key import Shapes

    jobs = plans.jobs(
        plan.model, TENSORRT_RTX, "1.7.1", plans.target(TENSORRT_RTX, 0), shapes=Shapes.fixed((64, 48)), precision="f16"
    )
    assert {job.key.digest() for job in jobs} == {engine.digest for engine in Store().all()}


def test_frames_are_cut_by_the_gpus_memory_and_not_by_the_computers(plugin, monkeypatch):
    monkeypatch.setenv("VSMAGIC_MEMORY", "1")
    assert trt.TRT_RTX.memory(0) == 6 << 30
    assert select.OV.memory(0) == 1 << 20


@pytest.mark.parametrize(
    ("capability", "library", "trouble"),
    [
        ("8.6", TENSORRT_RTX, None),
        (
            "9.0",
            TENSORRT_RTX,
            "TensorRT-RTX has no engines for NVIDIA GeForce RTX 3060 .*9.0, not one of .* use backend trt or ort",
        ),
        (
            "8.6",
            dataclasses.replace(TENSORRT_RTX, modules=("nobody_has_this",)),
            "not installed; run: pip install '.*1.7.1",
        ),
    ],
    ids=["fine", "another generation", "no builder"],
)
def test_what_keeps_it_from_running_is_told(plugin, monkeypatch, capability, library, trouble):
    monkeypatch.setattr(gpu, "facts", lambda _: dataclasses.replace(GPU, capability=capability))
    monkeypatch.setattr(type(TENSORRT_RTX), "installed", lambda self: "nobody_has_this" not in self.modules)
    told = compiled.trouble(library)
    assert told is None if trouble is None else re.search(trouble, told)


def test_engines_built_elsewhere_do_without_a_builder(plugin, job):
    Store().add(job().key, b"engine", name="test", builder="TensorRT-RTX 1.7.1.116", seconds=1.0)
    assert compiled.trouble(dataclasses.replace(TENSORRT_RTX, modules=("nobody_has_this",))) is None


def test_another_version_than_the_plugins_is_told_with_both(plugin, request_, clip, monkeypatch):
    other = ModuleType("tensorrt_rtx")
    other.__version__ = "1.6.0.45"
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", other)
    with pytest.raises(BackendError, match=r"loads TensorRT-RTX 1\.7\.1, and TensorRT-RTX 1\.6\.0\.45 is installed"):
        base.run([clip], trt.TRT_RTX, request_)
