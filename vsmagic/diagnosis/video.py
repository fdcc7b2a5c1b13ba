"""VapourSynth, its plugins, and the backends that run networks."""

import subprocess
from functools import partial

from vsmagic.backends import nvidia
from vsmagic.diagnosis.check import Check, Examination, State, mended, pip
from vsmagic.diagnosis.isolated import NoAnswerError, ask
from vsmagic.errors import VsmagicError

_REQUIRED_BACKENDS = ("ov", "ort")  # both of the base install
_ON_NVIDIA = ("ort_cuda", "trt_rtx", "trt")


def _vapoursynth() -> Check:
    try:
        told = ask("plugins")
    except NoAnswerError as error:
        return Check(
            group="VapourSynth",
            name="VapourSynth",
            state="broken",
            detail=str(error),
            remedy=pip("--force-reinstall vapoursynth"),
            required=True,
        )
    detail = f"{told['version']}, {len(told['plugins'])} plugins, {told['threads']} threads"
    return Check(group="VapourSynth", name="VapourSynth", state="ok", detail=detail, required=True)


def _vspipe() -> Check:
    from vsmagic.encode.vspipe import find_vspipe

    check = partial(Check, group="VapourSynth", name="vspipe", required=True)
    try:
        vspipe = find_vspipe()
        done = subprocess.run(
            [str(vspipe.program), "--version"], env=vspipe.environ(), capture_output=True, timeout=60, check=False
        )
    except VsmagicError as error:
        return check(state="broken", detail=str(error))
    except (OSError, subprocess.TimeoutExpired) as error:
        return check(state="broken", detail=str(error), remedy=pip("--force-reinstall vapoursynth"))
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        return check(
            state="broken",
            detail=words[-1] if words else f"exit code {done.returncode}",
            remedy=pip("--force-reinstall vapoursynth"),
        )
    return check(state="ok", detail=str(vspipe.program))


def _plugin(namespace: str, package: str, use: str, *, required: bool = False) -> Check:
    check = partial(Check, group="VapourSynth", name=namespace, required=required)
    absent: State = "missing" if required else "optional"
    try:
        found = ask("plugins")["plugins"].get(namespace)
    except NoAnswerError:
        return check(state="broken" if required else "optional", detail="VapourSynth does not load")
    if found is None:
        return check(state=absent, detail=f"{use}; not installed", remedy=pip(package))
    return check(state="ok", detail=f"{use}; version {found['version']}")


def _ffms2() -> Check:
    check = partial(Check, group="VapourSynth", name="ffms2")
    try:
        return check(state="ok", detail=f"FFMS2, the second loader; {ask('ffms2')['through']}")
    except NoAnswerError as error:
        remedy = f"{pip('ffms2')}, and the system's library (Debian, Ubuntu: apt install libffms2-5)"
        return check(state="optional", detail=f"FFMS2, the second loader; not usable: {error}", remedy=remedy)


def _backend(name: str, *, required: bool) -> Check:
    check = partial(Check, group="Backends", name=name, required=required)
    if name in _ON_NVIDIA and nvidia.driver_trouble():
        return check(state="optional", detail="needs an NVIDIA GPU")
    try:
        told = ask(name)
    except NoAnswerError as error:
        mending = (
            pip(f"--force-reinstall vapoursynth-mlrt-{name}")
            if required
            else "reinstall its driver, or use another backend"
        )
        return check(state="broken", detail=str(error), remedy=mending)
    if told["trouble"] is None:
        ran = "ran a network; " if told["ran"] else ""
        detail = f"{told['version']}; {ran}computes in {', '.join(told['precisions'])}"
        return check(state="ok", detail=detail)
    wrong, remedy = mended(told["trouble"])
    return check(state="missing" if required else "optional", detail=wrong, remedy=remedy)


EXAMINATIONS: tuple[Examination, ...] = (
    _vapoursynth,
    _vspipe,
    partial(_plugin, "bs", "vapoursynth-bestsource", "BestSource, opens videos", required=True),
    _ffms2,
    partial(_plugin, "vszip", "vapoursynth-vszip", "measures pictures"),
    partial(_plugin, "mv", "'vsmagic[mvtools]'", "MVTools, frames in between by block motion"),
    *(partial(_backend, name, required=True) for name in _REQUIRED_BACKENDS),
    *(partial(_backend, name, required=False) for name in ("ncnn", *_ON_NVIDIA, "torch", "vsgan")),
)
