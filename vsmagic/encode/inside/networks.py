"""Which networks a chain runs, noted while its graph is built. Runs inside vspipe."""

from collections.abc import Sequence

import vapoursynth as vs

from vsmagic.backends.base import Backend, Request
from vsmagic.encode.description import Network

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
        from vsmagic.models.store import sha256_of

        found = {
            Network(
                name=request.model or request.network.stem, backend=backend, precision=request.precision,
                device=request.device, digest=request.sha256 or sha256_of(request.network),
            )
            for request, backend, _ in self._heard
        }  # fmt: skip
        return tuple(sorted(found))

    def operations(self, frames: int) -> float:
        """Return the arithmetic of all networks for one of the output's frames."""
        from vsmagic.models import arithmetic

        def once(request: Request) -> float:
            counted = arithmetic.per_pixel(request.network) if request.network.suffix == ".onnx" else None
            return _UNKNOWN_OPERATIONS if counted is None else counted

        return sum(once(request) * pixels for request, _, pixels in self._heard) / frames
