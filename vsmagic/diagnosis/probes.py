"""The questions of the doctor that load plugins and drivers; run as a program, one question a process.

    python -m vsmagic.diagnosis.probes QUESTION

The answer is one JSON object on stdout. What libraries write to stdout themselves goes to stderr.
"""

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

Answer = dict[str, Any]


def plugins() -> Answer:
    """Every plugin that VapourSynth loads: namespace to version and path."""
    import vapoursynth as vs

    return {
        "version": f"R{vs.core.core_version.release_major}",
        "threads": vs.core.num_threads,
        "plugins": {
            plugin.namespace: {
                "version": f"{plugin.version.major}.{plugin.version.minor}",
                "path": plugin.plugin_path,
            }
            for plugin in vs.core.plugins()
        },
    }


def backend(name: str) -> Answer:
    """What keeps a backend from running here, or its version once it has enlarged a small picture."""
    from vsmagic.backends import select

    chosen = next(backend for backend in select.BACKENDS if backend.name == name)
    installed = chosen.missing() is None
    trouble = select.trouble(chosen)
    ran = installed and trouble is None
    if ran:
        _enlarge(name)
    return {
        "installed": installed,
        "package": chosen.package,
        "trouble": trouble,
        "ran": ran,
        "version": chosen.version() if installed else None,
        "precisions": chosen.precisions,
    }


def choice() -> Answer:
    """Every backend in the order in which ``auto`` tries them, with what decides."""
    from vsmagic.backends import devices, operators, select
    from vsmagic.models import registry

    embedded = registry.resolve("auto").path
    taken = select.choose("auto", embedded).name
    return {
        "backends": [
            {
                "backend": one.name,
                "runs_on": devices.kind(one).words,
                "computes_in": one.precisions,
                "excludes": {str(operator): operators.why(operator) for operator in sorted(one.excludes)},
                "passed_by": select.passed_by(one, embedded),
                "taken": one.name == taken,
            }
            for one in select.BACKENDS
        ]
    }


def _enlarge(backend: str) -> None:
    import vapoursynth as vs

    import vsmagic

    if backend == "vsgan":  # it runs none of the embedded models
        from vsmagic.backends.vsgan import trial

        trial().get_frame(0)
        return
    flat = vs.core.std.BlankClip(width=32, height=32, length=1, format=vs.GRAYS, color=0.5)
    vsmagic.upscale(flat, scale=2, backend=backend, precision="f32").get_frame(0)


def ffms2() -> Answer:
    """What keeps the ffms2 loader from working, or what it goes through."""
    import vapoursynth as vs

    if hasattr(vs.core, "ffms2"):
        return {"through": "its VapourSynth plugin"}
    import importlib

    bindings: Any = importlib.import_module("ffms2")
    return {"through": f"its PyPI bindings and the system's library {bindings.get_version()}"}


def openvino() -> Answer:
    """OpenVINO's devices."""
    import vapoursynth as vs

    devices = vs.core.ov.AvailableDevices()
    return {"devices": [devices] if isinstance(devices, str | bytes) else list(devices)}


def vulkan() -> Answer:
    """Vulkan's devices, as ncnn sees them."""
    import vapoursynth as vs

    from vsmagic.backends.ncnn import NCNN

    if NCNN.missing() or NCNN.trouble():
        return {"devices": []}
    devices: list[Answer] = []
    while True:
        try:
            found = vs.core.ncnn.DeviceProperties(device_id=len(devices))
        except vs.Error:  # the one way to learn that there are no more
            return {"devices": devices}
        devices.append({"name": _plain(found["device_name"]), "type": int(found["type"])})


QUESTIONS: dict[str, Callable[[], Answer]] = {
    "plugins": plugins,
    "ffms2": ffms2,
    "openvino": openvino,
    "vulkan": vulkan,
    "choice": choice,
    **{name: partial(backend, name) for name in ("ov", "ort", "ort_cuda", "trt", "trt_rtx", "ncnn", "torch", "vsgan")},
}


def _answer(question: str) -> None:
    answers = os.dup(1)
    os.dup2(2, 1)
    text = json.dumps(QUESTIONS[question](), default=_plain)
    os.write(answers, text.encode())


def _plain(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


if __name__ == "__main__":
    try:
        _answer(sys.argv[1])
    except Exception as error:  # the doctor shows the last line
        sys.exit(f"{type(error).__name__}: {str(error).strip()}")
