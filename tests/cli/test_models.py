"""vsmagic models: lists, tells, fetches, adds and removes."""

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vsmagic.backends import select
from vsmagic.cli.models import models
from vsmagic.errors import ModelError, OptionError, SetupError
from vsmagic.models import registry
from vsmagic.models.catalogue import ENTRIES
from vsmagic.models.entry import Entry

SMALL = "2x_AnimeJaNai_HD_V3_SuperUltraCompact-fp32.onnx"
NAME = "animejanai-v3-superultracompact"

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VSMAGIC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def run() -> Run:
    def invoke(*arguments: str, **options: object) -> Result:
        return CliRunner().invoke(models, arguments, **options)  # type: ignore[arg-type]

    return invoke


def test_without_a_subcommand_all_models_are_listed(run: Run) -> None:
    done = run()
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [entry.name for entry in ENTRIES]
    assert not done.stderr


def test_words_search(run: Run) -> None:
    done = run("anime", "x4")
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == [
        "realesrgan-x4plus-anime-6b", "realesr-animevideov3",
    ]  # fmt: skip
    assert run("list", "anime", "x4").stdout == done.stdout
    assert "No model" in run("nonsense").stdout


def test_json_has_every_fact(run: Run) -> None:
    found = json.loads(run("--json").stdout)
    assert len(found) == len(ENTRIES)
    wanted = {"name", "scale", "channels", "range", "multiple", "halo", "precisions", "content", "licence"}
    wanted |= {"commercial", "page", "file", "state"}
    assert all(wanted <= one.keys() for one in found)
    assert {one["name"]: one["state"] for one in found}["magic-x2"] == "built in"
    assert json.loads(run("realesr-animevideov3", "--json").stdout)[0]["file"]["bytes"] == 2_504_012


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_show_tells_licence_and_origin(run: Run, entry: Entry) -> None:
    done = run("show", entry.name)
    assert done.exit_code == 0
    assert f"{entry.licence}: commercial use is {'allowed' if entry.commercial else 'forbidden'}" in done.stdout
    assert entry.page in done.stdout
    assert entry.sha256 in done.stdout
    assert json.loads(run("show", entry.name, "--json").stdout)["name"] == entry.name


def test_show_tells_which_backends_exclude_a_model_and_why(run: Run, data: Path) -> None:
    pytest.importorskip("spandrel")
    told = run("show", "magic-flow").stdout
    assert re.search(r"not run by +ncnn: the network has the operator \w+ \(", told)
    assert "not run by       vsgan: it loads the authors' .pth and nothing else" in told
    name = "realesr-animevideov3"
    assert "not run by       told once it is here" in run("show", name).stdout
    assert json.loads(run("show", name, "--json").stdout)["excluded"] is None
    assert run("fetch", name, "--from", str(data / "weights/realesr-animevideov3.pth")).exit_code == 0
    assert json.loads(run("show", name, "--json").stdout)["excluded"] == {}
    assert "not run by" not in run("show", name).stdout


def test_show_and_the_choice_of_a_backend_agree(run: Run) -> None:
    """Whatever is told here is refused there, and nothing else is, for the sake of the network."""
    for entry in ENTRIES:
        if not entry.embedded:
            continue
        told = json.loads(run("show", entry.name, "--json").stdout)["excluded"]
        network = registry.EMBEDDED / f"{entry.embedded}.onnx"
        refused = {backend.name for backend in select.BACKENDS if select.refused(backend, network)}
        assert set(told) == refused | {"vsgan"}


def test_show_tells_what_a_model_is_for_and_how_it_was_made(run: Run) -> None:
    made_by = json.loads((registry.EMBEDDED / "magic-restore-x1.json").read_bytes())["made_by"]
    told = run("show", "magic-restore-x1").stdout
    assert re.search(r"makes +the same size, without the compression and the noise of the picture", told)
    assert re.search(rf"made by +{re.escape(made_by)}", told)
    assert re.search(r"halo +16 pixels", told)
    facts = json.loads(run("show", "magic-restore-x1", "--json").stdout)
    assert (facts["made_by"], facts["purpose"], facts["halo"]) == (made_by, "restore", 16)


def test_an_unknown_name_is_told(run: Run) -> None:
    for command in ("show", "fetch", "remove"):
        with pytest.raises(ModelError, match="not known"):
            run(command, "nonsense", catch_exceptions=False)


def test_a_licence_that_forbids_commercial_use_is_asked_about(run: Run, data: Path) -> None:
    source = str(data / "weights" / SMALL)
    with pytest.raises(OptionError, match="forbids commercial use; say that this suits you with --yes"):
        run("fetch", NAME, "--from", source, catch_exceptions=False)
    assert run("show", NAME).stdout.count("not fetched") == 1
    done = run("fetch", NAME, "--from", source, "--yes")
    assert done.exit_code == 0
    assert "CC-BY-NC-SA-4.0: commercial use is forbidden" in done.stderr
    assert done.stdout == f"{NAME}: {registry.resolve(NAME).path}\n"


