"""``scripts/gpu-check``: measure, write one JSON, print the tables."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vsmagic.errors import OptionError, VsmagicError

if TYPE_CHECKING:
    from vsmagic.gpucheck.record import Report

_MEBI = 2**20


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for, and return the exit code."""
    given = _parser().parse_args(arguments)
    try:
        if given.collect:
            from vsmagic.gpucheck import collect

            archives = collect.collect(given.collect, given.groups.split(","), int(given.limit * _MEBI))
            sys.stdout.write(f"{collect.told(archives)}\n")
        elif given.join:
            from vsmagic.gpucheck import collect

            groups = collect.join(given.join, given.into)
            sys.stdout.write(f"{given.into}: {', '.join(groups)}\n")
        else:
            _check(given)
    except VsmagicError as error:
        sys.stderr.write(f"gpu-check: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("gpu-check: stopped; what was measured so far is in the JSON.\n")
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gpu-check",
        description="Which backends run on this machine's GPU, how exactly and how fast. Needs no network.",
    )
    add = parser.add_argument
    add("--out", type=Path, default=Path("gpu-check.json"), metavar="FILE", help="the JSON [gpu-check.json]")
    add("--device", default="0", metavar="N|cpu", help="number of the GPU; cpu: a rehearsal on tiny pictures [0]")
    add("--budget", type=float, default=420, metavar="SECONDS", help="for everything; the last cases are cut [420]")
    add("--case-timeout", type=float, default=90, metavar="SECONDS", help="for one case [90]")
    add("--seconds", type=float, metavar="S", help="length of a measured run [1; cpu: 0.2]")
    add("--backends", metavar="A,B", help="only these")
    add("--models", metavar="A,B", help="only these of compact, ultracompact, superultracompact, magic-x2")
    add("--sizes", metavar="WxH,WxH", help="only these; the last one goes first")
    add("--weights", type=Path, metavar="FOLDER", help="holds the authors' files; without them weights are random")
    add("--resume", action="store_true", help="keep what --out has and run what it lacks")
    add("--markdown", type=Path, metavar="FILE", help="also put a section into this page, below its mark")
    add("--from", dest="taken", type=Path, metavar="JSON", help="measure nothing; print an earlier report")
    add("--collect", type=Path, metavar="FOLDER", help="pack the wheels for a machine without a network")
    add("--groups", default="core", metavar="A,B", help="for --collect: core, ncnn, trt_rtx, python [core]")
    add("--limit", type=float, default=60, metavar="MIB", help="for --collect: largest piece [60]")
    add("--join", type=Path, metavar="FOLDER", help="check and unpack what was collected")
    add("--into", type=Path, default=Path("site"), metavar="FOLDER", help="for --join: goes on PYTHONPATH [site]")
    return parser


def _check(given: argparse.Namespace) -> None:
    from vsmagic.gpucheck import record, report

    found = record.load(given.taken) if given.taken else _measured(given)
    sys.stdout.write(report.text(found))
    if given.markdown:
        report.insert(given.markdown, report.markdown(found))


def _measured(given: argparse.Namespace) -> "Report":
    from vsmagic.gpucheck import session

    return session.run(
        session.Wishes(
            out=given.out,
            device=_device(given.device),
            budget=given.budget,
            timeout=given.case_timeout,
            seconds=given.seconds,
            backends=_names(given.backends),
            models=_names(given.models),
            sizes=[_size(text) for text in _names(given.sizes)],
            weights=given.weights,
            resume=given.resume,
        ),
        tell=_tell,
    )


def _tell(words: str) -> None:
    sys.stderr.write(f"gpu-check: {words}\n")
    sys.stderr.flush()


def _device(text: str) -> int | None:
    if text == "cpu":
        return None
    if not re.fullmatch(r"\d{1,3}", text):
        raise OptionError(f"--device is {text!r}; expected a number from 0, or cpu.")
    return int(text)


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()] if text else []


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if found is None or int(found[1]) % 2 or int(found[2]) % 2:
        raise OptionError(f"--sizes has {text!r}; expected even WIDTHxHEIGHT, such as 1280x720.")
    return int(found[1]), int(found[2])


if __name__ == "__main__":
    sys.exit(main())
