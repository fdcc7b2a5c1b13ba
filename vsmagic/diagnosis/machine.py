"""Python, processor, memory and graphics devices."""

import platform
import subprocess
import sys
from shutil import which

from vsmagic import __version__
from vsmagic.backends import nvidia
from vsmagic.diagnosis.check import Check, Examination, mended, pip
from vsmagic.diagnosis.isolated import NoAnswerError, ask
from vsmagic.machine import machine

_OLDEST = (3, 12)
_LITTLE_MEMORY = 4 * 2**30
_SOFTWARE = 3  # ncnn's number for a Vulkan device that is the processor


def _python() -> Check:
    recent = sys.version_info >= _OLDEST
    return Check(
        group="Machine",
        name="Python",
        state="ok" if recent else "broken",
        detail=f"{platform.python_version()}, {sys.executable}",
        remedy=None if recent else "install Python 3.12 or newer; scripts/vsmagic finds it and makes .venv with it",
        required=True,
    )


def _vsmagic() -> Check:
    from vsmagic.diagnosis.files import package

    return Check(group="Machine", name="vsmagic", state="ok", detail=f"{__version__}, {package()}", required=True)


def _processor() -> Check:
    found = machine()
    has = ", ".join(found.features) or "instruction sets unknown"
    lacks = f"; no {', '.join(found.lacking)}" if found.lacking else ""
    return Check(
        group="Machine", name="processor", state="ok", detail=f"{found.processor}, {found.cores} cores, {has}{lacks}"
    )


def _memory() -> Check:
    size = machine().memory
    if 0 < size < _LITTLE_MEMORY:
        remedy = "set VSMAGIC_MEMORY (MiB a model may take) below 512 if it runs short"
        return Check(
            group="Machine", name="memory", state="ok", detail=f"{size / 2**30:.1f} GiB, little", remedy=remedy
        )
    return Check(
        group="Machine", name="memory", state="ok", detail=f"{size / 2**30:.1f} GiB" if size else "size unknown"
    )


def _nvidia() -> Check:
    trouble = nvidia.driver_trouble()
    if trouble:
        detail, remedy = mended(trouble)
        return Check(group="Devices", name="NVIDIA GPU", state="optional", detail=detail, remedy=remedy)
    return Check(group="Devices", name="NVIDIA GPU", state="ok", detail=_nvidia_names())


def _nvidia_names() -> str:
    program = which("nvidia-smi")
    if program is None:
        return "driver and GPU found (nvidia-smi is not on PATH)"
    query = [program, "--query-gpu=name,driver_version,memory.total,compute_cap", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return f"driver and GPU found (nvidia-smi fails: {error})"
    return "; ".join(done.stdout.strip().splitlines())


def _openvino() -> Check:
    name = "OpenVINO devices"
    try:
        devices = ask("openvino")["devices"]
    except NoAnswerError as error:
        return Check(group="Devices", name=name, state="broken", detail=str(error), remedy=pip("vapoursynth-mlrt-ov"))
    return Check(group="Devices", name=name, state="ok", detail=", ".join(devices))


def _vulkan() -> Check:
    name = "Vulkan devices"
    try:
        devices = ask("vulkan")["devices"]
    except NoAnswerError as error:
        remedy = "reinstall the GPU's Vulkan driver, or use another backend"
        return Check(group="Devices", name=name, state="broken", detail=str(error), remedy=remedy)
    if not devices:
        return Check(group="Devices", name=name, state="optional", detail="none, or the ncnn backend is not ready")
    names = (found["name"] + (" (software)" if found["type"] == _SOFTWARE else "") for found in devices)
    return Check(group="Devices", name=name, state="ok", detail=", ".join(names))


EXAMINATIONS: tuple[Examination, ...] = (_python, _vsmagic, _processor, _memory, _openvino, _vulkan, _nvidia)