def test_fetch_from_remove_and_again(run: Run, data: Path) -> None:
    source = str(data / "weights" / SMALL)
    assert run("fetch", NAME, "--yes", "--from", source).exit_code == 0
    assert "there already" in run("fetch", NAME).stdout
    assert "fetched" in run("show", NAME).stdout
    assert run("remove", NAME).stdout == f"{NAME} is removed.\n"
    assert "not on this machine" in run("remove", NAME).stdout
    with pytest.raises(ModelError, match=f"run: vsmagic models fetch {NAME}"):
        registry.resolve(NAME)
    assert Path(source).exists()


def test_weights_are_converted_at_once(run: Run, data: Path) -> None:
    done = run("fetch", "realesr-animevideov3", "--from", str(data / "weights/realesr-animevideov3.pth"))
    assert done.exit_code == 0
    assert "converting" in done.stderr
    model = registry.resolve("realesr-animevideov3")
    assert (model.spec.base, model.spec.halo, model.spec.licence) == ("nearest", 18, "BSD-3-Clause")
    assert hashlib.sha256(model.path.read_bytes()).hexdigest() == model.spec.sha256


def test_weights_without_the_extra_are_fetched_and_the_extra_is_named(
    run: Run, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    done = run("fetch", "realesr-animevideov3", "--from", str(data / "weights/realesr-animevideov3.pth"))
    assert done.exit_code == 0
    assert "pip install 'vsmagic[convert]'" in done.stderr
    assert "fetched" in run("show", "realesr-animevideov3").stdout
    with pytest.raises(SetupError, match="spandrel is missing"):
        registry.resolve("realesr-animevideov3")


def test_another_file_is_refused(run: Run, data: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nothing was changed"):
        run("fetch", NAME, "--yes", "--from", str(data / "weights/realesr-animevideov3.pth"), catch_exceptions=False)
    with pytest.raises(ModelError, match="cannot be read"):
        run("fetch", NAME, "--yes", "--from", str(tmp_path / "absent"), catch_exceptions=False)


def test_what_cannot_be_fetched_says_how_to_get_it(run: Run) -> None:
    with pytest.raises(ModelError, match="comes with vsmagic"):
        run("fetch", "magic-x2", catch_exceptions=False)
    with pytest.raises(ModelError, match="--name animejanai-v2-compact"):
        run("fetch", "animejanai-v2-compact", "--yes", catch_exceptions=False)


def test_add_list_use_remove(run: Run, data: Path, tmp_path: Path) -> None:
    path = Path(shutil.copyfile(data / "weights" / SMALL, tmp_path / "mine.onnx"))
    assert run("add", str(path)).stdout == "mine: x2, RGB; use it with --model mine\n"
    path.unlink()
    listed = {one["name"]: one for one in json.loads(run("--json").stdout)}
    assert (listed["mine"]["state"], listed["mine"]["commercial"]) == ("added", None)
    assert "commercial" not in run("show", "mine").stdout
    assert registry.resolve("mine").scale == 2
    assert run("remove", "mine").stdout == "mine is removed.\n"
    assert len(json.loads(run("--json").stdout)) == len(ENTRIES)


def test_a_model_added_by_hand_takes_its_place_in_the_list(run: Run, data: Path) -> None:
    assert run("add", str(data / "weights" / SMALL), "--name", "animejanai-v2-compact").exit_code == 0
    listed = [one for one in json.loads(run("--json").stdout) if one["name"] == "animejanai-v2-compact"]
    assert [(one["state"], one["commercial"], one["family"]) for one in listed] == [("added", False, "AnimeJaNai")]


def test_a_rife_is_added_under_its_name(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    import rife_reference
    from vsmagic.models.rife import convert

    monkeypatch.setattr(convert, "export", lambda *_: b"made elsewhere")
    tensors = rife_reference.random("4.15-lite").state_dict()
    torch.save({f"module.{name}": values for name, values in tensors.items()}, tmp_path / "flownet.pkl")
    assert "hash pinned on first download" in run("show", "rife-4.15-lite").output
    result = run("add", str(tmp_path / "flownet.pkl"), "--name", "rife-4.15-lite")
    assert result.output == "rife-4.15-lite: RIFE 4.15-lite, makes frames in between\n"
    assert json.loads(run("show", "rife-4.15-lite", "--json").output)["state"] == "added"
    assert run("remove", "rife-4.15-lite").output == "rife-4.15-lite is removed.\n"


def test_what_comes_with_the_package_stays(run: Run) -> None:
    with pytest.raises(OptionError, match="cannot be removed"):
        run("remove", "magic-x2", catch_exceptions=False)


def test_help_names_the_subcommands(run: Run) -> None:
    text = run("--help").stdout
    assert all(command in text for command in ("list", "show", "fetch", "add", "remove"))
