"""Carry what the check needs to a machine without a network, in pieces that fit.

``collect`` asks pip for the wheels, packs the files of each group into one strongly compressed archive, and cuts
archives that are larger than the limit. ``join`` checks the pieces against the manifest and unpacks them into a folder
for PYTHONPATH. ``join`` needs nothing but Python.
"""

import hashlib
import json
import lzma
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from vsmagic.errors import OptionError, OutputError, SetupError, SourceError

MANIFEST = "manifest.json"

# NVIDIA's CUDA and cuDNN (over 1 GB) are not among them: they come with PyTorch on the machine.
GROUPS: Mapping[str, Sequence[str]] = {
    "core": ("vapoursynth", "vapoursynth-mlrt-ort", "vapoursynth-mlrt-ort-cuda", "msgspec", "platformdirs"),
    "ncnn": ("vapoursynth-mlrt-ncnn",),
    "trt_rtx": (
        "vapoursynth-mlrt-trt-rtx",
        "tensorrt-rtx-cu13-libs==1.7.1.116",
        "tensorrt-rtx-cu13-bindings==1.7.1.116",
    ),
    "python": ("numpy", "onnx", "protobuf", "ml_dtypes", "typing_extensions"),
}

_MEBI = 2**20
# Newest first does not matter to pip, but it matches each number exactly.
_PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in (39, 35, 34, 31, 28, 27, 24, 17)]
_FILTERS = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 26}]


def collect(folder: Path, groups: Sequence[str], limit: int) -> list[dict[str, Any]]:
    """Download, pack and cut.

    Args:
        folder: receives the pieces and the manifest.
        groups: names out of ``GROUPS``.
        limit: largest piece in bytes.

    Returns:
        The manifest's archives: group, wheels, bytes and pieces.

    Raises:
        OptionError: no such group.
        SetupError: pip cannot get the wheels.
        OutputError: the folder cannot be written.
    """
    unknown = [group for group in groups if group not in GROUPS]
    if unknown:
        raise OptionError(f"--groups: {', '.join(unknown)} not known; expected {', '.join(GROUPS)}.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        archives = [_group(group, folder, limit) for group in groups]
        (folder / MANIFEST).write_text(json.dumps({"archives": archives}, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror}).") from error
    return archives


def _group(group: str, folder: Path, limit: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="vsmagic-collect-") as made:
        wheels, site = Path(made, "wheels"), Path(made, "site")
        _download(GROUPS[group], wheels)
        for wheel in sorted(wheels.glob("*.whl")):
            shutil.unpack_archive(wheel, site, "zip")
        archive = Path(made, f"{group}.tar.xz")
        with lzma.open(archive, "wb", format=lzma.FORMAT_XZ, filters=_FILTERS) as stream:
            _pack(site, stream)
        found = [{"name": wheel.name, "bytes": wheel.stat().st_size} for wheel in sorted(wheels.glob("*.whl"))]
        size = archive.stat().st_size
        return {"group": group, "wheels": found, "bytes": size, "pieces": list(_cut(archive, folder, limit))}


def _download(packages: Sequence[str], folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--python-version", "3.12", "--implementation", "cp", "--dest", str(folder)]
    for platform in _PLATFORMS:
        command += ["--platform", platform]
    done = subprocess.run([*command, *packages], capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        words = done.stderr.strip().splitlines()
        raise SetupError(f"collect: pip cannot download {', '.join(packages)}: {words[-1] if words else 'no message'}")


def _pack(site: Path, stream: Any) -> None:
    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(fileobj=stream, mode="w|") as tar:
        tar.add(site, ".", filter=plain)


def _cut(archive: Path, folder: Path, limit: int) -> Iterator[dict[str, Any]]:
    count = -(-archive.stat().st_size // limit)
    with archive.open("rb") as whole:
        for number in range(count):
            name = archive.name if count == 1 else f"{archive.name}.{number + 1}of{count}"
            content = whole.read(limit)
            (folder / name).write_bytes(content)
            yield {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def join(folder: Path, site: Path) -> list[str]:
    """Check the pieces that are in a folder and unpack every archive all pieces of which are there.

    Args:
        folder: holds the manifest and pieces; pieces of other archives may be missing.
        site: receives the files; give it to PYTHONPATH.

    Returns:
        The groups that were unpacked.

    Raises:
        SourceError: a piece is damaged, or no archive is whole.
    """
    try:
        archives = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["archives"]
    except (OSError, ValueError, KeyError) as error:
        raise SourceError(f"{folder / MANIFEST}: cannot be read ({error}). Collect again.") from error
    whole = [one for one in archives if all((folder / piece["name"]).is_file() for piece in one["pieces"])]
    if not whole:
        names = ", ".join(piece["name"] for one in archives for piece in one["pieces"])
        raise SourceError(f"{folder}: no archive is whole; expected all pieces of one: {names}.")
    for archive in whole:
        with tempfile.TemporaryFile() as stream:
            for piece in archive["pieces"]:
                _append(folder / piece["name"], piece["sha256"], stream)
            stream.seek(0)
            with tarfile.open(fileobj=stream, mode="r:xz") as tar:
                tar.extractall(site, filter="data")
    return [archive["group"] for archive in whole]


def _append(piece: Path, sha256: str, stream: BinaryIO | Any) -> None:
    content = piece.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise SourceError(f"{piece}: is not what was collected (its SHA-256 differs). Carry it again.")
    stream.write(content)


def told(archives: Sequence[Mapping[str, Any]]) -> str:
    """Return what was collected as lines for the terminal."""
    lines = []
    for archive in archives:
        lines.append(f"{archive['group']}: {archive['bytes'] / _MEBI:.1f} MiB")
        lines += [f"  from {wheel['name']} ({wheel['bytes'] / _MEBI:.1f} MiB)" for wheel in archive["wheels"]]
        lines += [f"  piece {piece['name']} ({piece['bytes'] / _MEBI:.1f} MiB)" for piece in archive["pieces"]]
    return "\n".join(lines)
