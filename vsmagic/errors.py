"""The exceptions vsmagic raises, and the exit code each one gives on the command line.

    VsmagicError (1)
    ├── OptionError (2)       an argument of a filter, a command or a chain step is wrong; also a ValueError
    │   ├── FormatError       the clip's format or size is not accepted by this filter
    │   ├── KeyframeError     a keyframe is malformed; names the entry and the field
    │   ├── ChainError        a chain description is malformed; names the step
    │   └── InterlacedError   pictures are woven of two fields, and nothing says what becomes of them
    ├── SourceError (3)       an input file cannot be opened, indexed or decoded
    ├── ModelError (4)        a model is unknown, unreadable or does not fit the clip
    │   └── MissingModelError a known model is not on this machine; also a NotReadyError
    ├── BackendError (5)      a plugin, device or library is missing or refuses
    ├── EncodeError (6)       vspipe or ffmpeg failed; carries the child's own words
    ├── OutputError (7)       the output cannot be written
    ├── SetupError (8)        something that should be installed is not
    └── NotReadyError (10)    an engine or a model has to be made ready first; nothing is wrong with what was asked for

Exit codes that are not exceptions: 0 done, 9 done as far as a damaged input could be decoded,
11 of many files some failed for different reasons, 130 stopped by Ctrl-C, 143 stopped by SIGTERM.

Every message says the value that was given, what was expected, and the remedy.
"""


class VsmagicError(Exception):
    """Base of every error that vsmagic raises on purpose."""

    exit_code = 1


class OptionError(VsmagicError, ValueError):
    """An argument has a value that is not accepted."""

    exit_code = 2


class FormatError(OptionError):
    """A clip's format or size is not accepted."""


class KeyframeError(OptionError):
    """A keyframe, or a list of them, is malformed."""


class ChainError(OptionError):
    """A chain description is malformed."""


class InterlacedError(OptionError):
    """Pictures are woven of two fields, and nothing says what becomes of them."""

    def __init__(self, message: str, *, kind: str = "interlaced", order: str = "top") -> None:
        """Tell it.

        Args:
            message: the sentence for the user.
            kind: ``interlaced`` or ``telecined``.
            order: the field that comes first: ``top`` or ``bottom``.
        """
        super().__init__(message)
        self.kind = kind
        self.order = order


class SourceError(VsmagicError):
    """An input file cannot be opened, indexed or decoded."""

    exit_code = 3


class NotReadyError(VsmagicError):
    """An engine or a model has to be made ready first, which may not be done here; see ``VSMAGIC_BUILD``."""

    exit_code = 10


class ModelError(VsmagicError):
    """A model is unknown, unreadable, or does not fit the clip."""

    exit_code = 4


class MissingModelError(ModelError, NotReadyError):
    """A model of the catalogue is not on this machine, or what is there is not whole: it can be fetched."""


class BackendError(VsmagicError):
    """An inference plugin, its device or its library is missing or refuses the work."""

    exit_code = 5


class EncodeError(VsmagicError):
    """vspipe or ffmpeg failed; the message carries their own words."""

    exit_code = 6


class OutputError(VsmagicError):
    """The output cannot be written, or is not what it should be."""

    exit_code = 7


class SetupError(VsmagicError):
    """Something that the installation should hold is missing."""

    exit_code = 8


def reason(error: BaseException) -> str:
    """Return another library's error as one line, for use inside a message of ours."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
