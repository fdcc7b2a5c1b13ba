"""The cache folder, the models and the scripts that belong to the package."""

import contextlib
import hashlib
import shutil
import tempfile
from functools import partial
from pathlib import Path

from vsmagic.diagnosis.check import Check, Examination
from vsmagic.errors import OptionError, SetupError, VsmagicError
from vsmagic.settings import settings
from vsmagic.shipped import shipped

_LITTLE_SPACE = 2**30


def package() -> Path:
    """Return the folder this package was imported from."""
    return Path(__file__).parents[1]


def _cache() -> Check:
    check = partial(Check, group="Files", name="cache", required=True)
    try:
        folder = settings().cache
    except OptionError as error:
        return check(state="broken", detail=str(error))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        detail = f"{folder}: cannot be written ({error.strerror})"
        return check(state="broken", detail=detail, remedy="set VSMAGIC_CACHE to a folder that can be written")
    detail = f"{folder}, writable, {_size(folder) / 2**20:.0f} MiB, {free / 2**30:.1f} GiB free"
    if free < _LITTLE_SPACE:
        return check(state="ok", detail=detail, remedy=f"free some space, or move it with VSMAGIC_CACHE: {folder}")
    return check(state="ok", detail=detail)


def _size(folder: Path) -> int:
    size = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # another vsmagic may clear up meanwhile
            size += file.lstat().st_size
    return size


def _models() -> Check:
    from vsmagic.models import registry

    check = partial(Check, group="Files", name="models", required=True)
    try:
        found = [registry.resolve(entry.name) for entry in registry.ENTRIES]
        for model in found:
            for network in model.networks:
                if hashlib.sha256(network.path.read_bytes()).hexdigest() != network.sha256:
                    return check(state="broken", detail=f"{network.path}: is damaged", remedy="install vsmagic again")
    except (VsmagicError, OSError) as error:
        return check(state="missing", detail=str(error), remedy="install vsmagic again")
    return check(state="ok", detail=f"embedded: {', '.join(model.name for model in found)}")


def _script() -> Check:
    check = partial(Check, group="Files", name="encode.vpy", required=True)
    try:
        return check(state="ok", detail=str(shipped("encode.vpy")))
    except SetupError as error:
        return check(state="missing", detail=str(error), remedy="install vsmagic again")


EXAMINATIONS: tuple[Examination, ...] = (_cache, _models, _script)
