"""A machine with an RTX 3060 and the plugin for it, of which only the builder of engines is real.

python -c "import rtx_machine; rtx_machine.pretend(); from vsmagic.cli.main import main; main()" …
"""

from types import SimpleNamespace
from typing import Any

import vapoursynth as vs

from vsmagic.backends import base, compiled, trt
from vsmagic.engine import gpu
from vsmagic.engine.gpu import Gpu

GPU = Gpu(name="NVIDIA GeForce RTX 3060", capability="8.6", memory=12 << 30, driver="580.95.05")


class Plugin:
    """Takes every engine; enlarges one clip by repeating pixels, and of three gives the first."""

    def Version(self) -> dict[str, object]:  # noqa: N802 - the plugin's own name
        return {"tensorrt_version": b"10701", "version": b"test"}

    def Model(self, clips: list[vs.VideoNode], path: str, **_arguments: object) -> vs.VideoNode:  # noqa: N802
        with open(path, "rb") as file:  # noqa: PTH123
            assert file.read(1)
        return clips[0] if len(clips) > 1 else clips[0].resize.Point(clips[0].width * 2, clips[0].height * 2)


def pretend(change: Any = setattr) -> None:
    """Be that machine from now on; ``change`` is what sets an attribute, such as a test's ``monkeypatch.setattr``."""
    fake = SimpleNamespace(core=SimpleNamespace(trt_rtx=Plugin()), Error=vs.Error, VideoNode=vs.VideoNode)
    change(base, "vs", fake)
    change(compiled, "vs", fake)
    change(gpu, "facts", lambda _: GPU)
    change(trt, "driver_trouble", lambda: None)
