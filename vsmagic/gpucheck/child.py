"""One case in a process of its own: ``python -m vsmagic.gpucheck.child TASK.json ANSWER.json``."""

import logging
import os
import sys
from pathlib import Path

import msgspec

from vsmagic.errors import VsmagicError
from vsmagic.files import write_atomically
from vsmagic.gpucheck.record import Figures, Task


class Answer(msgspec.Struct, frozen=True):
    """What a child gives back."""

    figures: Figures | None = None
    error: str = ""


def main(task_file: str, answer_file: str) -> None:
    """Do what the task says, write the answer, and leave at once: taking a GPU's libraries down can hang or crash."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(name)s: %(message)s")
    task = msgspec.json.decode(Path(task_file).read_bytes(), type=Task)
    answer = _answer(task)
    write_atomically(Path(answer_file), msgspec.json.encode(answer))
    sys.stderr.flush()
    os._exit(0)


def _answer(task: Task) -> Answer:
    from vsmagic.gpucheck import measure

    try:
        return Answer(figures=measure.KINDS[task.case.kind](task))
    except VsmagicError as error:
        return Answer(error=measure.described(error))
    except Exception as error:
        logging.getLogger(__name__).exception("%s", task.case.id)
        return Answer(error=measure.described(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
