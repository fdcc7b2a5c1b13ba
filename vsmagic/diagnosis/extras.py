"""The extras whose parts are Python libraries rather than plugins."""

from collections.abc import Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from vsmagic.diagnosis.check import Check, Examination, pip


def _extra(name: str, packages: Sequence[str], use: str) -> Check:
    check = partial(Check, group="Extras", name=name)
    versions = {package: _version(package) for package in packages}
    lacking = [package for package, found in versions.items() if found is None]
    if lacking:
        detail = f"{', '.join(lacking)} not installed ({use})"
        return check(state="optional", detail=detail, remedy=pip(f"'vsmagic[{name}]'"))
    return check(state="ok", detail=f"{', '.join(f'{package} {found}' for package, found in versions.items())} ({use})")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


EXAMINATIONS: tuple[Examination, ...] = (
    partial(_extra, "convert", ("torch", "spandrel", "onnxscript"), "reads .pth and .safetensors models"),
    partial(_extra, "quantize", ("onnxruntime", "numpy", "pillow"), "makes int8 models"),
    partial(_extra, "train", ("torch", "numpy", "pillow", "onnxscript"), "trains models"),
)
