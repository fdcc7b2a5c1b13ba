"""What is asked of the driver, with a stand-in for it."""

import ctypes

import pytest

from vsmagic.engine import gpu, plan
from vsmagic.engine.library import TENSORRT, TENSORRT_RTX
from vsmagic.errors import BackendError


class Driver:
    """Answers as the CUDA driver does: through pointers, with 0 for success."""

    def __init__(self, count: int = 1) -> None:
        self.count = count

    def cuInit(self, flags):  # noqa: ARG002, N802 - the driver's own names
        return 0 if self.count else 100

    def cuDeviceGetCount(self, count):  # noqa: N802
        count._obj.value = self.count
        return 0

    def cuDeviceGet(self, handle, device):  # noqa: N802
        handle._obj.value = device
        return 0

    def cuDeviceGetName(self, name, size, handle):  # noqa: ARG002, N802
        name.value = b"NVIDIA GeForce RTX 3060"
        return 0

    def cuDeviceTotalMem_v2(self, memory, handle):  # noqa: ARG002, N802
        memory._obj.value = 12 << 30
        return 0

    def cuDeviceGetAttribute(self, value, number, handle):  # noqa: ARG002, N802
        value._obj.value = {75: 8, 76: 6}[number]
        return 0

    def cuDriverGetVersion(self, version):  # noqa: N802
        version._obj.value = 13010
        return 0


@pytest.fixture
def driver(monkeypatch, tmp_path):
    """Put a driver in place, with what the kernel tells of it."""

    def install(stand_in, told=None):
        file = tmp_path / "version"
        if told is not None:
            file.write_text(told)
        monkeypatch.setattr(ctypes, "CDLL", stand_in)
        monkeypatch.setattr(gpu, "_DRIVER_FILE", file)
        gpu.facts.cache_clear()

    yield install
    gpu.facts.cache_clear()


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue Sep 23 10:11:16 UTC 2025\n", "580.95.05"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build\n", "570.86.15"),
        ("something else\n", "CUDA 13.1"),
        (None, "CUDA 13.1"),
    ],
)
def test_a_gpu_is_described(driver, told, version):
    driver(lambda _: Driver(), told)
    assert gpu.facts(0) == gpu.Gpu(name="NVIDIA GeForce RTX 3060", capability="8.6", memory=12 << 30, driver=version)


@pytest.mark.parametrize(("count", "device"), [(0, 0), (1, 1), (2, -1)])
def test_a_gpu_that_is_not_there_is_named(driver, count, device):
    driver(lambda _: Driver(count))
    with pytest.raises(BackendError, match=f"GPU {device}: not found"):
        gpu.facts(device)


def test_no_driver_is_told(driver):
    def missing(name):
        raise OSError(name)

    driver(missing)
    with pytest.raises(BackendError, match=r"no NVIDIA driver was found \(libcuda"):
        gpu.facts(0)
    with pytest.raises(BackendError, match=r"backend trt_rtx: .* name a compute capability, such as 8\.6"):
        plan.target(TENSORRT_RTX, 0)


def test_classic_engines_are_for_one_gpu_and_driver_and_rtx_engines_for_a_generation(driver):
    driver(lambda _: Driver())
    classic, rtx = plan.target(TENSORRT, 0), plan.target(TENSORRT_RTX, 0)
    assert (classic.capabilities, classic.gpu, classic.driver) == ((), "NVIDIA GeForce RTX 3060", "CUDA 13.1")
    assert (rtx.capabilities, rtx.gpu, rtx.driver) == (("8.6",), "", "")
    assert plan.target(TENSORRT_RTX, 0, ("12.0", "8.9", "12.0")).capabilities == ("8.9", "12.0")
