"""All models in one list: those of the catalogue, and those that the user added."""

import msgspec

from vsmagic.errors import ModelError
from vsmagic.models import catalogue, motion, registry, store
from vsmagic.models.entry import Entry
from vsmagic.models.rife.added import PRECISIONS, load
from vsmagic.models.rife.architecture import of_version
from vsmagic.models.spec import Int8, ModelSpec, Quantized, load_spec
from vsmagic.models.store import State


def listed(words: tuple[str, ...] = ()) -> list[tuple[Entry, State]]:
    """Return the models in which every word occurs, and whether each can be used now."""
    added = {name: _of_added(name) for name in store.added_names()}
    added |= {name: _of_rife(name) for name in store.added_between()}
    waiting = tuple(entry for entry in catalogue.ENTRIES if entry.name not in added)
    known = [(_of_embedded(entry), store.state(entry)) for entry in catalogue.search(words, waiting)]
    return [*known, *((entry, "added") for entry in catalogue.search(words, tuple(added.values())))]


def one(name: str) -> tuple[Entry, State]:
    """Return the model of that name, and whether it can be used now.

    Raises:
        ModelError: there is none.
    """
    if name in store.added_names():
        return _of_added(name), "added"
    if name in store.added_between():
        return _of_rife(name), "added"
    entry = catalogue.find(name)
    if entry is None:
        raise ModelError(f"model {name!r} is not known; vsmagic models lists those that are.")
    return _of_embedded(entry), store.state(entry)


def facts(entry: Entry, state: State) -> dict[str, object]:
    """Return what is known of a model, ready for JSON."""
    return {
        **msgspec.to_builtins(entry),
        "state": state,
        "quantized": msgspec.to_builtins(quantized(entry.name)),
        "int8": msgspec.to_builtins(int8(entry)),
        "made_by": made_by(entry),
    }


def quantized(name: str) -> Quantized | None:
    """Return what is known of an int8 model's making; None for any other model."""
    return load_spec(store.added(name) / "spec.json", ModelSpec).quantized if name in store.added_names() else None


def int8(entry: Entry) -> Int8 | None:
    """Return what is known of the network in 8-bit integers beside an embedded one; None where there is none."""
    return _embedded(entry.embedded).int8 if entry.embedded and entry.kind == "upscale" else None


def made_by(entry: Entry) -> str:
    """Return the command that trained an embedded network; empty where there is none, or it is not known."""
    return _embedded(entry.embedded).made_by if entry.embedded and entry.kind == "upscale" else ""


def _embedded(name: str) -> ModelSpec:
    return load_spec(registry.EMBEDDED / f"{name}.json", ModelSpec)


def _of_embedded(entry: Entry) -> Entry:
    """Let the spec beside an embedded network have the last word on it."""
    if not entry.embedded:
        return entry
    if entry.kind == "interpolate":
        facts = motion.embedded(entry.embedded).spec
        return msgspec.structs.replace(entry, multiple=facts.multiple, precisions=facts.precisions)
    spec = _embedded(entry.embedded)
    return msgspec.structs.replace(entry, multiple=spec.multiple, halo=spec.halo, precisions=spec.tolerated)


def _of_added(name: str) -> Entry:
    """Tell of a model that the user added what an entry tells."""
    spec = load_spec(store.added(name) / "spec.json", ModelSpec)
    known = catalogue.find(spec.quantized.of.partition("@")[0] if spec.quantized else name)
    return Entry(
        name=name,
        family=known.family if known else "added",
        scale=spec.scale,
        channels=spec.channels,
        multiple=spec.multiple,
        halo=spec.halo,
        precisions=spec.precisions,
        content=spec.content,
        purpose=known.purpose if known else None,
        licence=spec.licence,
        commercial=known.commercial if known else None,
        page=known.page if known else "",
        description=_description(spec, known),
    )


def _of_rife(name: str) -> Entry:
    """Tell of a RIFE that the user added what an entry tells."""
    facts = load(store.added(name))
    known = catalogue.find(name)
    return Entry(
        name=name,
        family="RIFE",
        kind="interpolate",
        multiple=of_version(facts.version).multiple(1.0),
        halo=None,
        precisions=PRECISIONS,
        licence=facts.licence,
        commercial=known.commercial if known else None,
        page=known.page if known else "",
        description=known.description if known else f"Added by you: RIFE {facts.version}.",
    )


def _description(spec: ModelSpec, known: Entry | None) -> str:
    if spec.quantized:
        return f"{spec.quantized.of} in 8-bit integers, for processors; loses {spec.quantized.lost_db:g} dB."
    return known.description if known else "Added by you."
