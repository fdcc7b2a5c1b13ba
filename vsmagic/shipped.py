"""Where the files lie that users run or copy: beside the package in a checkout, inside it when installed."""

from pathlib import Path

from vsmagic.errors import SetupError

_PACKAGE = Path(__file__).parent


def shipped(name: str) -> Path:
    """Return the path of a file or folder of ``scripts``, such as ``encode.vpy`` or ``mpv``.

    Raises:
        SetupError: it is in neither place.
    """
    for folder in (_PACKAGE / "scripts", _PACKAGE.parent / "scripts"):
        if (folder / name).exists():
            return folder / name
    raise SetupError(f"{_PACKAGE / 'scripts' / name}: missing; install vsmagic again.")
