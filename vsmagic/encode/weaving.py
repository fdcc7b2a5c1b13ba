"""What is done about a source whose pictures may be woven of two fields, before anything is made of them.

The run of the script that describes a job also looks at the source, unless the chain says what is to be done or makes
no new pictures. The answer is a step of the chain, so that the chain alone tells what the output is, and a job that is
continued asks nobody again.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from vsmagic import chain as chains
from vsmagic.chain import Chain
from vsmagic.errors import InterlacedError, OptionError
from vsmagic.steps import AsProgressiveStep, FieldsStep

if TYPE_CHECKING:
    from vsmagic.filters.look import Finding
    from vsmagic.media import VideoTrack

log = logging.getLogger(__name__)

_REMEDIES = {
    "interlaced": "--fields double (a picture of every field), deinterlace (of every frame) or keep (as they are)",
    "telecined": "--fields inverse-telecine (film gets its own frames back), deinterlace or keep (as they are)",
}
_UNTURNED = "store it unturned first (ffmpeg -display_rotation 0 -i IN -c copy OUT), and turn the output"


def looks(chain: str, video: "VideoTrack") -> dict[str, str]:
    """Return the argument of ``encode.vpy`` that lets it look at the source; none where there is nothing to find out.

    Args:
        chain: JSON.
        video: the track.

    Raises:
        OptionError: the chain is to mend fields that were turned.
    """
    parsed = chains.parse(chain, folder=Path.cwd())
    if chains.mends_fields(parsed):
        _check_turned(parsed, video)
        if AsProgressiveStep() in parsed.steps and video.field_order in ("top", "bottom"):
            log.warning("the video is tagged as interlaced, and its pictures are taken as they are")
        return {}
    if not chains.makes_pictures(parsed):
        return {}
    return {"look": "turned" if video.rotation % 180 else "1"}


def check(name: str, found: "Finding", *, turned: bool) -> None:
    """Refuse a source whose pictures are woven: nothing says what becomes of them.

    Args:
        name: the file's.
        found: by a look at it.
        turned: it was turned by 90 degrees after it was woven.

    Raises:
        InterlacedError: they are.
    """
    if found.kind == "progressive":
        return
    remedy = f"{_UNTURNED}, or give --fields keep (as they are)" if turned else f"give {_REMEDIES[found.kind]}"
    raise InterlacedError(
        f"{name}: its pictures are {words(found)}, and would show combs if they were enlarged or moved so; {remedy}.",
        kind="turned" if turned else found.kind,
        order=found.order or "top",
    )


def words(found: "Finding") -> str:
    """Say what was found, without a full stop."""
    if found.kind == "progressive":
        return "whole pictures" if found.tagged is None else "whole pictures, though tagged as interlaced"
    kind = "telecined film" if found.kind == "telecined" else "interlaced"
    seen = f"in {found.woven} of {found.telling} frames that move" if found.telling else "by the tag, as nothing moves"
    return f"{kind}, {found.order} field first ({seen})"


def _check_turned(chain: Chain, video: "VideoTrack") -> None:
    mending = next(step for step in chain.steps if isinstance(step, FieldsStep))
    if isinstance(mending, AsProgressiveStep) or not video.rotation % 360:
        return
    if video.rotation % 180:
        raise OptionError(
            f"the picture is turned by {video.rotation} degrees, so that its fields lie in columns and cannot be taken "
            f"apart; {_UNTURNED}."
        )
    if mending.order == "auto":
        raise OptionError(
            "the picture is turned by 180 degrees, so that its tag names the wrong field; give the order, top or "
            "bottom, in a chain file, or leave --fields out to have the frames looked at."
        )
