"""Laws over every model of the list, and how names become models that run."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from vsmagic.errors import ModelError
from vsmagic.models import catalogue, inspect, motion, registry, store
from vsmagic.models.catalogue import ENTRIES
from vsmagic.models.entry import Entry, File
from vsmagic.models.spec import ModelSpec, load_spec
from vsmagic.settings import settings

ROOT = Path(__file__).parents[2]
every_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path / "cache"))


def put(source: Path, name: str) -> Path:
    settings().models.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(source, settings().models / name))


def test_names_are_told_apart() -> None:
    names = [entry.name for entry in ENTRIES]
    stems = [Path(entry.file.name).stem.casefold() for entry in ENTRIES if entry.file]
    assert len(set(names)) == len(names)
    assert len(set(stems)) == len(stems)


@every_entry
def test_an_entry_is_well_formed(entry: Entry) -> None:
    assert store.is_name(entry.name)
    assert entry.name == entry.name.lower()
    assert Path(entry.name).suffix not in registry.SUFFIXES
    assert (entry.file is None) != (entry.embedded is None)
    assert (entry.kind == "interpolate") == (entry.family == "RIFE" or entry.name == "magic-flow")
    assert entry.scale > 1 or entry.kind == "interpolate" or entry.purpose == "restore"
    assert entry.commercial is ("-NC-" not in entry.licence)
    assert entry.description.endswith(".")
    assert entry.precisions
    assert entry.content in ("any", "photo", "anime")


@every_entry
def test_an_own_network_of_luma_is_called_what_it_is(entry: Entry) -> None:
    if entry.family != "magic" or entry.kind != "upscale":
        return
    restore = "-restore" if entry.purpose == "restore" else ""
    animation = "-animation" if entry.content == "anime" else ""
    tier = "" if entry.tier == "balanced" else f"-{entry.tier}"
    assert entry.name == f"magic{restore}{animation}-x{entry.scale}{tier}"


def test_auto_takes_what_suits_everything_and_restores_nothing() -> None:
    names = {entry.name for entry in registry.AUTO}
    assert names == {"magic-x2", "magic-x4"}
    chosen = {factor: registry.resolve("auto", factor=factor).name for factor in (0.5, 1, 1.5, 2, 2.01, 4, 9)}
    assert chosen == {
        0.5: "magic-x2", 1: "magic-x2", 1.5: "magic-x2", 2: "magic-x2", 2.01: "magic-x4", 4: "magic-x4", 9: "magic-x4"
    }  # fmt: skip


@every_entry
def test_what_is_said_of_a_file_fits_together(entry: Entry) -> None:
    if entry.file is None:
        return
    file = entry.file
    assert entry.page.startswith("https://")
    if file.url is None:
        assert file.sha256 is None
        assert file.bytes is None
        return
    assert file.url.startswith("https://")
    assert file.url.endswith(f"/{file.name}")
    assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
    assert file.bytes is None or (file.sha256 is not None and file.bytes > 10_000)


def test_no_two_files_have_one_hash() -> None:
    hashes = [entry.sha256 for entry in ENTRIES if entry.sha256]
    assert len(set(hashes)) == len(hashes)


@every_entry
def test_an_entry_is_found_by_its_name_and_by_its_files(entry: Entry) -> None:
    assert catalogue.find(entry.name) is entry
    assert catalogue.find(entry.name.upper()) is entry
    if entry.file:
        assert catalogue.find(Path(entry.file.name).stem) is entry


@every_entry
def test_a_partner_is_alike(entry: Entry) -> None:
    if entry.blend:
        partner = catalogue.find(entry.blend)
        assert partner
        assert (partner.scale, partner.channels, partner.halo) == (entry.scale, entry.channels, entry.halo)


@every_entry
def test_what_an_entry_says_is_true_of_its_network(entry: Entry, data: Path) -> None:
    """Of the networks that are at hand: embedded ones, and official ONNX files in the shared data."""
    if entry.embedded and entry.kind == "interpolate":
        facts = motion.embedded(entry.embedded)
        assert (entry.licence, entry.multiple) == (facts.spec.licence, facts.spec.multiple)
        assert hashlib.sha256(facts.path.read_bytes()).hexdigest() == facts.spec.sha256
        return
    if entry.embedded:
        spec = load_spec(registry.EMBEDDED / f"{entry.embedded}.json", ModelSpec)
        assert entry.licence == spec.licence
        assert (entry.scale, entry.channels) == (spec.scale**entry.passes, spec.channels)
        assert (entry.content, entry.purpose) == (spec.content, spec.purpose)
        return
    if entry.file and entry.file.name.endswith(".onnx"):
        path = data / "weights" / entry.file.name
        content = path.read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry.file.bytes, entry.file.sha256)
        spec = inspect.inspect(path)
        facts = (entry.scale, entry.channels, entry.multiple, entry.halo)
        assert facts == (spec.scale, spec.channels, spec.multiple, spec.halo)
        return
    pytest.skip("the network is not at hand")


@every_entry
def test_without_its_file_a_model_says_what_to_do(entry: Entry) -> None:
    if entry.embedded and entry.kind == "upscale":
        assert registry.resolve(entry.name).scale == entry.scale
        return
    with pytest.raises(ModelError) as caught:
        registry.resolve(entry.name)
    message = str(caught.value)
    if entry.embedded:
        assert "makes frames in between" in message
        return
    if entry.kind == "interpolate":
        assert "frames in between" in message
    elif entry.sha256:
        assert message.endswith(f"run: vsmagic models fetch {entry.name}")
    else:
        assert message.endswith(f"--name {entry.name}")
    assert not settings().models.exists() or not any(settings().models.iterdir())


def test_search_wants_every_word() -> None:
    found = {entry.name for entry in catalogue.search(("ANIME", "x4"), ENTRIES)}
    assert found == {"realesrgan-x4plus-anime-6b", "realesr-animevideov3"}
    assert len(catalogue.search((), ENTRIES)) == len(ENTRIES)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("realesr-animevideo3", "did you mean realesr-animevideov3?"),
        ("nonsense", "vsmagic models lists"),
        ("magic-x2@0.5", "no strength to set. Models that have: realesr-general-x4v3"),
        ("realesr-general-x4v3@2", "from 0 to 1"),
        ("realesr-general-x4v3@nan", "from 0 to 1"),
        ("realesr-general-x4v3@", "from 0 to 1"),
        ("realesr-general-x4v3@0.5", "run: vsmagic models fetch realesr-general-x4v3"),
        ("realesr-general-x4v3@0", "run: vsmagic models fetch realesr-general-wdn-x4v3"),
        ("../added/x", "is not known"),
        ("", "is not known"),
    ],
)
def test_a_name_that_is_no_model(name: str, told: str) -> None:
    with pytest.raises(ModelError, match=re.escape(told)):
        registry.resolve(name)


def test_a_fetched_onnx_is_what_runs(data: Path) -> None:
    name = "2x_AnimeJaNai_HD_V3_SuperUltraCompact-fp32.onnx"
    path = put(data / "weights" / name, name)
    model = registry.resolve("animejanai-v3-superultracompact")
    assert (model.path, model.scale, model.name) == (path, 2, "animejanai-v3-superultracompact")
    assert (model.spec.licence, model.spec.content) == ("CC-BY-NC-SA-4.0", "anime")
    assert registry.resolve("2x_AnimeJaNai_HD_V3_SuperUltraCompact-fp32") == model


def test_a_fetched_half_precision_onnx_takes_single(data: Path) -> None:
    entry = catalogue.find("animejanai-v3.1-performance")
    assert entry
    assert entry.file
    put(data / "weights" / entry.file.name, entry.file.name)
    model = registry.resolve(entry.name)
    assert inspect.inspect(model.path).element == "f32"
    assert hashlib.sha256(model.path.read_bytes()).hexdigest() == model.spec.sha256


def test_a_file_that_is_not_the_authors_is_refused(data: Path) -> None:
    put(data / "weights/2x_AnimeJaNai_HD_V3_UltraCompact-fp16.onnx", "2x_AnimeJaNai_HD_V3_Compact-fp32.onnx")
    with pytest.raises(ModelError, match=r"SHA-256 differs\); run: vsmagic models fetch animejanai-v3-compact"):
        registry.resolve("animejanai-v3-compact")


def test_a_warm_name_hashes_nothing_and_imports_neither_onnx_nor_torch(data: Path) -> None:
    name = "2x_AnimeJaNai_HD_V3_SuperUltraCompact-fp32.onnx"
    put(data / "weights" / name, name)
    expected = registry.resolve("animejanai-v3-superultracompact").path
    script = (
        "import sys\n"
        "from vsmagic.models import registry, store\n"
        "store.sha256_of = None\n"
        "print(registry.resolve('animejanai-v3-superultracompact').path)\n"
        "assert not {'onnx', 'torch', 'numpy', 'vapoursynth'} & sys.modules.keys(), sys.modules.keys()\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == str(expected), done.stderr


def test_a_note_that_is_damaged_is_made_again(data: Path) -> None:
    name = "2x_AnimeJaNai_HD_V3_SuperUltraCompact-fp32.onnx"
    put(data / "weights" / name, name)
    entry = catalogue.find("animejanai-v3-superultracompact")
    assert entry
    assert entry.file
    for content in ("", "{", json.dumps({"sha256": 1})):
        (settings().models / "verified").mkdir(exist_ok=True)
        (settings().models / "verified" / f"{name}.json").write_text(content)
        assert store.is_whole(entry.file)


def small_net(seed: int) -> dict[str, object]:
    """A network of realesr-general-x4v3's kind, with few weights, all random."""
    import torch
    from spandrel.architectures.Compact.__arch.SRVGG import SRVGGNetCompact

    torch.manual_seed(seed)
    return dict(SRVGGNetCompact(num_in_ch=3, num_out_ch=3, num_feat=8, num_conv=2, upscale=4).state_dict())


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, object]]:
    """Two small networks in the place of general-x4v3 and its partner; their weights."""
    import torch

    weights, entries = [small_net(1), small_net(2)], list(ENTRIES)
    for number, name in enumerate(("realesr-general-x4v3", "realesr-general-wdn-x4v3")):
        torch.save({"params": weights[number]}, tmp_path / f"{name}.pth")
        content = put(tmp_path / f"{name}.pth", f"{name}.pth").read_bytes()
        place = next(n for n, entry in enumerate(entries) if entry.name == name)
        file = File(name=f"{name}.pth", sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
        entries[place] = msgspec.structs.replace(entries[place], file=file)
    monkeypatch.setattr(catalogue, "ENTRIES", tuple(entries))
    return weights


@pytest.mark.parametrize("strength", ["1", "0.0", "0.25", "0.7"])
def test_denoise_mixes_the_weights_as_the_authors_do(pair: list[dict[str, object]], strength: str) -> None:
    """1: general-x4v3 itself; 0: the partner; between, strength x the first + (1 - strength) x the second."""
    import torch
    from spandrel import ModelLoader

    from vsmagic.models import evaluate

    share = float(strength)
    mixed = {key: share * pair[0][key] + (1 - share) * pair[1][key] for key in pair[0]}  # type: ignore[operator]
    model = registry.resolve(f"realesr-general-x4v3@{strength}")
    assert (model.spec.base, model.scale) == ("nearest", 4)
    picture = evaluate.pictures(3)[1]
    with torch.no_grad():
        expected = ModelLoader().load_from_state_dict(mixed).model(torch.from_numpy(picture)).numpy()
    result = evaluate.output(model.path.read_bytes(), picture, model.path) + evaluate.enlarge(picture, 4)
    assert abs(result - expected).max() < 1e-4
    assert registry.resolve(f"realesr-general-x4v3@{strength}") == model


def test_two_strengths_are_two_models(pair: list[dict[str, object]]) -> None:
    first, second = registry.resolve("realesr-general-x4v3@0.25"), registry.resolve("realesr-general-x4v3@0.250")
    assert first == second
    assert first.name == "realesr-general-x4v3@0.25"
    assert registry.resolve("realesr-general-x4v3@0.75").path != first.path
