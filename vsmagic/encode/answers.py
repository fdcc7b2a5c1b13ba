"""The answer to what becomes of woven pictures, made a step of a job's chain: now, or by an earlier run of the job."""

import logging
from dataclasses import replace
from pathlib import Path

from vsmagic import chain as chains
from vsmagic.chain import Chain
from vsmagic.encode.chunks import folder
from vsmagic.encode.job import Prepared
from vsmagic.steps import FieldsStep

log = logging.getLogger(__name__)


def answered(prepared: Prepared) -> Prepared:
    """Return a job with the answer that it was begun with, where an earlier run of it was given one."""
    job = prepared.job
    before = folder.read_job(folder.place(job.output)) if prepared.container is not None and job.resume else None
    now = chains.parse(job.chain, folder=Path.cwd())
    if before is None or chains.mends_fields(now):
        return prepared
    then = chains.parse(before.identity.graph.get("chain", "[]"), folder=Path.cwd())
    if not then.steps or not isinstance(then.steps[0], FieldsStep) or then.steps[1:] != now.steps:
        return prepared
    log.info("going on with %s, as it was begun", chains.to_json(Chain(then.steps[:1])))
    return replace(prepared, job=replace(job, chain=chains.to_json(then)))


def mended(prepared: Prepared, step: FieldsStep) -> Prepared:
    """Return a job that does something about the fields before anything else."""
    now = chains.parse(prepared.job.chain, folder=Path.cwd())
    return replace(prepared, job=replace(prepared.job, chain=chains.to_json(Chain((step, *now.steps)))))
