"""The command itself: fast to ask for help, one sentence for every failure, documented exit codes."""

import re
import subprocess
import sys

import click
import pytest

from command import Run
from vsmagic import errors
from vsmagic.cli import main as cli_main
from vsmagic.errors import VsmagicError

HEAVY = ("av", "vapoursynth", "torch", "onnx", "numpy", "rich", "msgspec")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom vsmagic.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "heavy: []"


def test_help_shows_every_command_and_every_exit_code(run: Run) -> None:
    ran = run("--help")
    assert ran.code == 0
    for name in ("enhance", "info", "doctor", "train", "bench"):
        assert re.search(rf"^  {name} ", ran.out, re.MULTILINE)
    documented = {int(code) for code in re.findall(r"^    (\d+) ", ran.out, re.MULTILINE)}
    raised = {
        error.exit_code
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, VsmagicError)
    }
    assert documented == raised | {0, 9, 11, 130, 143}


@pytest.mark.parametrize("error", [errors.OptionError, errors.SourceError, errors.OutputError, errors.SetupError])
def test_an_error_becomes_its_sentence_and_its_code(
    error: type[VsmagicError], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise error("the sky is green; expected blue. Look again.")

    monkeypatch.setattr(cli_main.cli, "main", fail)
    ran = run("info", "x")
    assert ran.code == error.exit_code
    assert ran.err == "vsmagic: the sky is green; expected blue. Look again.\n"


def test_the_unexpected_is_one_sentence_too_and_debug_shows_more(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(cli_main.cli, "main", fail)
    assert run("info", "x").err == "vsmagic: unexpected ZeroDivisionError: by nought. Run it again with --debug.\n"
    assert "Traceback" in run("--debug", "info", "x").err


def test_ctrl_c_outside_a_job(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_main.cli, "main", stop)
    assert run("info", "x").code == 130


@pytest.mark.parametrize("arguments", [["frobnicate"], ["--frob"], ["enhance", "one"], ["info"]])
def test_a_wrong_command_line_is_one_sentence(arguments: list[str], run: Run) -> None:
    ran = run(*arguments)
    assert ran.code == 2
    assert re.fullmatch(r"vsmagic: .+[.?)]\n", ran.err)


def test_every_command_is_there_under_its_name() -> None:
    for name in cli_main.cli.list_commands(click.Context(cli_main.cli)):
        command = cli_main.cli.get_command(click.Context(cli_main.cli), name)
        assert isinstance(command, click.Command)
        assert command.name == name
