"""vsmagic makes any video better: undoes digital zoom, upscales and interpolates, in VapourSynth.

::

    import vsmagic
    clip = vsmagic.source("holiday.mp4")
    clip = vsmagic.dezoom(clip, keyframes="zoom.json")
    clip = vsmagic.upscale(clip, target="auto")
    clip.set_output()
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vsmagic.chain import Chain as Chain
    from vsmagic.errors import BackendError as BackendError
    from vsmagic.errors import ChainError as ChainError
    from vsmagic.errors import EncodeError as EncodeError
    from vsmagic.errors import FormatError as FormatError
    from vsmagic.errors import InterlacedError as InterlacedError
    from vsmagic.errors import KeyframeError as KeyframeError
    from vsmagic.errors import MissingModelError as MissingModelError
    from vsmagic.errors import ModelError as ModelError
    from vsmagic.errors import NotReadyError as NotReadyError
    from vsmagic.errors import OptionError as OptionError
    from vsmagic.errors import OutputError as OutputError
    from vsmagic.errors import SetupError as SetupError
    from vsmagic.errors import SourceError as SourceError
    from vsmagic.errors import VsmagicError as VsmagicError
    from vsmagic.filters.constant_rate import constant_rate as constant_rate
    from vsmagic.filters.dezoom import dezoom as dezoom
    from vsmagic.filters.fields import as_progressive as as_progressive
    from vsmagic.filters.fields import deinterlace as deinterlace
    from vsmagic.filters.fields import inverse_telecine as inverse_telecine
    from vsmagic.filters.flow_view import flow_view as flow_view
    from vsmagic.filters.interpolate import interpolate as interpolate
    from vsmagic.filters.pair import interpolate_pair as interpolate_pair
    from vsmagic.filters.trim import trim as trim
    from vsmagic.filters.upscale import upscale as upscale
    from vsmagic.keyframes import Keyframe as Keyframe
    from vsmagic.keyframes import KeyframeTrack as KeyframeTrack
    from vsmagic.keyframes import Rect as Rect
    from vsmagic.source import source as source

__version__ = "0.1.0"

# Where each public name comes from. Loaded when first used: the command line must not wait for VapourSynth.
_HOMES = {
    "chain": ("Chain",),
    "errors": (
        "BackendError", "ChainError", "EncodeError", "FormatError", "InterlacedError", "KeyframeError",
        "MissingModelError", "ModelError", "NotReadyError", "OptionError", "OutputError", "SetupError", "SourceError",
        "VsmagicError",
    ),
    "filters.constant_rate": ("constant_rate",),
    "filters.dezoom": ("dezoom",),
    "filters.fields": ("as_progressive", "deinterlace", "inverse_telecine"),
    "filters.flow_view": ("flow_view",),
    "filters.interpolate": ("interpolate",),
    "filters.pair": ("interpolate_pair",),
    "filters.trim": ("trim",),
    "filters.upscale": ("upscale",),
    "keyframes": ("Keyframe", "KeyframeTrack", "Rect"),
    "source": ("source",),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BackendError", "Chain", "ChainError", "EncodeError", "FormatError", "InterlacedError", "Keyframe",
    "KeyframeError", "KeyframeTrack", "MissingModelError", "ModelError", "NotReadyError", "OptionError", "OutputError",
    "Rect", "SetupError", "SourceError", "VsmagicError", "as_progressive", "constant_rate", "deinterlace", "dezoom",
    "flow_view", "interpolate", "interpolate_pair", "inverse_telecine", "source", "trim", "upscale",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


class _Package(ModuleType):
    def __setattr__(self, name: str, value: object) -> None:
        # Importing a submodule also sets it on the package; the public function of the same name comes first.
        if not (name in _HOME_OF and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
