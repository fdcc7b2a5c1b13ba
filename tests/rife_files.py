"""Weights of RIFE, random, and the files that hold them."""

import functools
from pathlib import Path
from typing import Any

import torch

import rife_reference as reference
from vsmagic.models.rife import architecture, convert


@functools.cache
def weights(version: str) -> dict[str, torch.Tensor]:
    return dict(reference.random(version).state_dict())


@functools.cache
def exported(version: str, flow_scale: float = 1.0) -> bytes:
    """The ONNX, made once: that takes seconds."""
    found = convert.Weights(architecture=architecture.of_version(version), tensors=weights(version))
    return convert.export(found, flow_scale, Path(version))


def saved(path: Path, version: str = "4.15-lite", *, prefix: str = "module.", **changed: Any) -> Path:
    """Write weights as the authors do, some of them changed; None leaves one out."""
    tensors = {name: values for name, values in (weights(version) | changed).items() if values is not None}
    torch.save({prefix + name: values for name, values in tensors.items()}, path)
    return path
