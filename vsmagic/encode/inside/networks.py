"""Which networks a chain runs, noted while its graph is built. Runs inside vspipe."""

from collections.abc import Sequence

import vapoursynth as vs

from vsmagic.backends.base import Backend, Request
from vsmagic.encode.description import Network
from vsmagic.files import write_atomically
from vsmagic.settings import settings

_UNKNOWN_OPERATIONS = 1e6  # for a pixel, of a network that cannot be counted


class Networks:
    """Hears of every network that is applied."""

    def __init__(self) -> None:
        self._heard: list[tuple[Request, str, float]] = []

    def hear(self, clips: Sequence[vs.VideoNode], backend: Backend, request: Request) -> None:
        """Note a network and the pixels it is given."""
        first = clips[0]
        self._heard.append((request, backend.name, first.width * first.height * first.num_frames))

    def told(self) -> tuple[Network, ...]:
        """Return each network once."""
        found = {
            Network(
                name=request.model or request.network.stem, backend=backend, precision=request.precision,
                device=request.device, digest=_digest(request),
            )
            for request, backend, _ in self._heard
        }  # fmt: skip
        return tuple(sorted(found))

    def operations(self, frames: int) -> float:
        """Return the arithmetic of all networks for one of the output's frames."""
        return sum(_counted(request) * pixels for request, _, pixels in self._heard) / frames


def _counted(request: Request) -> float:
    """Return the operations for a pixel, which are kept: to read the network takes longer than all else together."""
    note = settings().cache / "arithmetic" / f"{_digest(request)[:32]}.txt"
    if note.is_file():
        return float(note.read_text(encoding="ascii"))
    from vsmagic.models import arithmetic

    counted = arithmetic.per_pixel(request.network) if request.network.suffix == ".onnx" else None
    operations = _UNKNOWN_OPERATIONS if counted is None else counted
    write_atomically(note, repr(operations).encode())
    return operations


def _digest(request: Request) -> str:
    from vsmagic.models.store import sha256_of

    return request.sha256 or sha256_of(request.network)
