"""Which models of the catalogue a chain needs, and which of them are not on this machine. Downloads nothing."""

from collections.abc import Sequence

from vsmagic.chain import Chain
from vsmagic.errors import MissingModelError
from vsmagic.models import catalogue, registry, store
from vsmagic.models.entry import Entry
from vsmagic.steps import InterpolateStep, Step, UpscaleStep


def missing(chain: Chain) -> list[Entry]:
    """Return the models that have to be fetched before a chain can run, each once.

    One that has to be put there by hand, and a name that nobody knows, are not among them: the filters tell of those.
    """
    found = {entry.name: entry for step in chain.steps for entry in _entries(step)}
    return [entry for entry in found.values() if not _is_here(entry)]


def check(chain: Chain) -> None:
    """See that every model of a chain that can be fetched has been.

    Raises:
        MissingModelError: one has not; says the command that fetches it.
    """
    for entry in missing(chain):
        registry.fetched(entry)


def _is_here(entry: Entry) -> bool:
    try:
        registry.fetched(entry)
    except MissingModelError:
        return False
    return True


def _entries(step: Step) -> Sequence[Entry]:
    """Return the models of a step that come as a file of their authors'."""
    if not isinstance(step, UpscaleStep | InterpolateStep) or store.is_taken(step.model):
        return ()
    name, _, strength = step.model.partition("@")
    entry = catalogue.find(name)
    if entry is None or entry.file is None or entry.file.by_hand:
        return ()
    denoise = step.denoise if isinstance(step, UpscaleStep) else None
    partner = catalogue.find(entry.blend) if entry.blend else None
    return _mixed(entry, partner, str(denoise) if denoise is not None else strength) if partner else (entry,)


def _mixed(entry: Entry, partner: Entry, strength: str) -> Sequence[Entry]:
    """Return which of two models whose weights are mixed take part, by the first one's share."""
    try:
        share = float(strength or 1)
    except ValueError:  # the filter tells of it
        return ()
    return [known for known, part in ((entry, share), (partner, 1 - share)) if part]
