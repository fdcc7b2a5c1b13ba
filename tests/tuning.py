"""A model, a plan and a record of how it runs best."""

import msgspec
import vapoursynth as vs

import frames as fr
from vsmagic.backends import select, tuned
from vsmagic.backends.infer import Plan
from vsmagic.backends.tuned import Key, Record, Taken
from vsmagic.models import registry

BACKENDS = {backend.name: backend for backend in select.BACKENDS}
SIZE = (64, 48)


def plan_of(backend: str = "ov", **more: object) -> Plan:
    return Plan(model=registry.resolve("magic-x2"), backend=BACKENDS[backend], precision="f32", **more)


def key_of(plan: Plan | None = None, size: tuple[int, int] = SIZE) -> Key:
    return tuned.key_of(plan or plan_of(), size, precision_open=True)


def record_of(key: Key, **more: object) -> Record:
    taken = Taken(precision="f32", streams=1, tile=SIZE, size=SIZE, fps=9.5)
    record = Record(
        key=key, model="magic-x2", precision="f32", streams=1, taken=(taken,), reason="", measured="2026-11-21"
    )
    return msgspec.structs.replace(record, **more)


def clip_of(length: int, size: tuple[int, int] = SIZE) -> vs.VideoNode:
    clip = fr.textured(vs.GRAYS, *size)
    return clip.std.SetFrameProps(_Matrix=1).std.Loop(times=length)
