"""Chunks made by a real Ray cluster of several nodes on this machine."""

import asyncio
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from command import Run

from .conftest import ffmpeg, frame_hashes, leftovers, one_sentence

if find_spec("ray") is None or find_spec("grpc") is None:
    pytest.skip("needs Ray: pip install 'vsmagic[cluster]'", allow_module_level=True)

from vsmagic.bench.raynodes import LocalCluster, RayNode
from vsmagic.encode.chunks import records
from vsmagic.encode.chunks.chunk import Task
from vsmagic.encode.chunks.identity import Stamp
from vsmagic.encode.chunks.records import Record
from vsmagic.encode.chunks.workers import Event, Failed, Made, Rendered
from vsmagic.encode.cluster.arrival import Arrival
from vsmagic.encode.cluster.attempts import Attempt, Lost
from vsmagic.encode.cluster.check import Found
from vsmagic.encode.cluster.nodes import Node, Share, share
from vsmagic.encode.cluster.pool import Cluster
from vsmagic.encode.cluster.sent import Mailbox
from vsmagic.encode.description import Description, Light, Network
from vsmagic.errors import EncodeError, VsmagicError

_SHM_BYTES = 600_000_000
_CHUNK = 50
_CHAIN = ("--multiplier", "2", "--flow-model", "mvtools", "--codec", "ffv1", "--chunk", str(_CHUNK))
_HIDING = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "vsmagic":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hide())
"""


@dataclass(frozen=True, kw_only=True)
class Nodes:
    """A cluster, and what is special about its nodes."""

    cluster: LocalCluster
    sharing: RayNode
    """Sees the folder of outputs."""
    apart: RayNode
    """Sees an empty folder there."""
    bare: RayNode
    """Has no vsmagic; the head is this one, so it need not have it."""
    poor: RayNode
    """Has no mvtools plugin."""


def _mounted(command: str) -> list[str]:
    """Return what starts a program that sees some folder differently from everybody else."""
    return ["unshare", "--mount", "sh", "-c", f'{command} && exec "$@"', "sh"]


@pytest.fixture(scope="session")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the outputs go that one node does not see."""
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory, outputs: Path) -> Iterator[Nodes]:
    if shutil.disk_usage("/dev/shm").free < _SHM_BYTES:  # noqa: S108 - where Ray puts them
        pytest.skip(f"needs {_SHM_BYTES // 10**6} MB in /dev/shm for Ray's object stores")
    if subprocess.run(_mounted(f"mount -t tmpfs none {outputs}"), check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount, to give nodes folders of their own")
    hiding = tmp_path_factory.mktemp("hiding")
    (hiding / "sitecustomize.py").write_text(_HIDING)
    hidden = {"PYTHONPATH": str(hiding)}
    seen = {"PYTHONPATH": str(Path(__file__).parents[2])}
    found = find_spec("vapoursynth")
    assert found is not None
    assert found.origin is not None
    (plugin,) = Path(found.origin).parent.rglob("*mvtools*.so")
    with LocalCluster(cpus=1, environment=hidden) as cluster:
        yield Nodes(
            cluster=cluster,
            sharing=cluster.add(environment=seen),
            apart=cluster.add(environment=seen, prefix=_mounted(f"mount -t tmpfs none {outputs}")),
            bare=cluster.head,
            poor=cluster.add(environment=seen, prefix=_mounted(f"mount --bind /dev/null {plugin}")),
        )


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds with sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    sound = ("-f", "lavfi", "-i", "sine=d=12")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=12", *sound, "-pix_fmt", "yuv420p", path)
    return path


@pytest.fixture(scope="session")
def truth(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Frames of the output as one process here makes them."""
    path = tmp_path_factory.mktemp("truth") / "out.mkv"
    running = _enhance(clip, path)
    _, error = running.communicate()
    assert running.returncode == 0, error
    return frame_hashes(path)


def _enhance(clip: Path, output: Path, *more: object, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    line = [*prefix, sys.executable, "-m", "vsmagic", "enhance", clip, output, *_CHAIN, *more]
    return subprocess.Popen(
        [str(word) for word in line], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def _working_for(clip: Path, under: RayNode | None = None) -> list[psutil.Process]:
    """Return the programs that make a chunk of a clip, on one node or anywhere."""
    found = []
    for each in psutil.process_iter() if under is None else under.processes():
        try:
            words = each.cmdline()
        except psutil.Error:
            continue
        if words and Path(words[0]).name == "vspipe" and f"source={clip}" in words and "--progress" in words:
            found.append(each)
    return found


def _await(what: Callable[[], object], running: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while not what():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_result_is_that_of_this_machine_though_a_node_dies(
    nodes: Nodes, clip: Path, truth: list[str], outputs: Path
) -> None:
    doomed = nodes.cluster.add(environment={"PYTHONPATH": str(Path(__file__).parents[2])})
    out = outputs / "out.mkv"
    running = _enhance(clip, out, "--workers", nodes.cluster.address, "--debug", "--progress", "plain")
    _await(lambda: _working_for(clip, doomed), running)
    doomed.kill()
    said, error = running.communicate()
    assert running.returncode == 0, error
    assert frame_hashes(out) == truth
    assert leftovers(outputs) == ["out.mkv"]
    assert said == ""  # of Ray's words, too
    assert "Traceback" not in error
    lines = error.splitlines()

    def warned(node: RayNode) -> int:
        (told,) = [n for n, line in enumerate(lines) if line.startswith("vsmagic: warning: ") and node.address in line]
        return told

    first = next(number for number, line in enumerate(lines) if " came from " in line)
    for node, lack in ((nodes.bare, "vsmagic is not installed"), (nodes.poor, "mvtools")):
        assert lack in lines[warned(node)]
        assert warned(node) < first
    for node, way in ((nodes.sharing, "shared folder"), (nodes.apart, "sends files back")):
        assert any(f"({node.address})" in line and way in line for line in lines)
        assert any(f"({node.address})" in line and " came from " in line for line in lines)
    assert "is gone; chunk" in lines[warned(doomed)]
    assert "is made again" in lines[warned(doomed)]
    out.unlink()


def test_a_chunk_that_kills_its_workers_is_given_up(nodes: Nodes, clip: Path, outputs: Path) -> None:
    running = _enhance(clip, outputs / "out.mkv", "--workers", nodes.cluster.address, "--quiet", "--chunk", 300)
    killed = 0
    while running.poll() is None:
        for each in _working_for(clip):
            worker = each.parent()
            if worker is not None and worker.name().startswith("ray::"):
                worker.kill()
                killed += 1
        time.sleep(0.02)
    _, error = running.communicate()
    assert running.returncode == 6, error
    assert "lost 3 times" in one_sentence(error)
    assert killed >= 3
    assert leftovers(outputs) == []


def test_a_stop_ends_the_chunks_everywhere(nodes: Nodes, clip: Path, outputs: Path) -> None:
    running = _enhance(clip, outputs / "out.mkv", "--workers", nodes.cluster.address, "--chunk", 300)
    _await(lambda: _working_for(clip, nodes.sharing) and _working_for(clip, nodes.apart), running)
    running.send_signal(signal.SIGINT)
    _, error = running.communicate(timeout=60)
    assert running.returncode == 130, error
    assert "Traceback" not in error
    assert _working_for(clip) == []
    assert leftovers(outputs) == []


def test_an_input_that_no_node_sees(nodes: Nodes, clip: Path, tmp_path: Path) -> None:
    hidden = _mounted(f"mount -t tmpfs none {tmp_path} && cp {clip} {tmp_path}/in.mp4")
    running = _enhance(
        tmp_path / "in.mp4", tmp_path / "out.mkv", "--workers", nodes.cluster.address, "--quiet", prefix=tuple(hidden)
    )
    _, error = running.communicate()
    assert running.returncode == 8, error
    words = one_sentence(error)
    for node in (nodes.sharing, nodes.apart, nodes.bare, nodes.poor):
        assert node.address in words
    assert f"cannot read {tmp_path / 'in.mp4'}" in words


@pytest.mark.parametrize(
    ("address", "code", "word"),
    [
        ("ray://127.0.0.1:1", 6, "Connection refused"),
        ("ray://127.0.0.1:port", 2, "ray://HOST:PORT"),
        ("ray", 6, "ray start"),
    ],
)
def test_a_cluster_that_is_not_there(
    address: str, code: int, word: str, *, clip: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "ray://127.0.0.1:1")
    ran = run("enhance", clip, tmp_path / "out.mkv", *_CHAIN, "--quiet", "--workers", address)
    assert ran.code == code
    assert word in one_sentence(ran.err)
    assert ran.out == ""
    assert leftovers(tmp_path) == []


_GIB = 2**30
_DESCRIPTION = Description(
    width=1920, height=1080, subsampling="420", bits=8, rate=(25, 1), frames=100, matrix=1, transfer=1, primaries=1,
    full_range=False, chroma=0, pixel_aspect=(1, 1), fields="progressive", light=Light(), begin=(0, 1), duration=(4, 1),
    whole=True, source_frames=100, source_duration=(4, 1),
)  # fmt: skip


@pytest.mark.parametrize(
    ("offered", "backend", "device", "chunks", "cpus", "gpus"),
    [
        ({"CPU": 1.0}, "ov", 0, 1, 1, 0),
        ({"CPU": 0.5}, "ov", 0, 1, 0.5, 0),
        ({"CPU": 15.0}, "ov", 0, 1, 15, 0),
        ({"CPU": 33.0}, "ov", 0, 4, 8, 0),
        ({"CPU": 33.0, "memory": 4.5 * _GIB}, "ov", 0, 2, 16, 0),
        ({"CPU": 33.0, "memory": 0.5 * _GIB}, "ov", 0, 1, 33, 0),
        ({"CPU": 32.0, "GPU": 4.0}, "ov", 0, 4, 8, 0),
        ({"CPU": 32.0, "GPU": 2.0}, "trt_rtx", 0, 2, 16, 1),
        ({"CPU": 32.0, "GPU": 2.0}, "trt", 1, 1, 32, 2),
        ({"CPU": 2.0, "GPU": 4.0}, "ort_cuda", 0, 4, 0.5, 1),
        ({"CPU": 32.0, "GPU": 2.0}, "ncnn", 0, 1, 32, 0),
    ],
)
def test_what_a_chunk_gets_of_a_node(
    *, offered: dict[str, float], backend: str, device: int, chunks: int, cpus: float, gpus: float
) -> None:
    network = Network(name="magic-x2", backend=backend, precision="f32", device=device, digest="")
    found = Found(networks=(network,), memory=int(1.4 * _GIB), versions={})
    given = share(offered, found, _DESCRIPTION)
    assert isinstance(given, Share)
    assert (given.chunks, given.cpus, given.gpus) == (chunks, cpus, gpus)
    for name, each in (("CPU", given.cpus), ("GPU", given.gpus), ("memory", given.memory)):
        assert name not in offered or chunks * each <= offered[name]
    assert given.memory >= min(1.4 * _GIB, offered.get("memory", 0))


def test_a_node_that_hides_its_gpu() -> None:
    network = Network(name="magic-x2", backend="trt", precision="f16", device=0, digest="")
    told = share({"CPU": 8.0}, Found(networks=(network,), memory=0, versions={}), _DESCRIPTION)
    assert isinstance(told, str)
    assert "--num-gpus" in told


def test_pieces_wait_until_those_before_them_are_taken() -> None:
    async def talk() -> tuple[int, int]:
        mailbox, pieces = Mailbox(), 0

        async def send() -> None:
            nonlocal pieces
            while await mailbox.piece("a", bytes(4 * 2**20)):
                pieces += 1

        sending = asyncio.create_task(send())
        held = []
        for _ in range(3):
            while letters := await mailbox.take(0.05):
                held.append(sum(len(letter[1]) for _, letter in letters))
                if len(held) > 20:
                    break
        await mailbox.close()
        await sending
        return max(held), pieces

    most, pieces = asyncio.run(talk())
    assert most <= 16 * 2**20
    assert pieces > 20


@pytest.mark.parametrize("fault", [None, "short", "changed"])
def test_what_arrives_is_what_was_made(fault: str | None, tmp_path: Path) -> None:
    sent = bytes(range(256)) * 100
    made = tmp_path / "made"
    made.write_bytes(sent)
    record = Record(
        first=0, end=1, file="chunk-00000.mkv", size=len(sent), sha256=records.sha256_of(made), durations=((1, 25, 1),),
        delay=0, head="", seconds=1.0,
    )  # fmt: skip
    made.unlink()
    arriving = Arrival(tmp_path, "00000-a")
    came = {None: sent, "short": sent[:-1], "changed": b"?" + sent[1:]}[fault]
    for start in range(0, len(came), 10_000):
        arriving.add(record.file, came[start : start + 10_000])
    if fault is None:
        arriving.finish(record)
        assert records.read(tmp_path, record.file) == record
        assert leftovers(tmp_path) == ["chunk-00000.json", "chunk-00000.mkv"]
        return
    with pytest.raises(EncodeError, match=r"arrive|on its way"):
        arriving.finish(record)
    arriving.discard()
    assert leftovers(tmp_path) == []


type Outcome = Record | VsmagicError | Lost


class Pretended:
    """Attempts whose ends are told beforehand, by node; None: the node is busy with something else."""

    def __init__(self, outcomes: dict[str, list[Outcome | None]]) -> None:
        self.outcomes = outcomes
        self.given: list[tuple[int, str]] = []
        self._running: list[Attempt] = []

    def submit(self, task: Task, node: Node) -> None:
        self.given.append((task.number, node.name))
        node.running += 1
        begun = self.outcomes[node.name][0] is not None
        arrival = Arrival(Path("nowhere"), "none")
        self._running.append(
            Attempt(task=task, node=node, name="", running=None, arrival=arrival, started=0.0, begun=begun)
        )

    def hear(self, _seconds: float) -> list[Event]:
        return []

    def ended(self) -> list[Attempt]:
        return [each for each in self._running if each.begun][:1]

    def leave(self, attempt: Attempt) -> Outcome:
        self._running.remove(attempt)
        attempt.node.running -= 1
        outcome = self.outcomes[attempt.node.name].pop(0)
        assert outcome is not None
        return outcome

    def waiting(self, _seconds: float) -> list[Attempt]:
        return [each for each in self._running if not each.begun]

    def withdraw(self, attempt: Attempt) -> bool:
        self._running.remove(attempt)
        attempt.node.running -= 1
        return True


_MADE = Record(
    first=0, end=1, file="chunk.mkv", size=1, sha256="", durations=((1, 25, 1),), delay=0, head="", seconds=1.0
)
_REFUSED = EncodeError("it failed.")
_CRASHED = Lost(why="its worker died", gone=False)
_GONE = Lost(why="the node is gone", gone=True)


def _ends(outcomes: dict[str, list[Outcome | None]], chunks: int = 1) -> tuple[list[Event], list[tuple[int, str]]]:
    """Return the last event of each chunk, and where they were given."""
    cluster = Cluster(
        "ray", Path("nowhere"), None, _DESCRIPTION, source=Stamp(size=0, modified=0, sample=""), tell=print  # type: ignore[arg-type]
    )  # fmt: skip
    attempts = Pretended(outcomes)
    cluster._attempts = attempts  # type: ignore[assignment]
    one = Share(chunks=1, cpus=1, gpus=0, memory=0)
    cluster._nodes = [Node(key=name, name=name, share=one) for name in outcomes]
    ends: list[Event] = []
    waiting = list(range(chunks))
    while len(ends) < chunks:
        while cluster.free and waiting:
            number = waiting.pop(0)
            cluster.start(
                Task(number=number, first=0, end=9, graph={}, shape=_DESCRIPTION.shape, encoder=(), suffix=".mkv")
            )
        event = cluster.next()
        if isinstance(event, Made | Failed):
            ends.append(event)
        else:
            assert event == Rendered(number=event.number, frames=0, size=0)  # type: ignore[union-attr]
    return ends, attempts.given


@pytest.mark.parametrize(
    ("outcomes", "made", "given"),
    [
        ({"a": [_REFUSED], "b": [_MADE]}, True, "ab"),
        ({"a": [_REFUSED], "b": [_REFUSED]}, False, "ab"),
        ({"a": [_REFUSED]}, False, "a"),
        ({"a": [_CRASHED, _MADE]}, True, "aa"),
        ({"a": [_CRASHED, _CRASHED, _CRASHED]}, False, "aaa"),
        ({"a": [_CRASHED, _CRASHED], "b": [_CRASHED]}, False, "aba"),
        ({"a": [_GONE], "b": [_GONE], "c": [_MADE]}, True, "abc"),
        ({"a": [_GONE], "b": [_GONE]}, False, "ab"),
        ({"a": [None], "b": [_MADE]}, True, "ab"),
        ({"a": [None], "b": [_REFUSED], "c": [_MADE]}, True, "abc"),
    ],
)
def test_where_a_chunk_is_made_again(outcomes: dict[str, list[Outcome | None]], *, made: bool, given: str) -> None:
    (end,), where = _ends(outcomes)
    assert isinstance(end, Made) == made
    assert "".join(name for _, name in where) == given


def test_a_node_that_fails_again_and_again_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    ends, where = _ends({"bad": [_REFUSED] * 9, "good": [_MADE] * 9}, chunks=8)
    assert all(isinstance(end, Made) for end in ends)
    assert [name for _, name in where].count("bad") == 3
    assert "bad: 3 chunks failed there in a row" in caplog.text
