"""Running a model on a clip, without the filter around it."""

from pathlib import Path
from typing import Any

import vapoursynth as vs

from vsmagic.backends import base, infer
from vsmagic.backends.torch import TORCH
from vsmagic.models import registry


def resolved(name: str, data: Path) -> registry.Model:
    return registry.resolve(name if name == "magic-x2" else str(data / "weights" / name))


def run(model: registry.Model, clip: vs.VideoNode, backend: base.Backend = TORCH, **more: Any) -> vs.VideoNode:
    return infer.infer(clip, infer.Plan(model=model, backend=backend, precision="f32", **more))
