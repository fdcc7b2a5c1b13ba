"""Writes a chain as a file that :func:`vsmagic.chain.load` reads, for people to read and change."""

import os
from pathlib import Path
from typing import Any

import msgspec

from vsmagic.chain import Chain
from vsmagic.errors import ChainError
from vsmagic.files import write_atomically
from vsmagic.steps import DezoomStep, InterpolateStep, Step, UpscaleStep

SUFFIXES = (".toml", ".json")


def save(chain: Chain, path: Path) -> None:
    """Write a chain, as TOML or JSON by the file's extension.

    Each step has the options that are not the default, in the order in which its filter has them. Files that are named
    are named from the folder of this one.

    Raises:
        ChainError: the extension is neither .toml nor .json, or TOML cannot say it.
        OutputError: the file cannot be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ChainError(f"{path}: a chain is written as TOML or JSON; expected a name ending in .toml or .json.")
    steps = [_plain(step, path.parent.resolve()) for step in chain.steps]
    if path.suffix.lower() == ".json":
        content = msgspec.json.format(msgspec.json.encode(steps), indent=2) + b"\n"
    else:
        content = _toml(steps, path)
    write_atomically(path, content)


def _toml(steps: list[dict[str, Any]], path: Path) -> bytes:
    import tomli_w

    try:
        if steps and not any(_nests(step) for step in steps):
            # By themselves short steps would all come in one list of lines, which nobody likes to change.
            return "\n".join(f"[[steps]]\n{tomli_w.dumps(step)}" for step in steps).encode()
        return str(tomli_w.dumps({"steps": steps})).encode()
    except TypeError as error:
        raise ChainError(
            f"{path}: TOML has no word for null, which an entry of the keyframes holds; use .json."
        ) from error


def _nests(step: dict[str, Any]) -> bool:
    """Whether a step holds tables of its own, whose names in TOML begin with its place."""
    return any(isinstance(value, list) and any(isinstance(one, dict) for one in value) for value in step.values())


def _plain(step: Step, folder: Path) -> dict[str, Any]:
    """Return a step as plain data, with its files named from a folder."""
    plain: dict[str, Any] = msgspec.to_builtins(step)
    names = {DezoomStep: "keyframes", UpscaleStep: "model", InterpolateStep: "model"}
    name = names.get(type(step))
    value = plain.get(name or "")
    if name is not None and isinstance(value, str) and Path(value).is_absolute():
        plain[name] = os.path.relpath(value, folder)
    return plain
