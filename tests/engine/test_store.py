"""The folder of engines: nothing half-written, nothing stale, nothing lost."""

import errno
import os
import time
from pathlib import Path

import pytest

from vsmagic.engine.key import Options, Shapes
from vsmagic.engine.store import Store, damage
from vsmagic.errors import OutputError

DAY = 86400


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "engines")


def add(store, key, content=b"engine" * 100, used=None):
    engine = store.add(key, content, name="test", builder="TensorRT-RTX 1.7.1.116", seconds=0.5)
    if used is not None:
        os.utime(engine.path.with_suffix(".json"), (used, used))
    return engine


def names(store):
    return sorted(path.name for path in store.folder.iterdir())


def test_an_engine_is_found_again_with_what_is_known_of_it(store, job):
    key = job().key
    assert store.find(key) is None
    added = add(store, key)
    found = store.find(key)
    assert found.path == added.path
    assert found.path.read_bytes() == b"engine" * 100
    assert (found.record.key, found.record.name, found.record.bytes) == (key, "test", 600)
    assert damage(found) is None
    assert names(store) == [f"{key.digest()}.engine", f"{key.digest()}.json"]


def test_a_hit_reads_no_engine(store, job):
    engine = add(store, job().key)
    engine.path.write_bytes(b"x" * 600)  # a reader would notice
    os.utime(engine.path, ns=(engine.stamp[1], engine.stamp[1]))
    assert store.find(job().key).stamp == engine.stamp
    assert damage(engine) == "its content has changed since it was built"


@pytest.mark.parametrize("what", ["cut", "longer", "gone", "sidecar gone", "sidecar cut", "sidecar of another kind"])
def test_what_is_not_whole_does_not_exist(store, job, what):
    engine = add(store, job().key)
    sidecar = engine.path.with_suffix(".json")
    match what:
        case "cut":
            os.truncate(engine.path, 300)
        case "longer":
            engine.path.write_bytes(b"engine" * 101)
        case "gone":
            engine.path.unlink()
        case "sidecar gone":
            sidecar.unlink()
        case "sidecar cut":
            sidecar.write_bytes(sidecar.read_bytes()[:50])
        case _:
            sidecar.write_text('{"unknown": 1}')
    assert store.find(job().key) is None
    assert store.all() == []
    assert store.incomplete() == [path for path in (engine.path, sidecar) if path.exists()] != []
    again = add(store, job().key)
    assert store.find(job().key).stamp == again.stamp
    assert store.incomplete() == []


def test_a_full_disk_leaves_nothing(store, job, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"\.engine: cannot be written \(No space left on device\)\. Free space"):
        add(store, job().key)
    assert names(store) == []


def test_a_disk_that_is_full_for_the_description_leaves_no_usable_engine(store, job, monkeypatch):
    real, calls = os.fsync, []

    def full_the_second_time(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full_the_second_time)
    with pytest.raises(OutputError, match=r"\.json: cannot be written"):
        add(store, job().key)
    assert store.find(job().key) is None
    assert len(store.incomplete()) == 1


def test_a_store_that_cannot_be_written_is_named(job):
    store = Store(Path("/proc/nowhere/engines"))
    assert store.all() == []
    with pytest.raises(OutputError, match=r"/proc/nowhere/engines: the cache folder cannot be made .* VSMAGIC_CACHE"):
        store.lock_file(job().key)


def test_a_store_that_can_only_be_read_serves(store, job, monkeypatch):
    add(store, job().key)

    def refuse(*arguments: object, **more: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "utime", refuse)
    assert store.find(job().key) is not None


def test_the_best_of_those_that_fit_is_taken(store, job):
    wide = Shapes(min=(16, 16), opt=(4096, 4096), max=(4096, 4096))
    near = Shapes(min=(16, 16), opt=(64, 64), max=(256, 256))
    for shapes in (wide, near, Shapes.fixed((32, 32))):
        add(store, job(shapes=shapes).key)
    wanted = job(shapes=Shapes.fixed((64, 48))).key
    assert store.find(wanted).record.key.shapes == near
    assert store.find(wanted, exact=True) is None
    add(store, job(shapes=Shapes.fixed((64, 48)), capabilities=["8.6", "8.9"]).key)
    assert store.find(wanted).record.key.capabilities == ("8.6", "8.9")
    add(store, wanted)
    assert store.find(wanted).record.key == wanted
    assert store.find(job(shapes=Shapes.fixed((64, 48)), capabilities=["12.0"]).key) is None
    assert store.find(job(shapes=Shapes.fixed((64, 48)), version="1.8.0").key) is None


def test_old_engines_go_and_a_use_keeps_them(store, job):
    now = time.time()
    old, used = job(shapes=Shapes.fixed((8, 8))).key, job(shapes=Shapes.fixed((16, 16))).key
    add(store, old, used=now - 100 * DAY)
    add(store, used, used=now - 100 * DAY)
    store.find(used)
    assert [engine.record.key for engine in store.prune(days=90)] == [old]
    assert [engine.record.key for engine in store.all()] == [used]


def test_the_least_recently_used_go_when_it_is_too_much(store, job):
    now = time.time()
    keys = [job(shapes=Shapes.fixed((8 * n, 8))).key for n in (1, 2, 3, 4)]
    engines = [add(store, key, used=now - DAY * n) for n, key in enumerate(keys)]
    gone = store.prune(size=1200)
    assert [engine.record.key for engine in gone] == keys[2:]
    assert {engine.record.key for engine in store.all()} == set(keys[:2])
    store.prune(size=0, keep=engines[1])
    assert [engine.record.key for engine in store.all()] == [keys[1]]


def test_what_killed_builds_left_goes_after_a_day(store, job):
    engine = add(store, job().key)
    left = [store.folder / name for name in (".abc.engine.x7f", "abc.engine", "def.lock", ".abc.json.zz")]
    others = [store.folder / "notes.txt", store.folder / "timing"]
    for path in (*left, others[0]):
        path.write_bytes(b"left")
    others[1].mkdir()
    store.prune()
    assert all(path.exists() for path in left)
    for path in (*left, *others):
        os.utime(path, (time.time() - 2 * DAY,) * 2)
    store.prune()
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in (engine.path, *others))


def test_an_engine_that_was_built_anew_is_not_deleted_for_the_old_one(store, job):
    old = add(store, job().key)
    new = add(store, job().key, content=b"better" * 100)
    store.remove(old)
    assert store.find(job().key).stamp == new.stamp
    store.remove(new)
    store.remove(new)
    assert names(store) == []


def test_options_of_the_builder_make_another_engine_that_serves(store, job):
    limited = job(options=Options(workspace=256)).key
    add(store, limited)
    assert store.find(job().key).record.key == limited
    assert store.find(job().key, exact=True) is None
