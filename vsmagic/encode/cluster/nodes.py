"""The nodes of a Ray cluster: which of them can make chunks of a job, how many at once, and what that takes of them."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from vsmagic import __version__
from vsmagic.encode.chunks import local
from vsmagic.encode.cluster import sent
from vsmagic.encode.cluster.check import Asked, Found
from vsmagic.encode.description import Description, Refusal
from vsmagic.errors import SetupError, reason

log = logging.getLogger(__name__)

_HEAD = "node:__internal_head__"


@dataclass(frozen=True, kw_only=True)
class Share:
    """What Ray sets aside for each chunk on a node."""

    chunks: int
    """That are made there at once."""
    cpus: float
    gpus: float
    memory: int
    """Bytes."""


@dataclass(kw_only=True)
class Node:
    """A node that makes chunks."""

    key: str
    """Ray's id."""
    name: str
    share: Share
    shared: bool = False
    """It sees the job's folder."""
    running: int = 0
    faults: int = field(default=0)
    """Chunks that failed there since the last one that did not."""

    @property
    def free(self) -> int:
        """How many more chunks it can make now."""
        return max(0, self.share.chunks - self.running)


def pinned(ray: Any, key: str) -> Any:
    """Return the strategy that runs something on one node."""
    return ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(key, soft=False)


def head(ray: Any) -> str:
    """Return the id of the head node."""
    return str(next(one["NodeID"] for one in ray.nodes() if one["Alive"] and _HEAD in one["Resources"]))


def living(ray: Any) -> set[str]:
    """Return the ids of the nodes that Ray thinks alive."""
    return {one["NodeID"] for one in ray.nodes() if one["Alive"]}


def workers(ray: Any) -> dict[str, tuple[str, Mapping[str, float]]]:
    """Return name and resources of each node that takes work, by its id."""
    found = [one for one in ray.nodes() if one["Alive"] and one["Resources"].get("CPU", 0) > 0]
    names = {one["NodeID"]: f"{one['NodeManagerHostname']} ({one['NodeManagerAddress']})" for one in found}
    alike = Counter(names.values())
    return {
        one["NodeID"]: (
            name if alike[name := names[one["NodeID"]]] == 1 else f"{name} {one['NodeID'][:8]}", one["Resources"]
        )
        for one in found
    }  # fmt: skip


def fit(ray: Any, asked: Asked, description: Description) -> list[Node]:
    """Let every node look whether it can make chunks of a job; those that cannot are told, with what they lack.

    Args:
        ray: the module, connected.
        asked: what they must have.
        description: of the output, as it is here.

    Raises:
        SetupError: no node can.
    """
    there = workers(ray)
    looking = {key: _look(ray, key, resources, asked) for key, (_, resources) in there.items()}
    nodes, lacking, found = [], [], []
    for key, (name, resources) in there.items():
        answer = _answer(ray, looking[key])
        sized = share(resources, answer, description) if isinstance(answer, Found) else answer
        if isinstance(sized, Share) and isinstance(answer, Found):
            nodes.append(Node(key=key, name=name, share=sized))
            found.append((name, answer))
        else:
            lacking.append(f"{name}: {sized}")
    if not nodes:
        raise SetupError(_none(lacking))
    for words in lacking:
        log.warning("a node of the cluster is left out, %s", words)
    _tell_differences(found)
    return nodes


def _look(ray: Any, key: str, resources: Mapping[str, float], asked: Asked) -> Any:
    # With a GPU its networks may run there, which only a task that owns one can see.
    gpus = 1 if asked.networks and resources.get("GPU", 0) >= 1 else 0
    looking = ray.remote(num_cpus=0, num_gpus=gpus, max_retries=0)(sent.check)
    return looking.options(scheduling_strategy=pinned(ray, key)).remote(msgspec.json.encode(asked), __version__, key)


def _answer(ray: Any, looking: Any) -> Found | str:
    """Return what a node has, or in words what it lacks."""
    try:
        answer = ray.get(looking)
    except ray.exceptions.RayError as error:
        return f"it could not be asked ({reason(error)})"
    if isinstance(answer, str):
        return answer
    told: Found | Refusal = msgspec.json.decode(answer, type=Found | Refusal)
    return told if isinstance(told, Found) else told.error.rstrip(".")


def _none(lacking: Sequence[str]) -> str:
    if not lacking:
        return "no node of the Ray cluster takes work: all have 0 processors; start one with: ray start --address=…"
    return (
        f"no node of the Ray cluster can make this: {'; '.join(lacking)}. Every node needs the same vsmagic with the "
        "plugins of the chain, and the input under the same path."
    )


def share(resources: Mapping[str, float], found: Found, description: Description) -> Share | str:
    """Return what each chunk gets on a node: a GPU where its networks run on one, else processors, and memory.

    Args:
        resources: that the node offers, by Ray's names.
        found: what runs the chain there.
        description: of the output.

    Returns:
        The share, or in words why there is none.
    """
    backends = {network.backend for network in found.networks}
    cpus, gpus = resources.get("CPU", 0), int(resources.get("GPU", 0))
    each = 0.0
    if backends & local.ON_CUDA:
        if not gpus:
            return "its networks run on a GPU, but it offers none to Ray; start it with --num-gpus"
        # A chain that names a device counts all of them.
        each = gpus if any(network.device for network in found.networks) else 1
        chunks = int(gpus / each)
    else:
        chunks = 1 if "ncnn" in backends else max(1, int(cpus) // local.PROCESSORS_EACH)
    needed = local.needed(msgspec.structs.replace(description, memory=found.memory))
    memory = int(resources.get("memory", chunks * needed))
    chunks = max(1, min(chunks, memory // needed))
    return Share(
        chunks=chunks,
        cpus=cpus / chunks if cpus < chunks else cpus // chunks,
        gpus=each,
        memory=min(needed, memory) if "memory" in resources else 0,
    )


def _tell_differences(found: Iterable[tuple[str, Found]]) -> None:
    """Warn once where nodes would not compute the same."""
    (first, one), *others = found
    for name, other in others:
        if other.networks != one.networks:
            runs = (first, _runs(one), name, _runs(other))
            log.warning("%s runs %s, %s runs %s: their frames may differ by rounding", *runs)
        elif other.versions != one.versions:
            names = sorted({*other.versions.items()} ^ {*one.versions.items()})
            told = ", ".join(sorted({name for name, _ in names}))
            log.warning("%s and %s have other versions of %s: their frames may differ", first, name, told)


def _runs(found: Found) -> str:
    return ", ".join(f"{one.name} on {one.backend} in {one.precision}" for one in found.networks)
