"""The ``vsmagic`` command: finds the subcommand, and turns every expected failure into one sentence and a code."""

import importlib
import logging
import sys

import click

from vsmagic import __version__, logs
from vsmagic.errors import VsmagicError

# Name to the sentence --help shows. The modules behind them are imported only when they are run.
_COMMANDS = {
    "enhance": "Make a better video: undo digital zoom, upscale, keep everything else.",
    "jobs": "List, show and throw away jobs that were stopped before they were finished.",
    "between": "Make the pictures between two pictures.",
    "mpv": "Better pictures while you watch, in the player mpv.",
    "info": "Tell everything that decides how a file is handled.",
    "models": "List models, fetch them, add your own.",
    "doctor": "Tell what of this installation works, what is missing, and what mends it.",
    "engines": "Build, list and delete compiled TensorRT engines.",
    "shader": "Write models as GLSL shaders, for an mpv without VapourSynth.",
    "train": "Train a model on pictures it makes itself.",
    "bench": "Measure filters and encoding on this machine.",
}

_EXIT_CODES = """\b
Exit codes:
  0    done
  1    unexpected error
  2    an option, a keyframe or a chain is wrong
  3    the input cannot be opened or decoded
  4    a model is unknown, unreadable or does not fit
  5    a backend's plugin, device or library is missing
  6    vspipe or ffmpeg failed
  7    the output cannot be written
  8    something of the installation is missing
  9    done, as far as a damaged input could be decoded
  10   an engine or a model has to be made ready first
  11   of many files some failed, for different reasons
  130  stopped by Ctrl-C
  143  stopped by SIGTERM
"""


class _Lazy(click.Group):
    """A group whose subcommands are known by name and imported when used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(importlib.import_module(f"vsmagic.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 - a mistake of ours, not of the user
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy, epilog=_EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show tracebacks, the commands that are run and what they say.")
@click.version_option(__version__, "-V", "--version", message="vsmagic %(version)s")
@click.pass_context
def cli(ctx: click.Context, *, debug: bool) -> None:
    """Make any video better.

    \b
      vsmagic enhance old.avi better.mp4
      vsmagic enhance clip.mp4 clip.mkv --keyframes zoom.json --scale 2
      vsmagic info clip.mp4
    """  # noqa: D301 - click wants the backspace
    ctx.obj = debug
    log_to_stderr(debug=debug)


def log_to_stderr(*, debug: bool, level: int = logging.WARNING) -> None:
    """Let the package's log from a level on (with ``debug`` all of it) appear on stderr, one line each."""
    logs.to_stderr(logging.DEBUG if debug else level)
    # VapourSynth's own messages reach Python's logging too; what matters of them is in our errors.
    logging.getLogger("vapoursynth").setLevel(logging.DEBUG if debug else logging.CRITICAL)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code; the entry point of the ``vsmagic`` program."""
    debug = "--debug" in (sys.argv[1:] if arguments is None else arguments)
    try:
        code = cli.main(arguments, prog_name="vsmagic", standalone_mode=False)
    except VsmagicError as error:
        code = _fail(str(error), error.exit_code, debug=debug)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        code = 2
    except click.ClickException as error:
        code = _fail(_sentence(error), 2, debug=debug)
    except (KeyboardInterrupt, click.Abort):
        code = _fail("stopped by Ctrl-C.", 130, debug=False)
    except BrokenPipeError:
        code = 1
    except Exception as error:  # the last net: one sentence instead of a traceback
        code = _fail(f"unexpected {type(error).__name__}: {error}. Run it again with --debug.", 1, debug=debug)
    sys.exit(code if isinstance(code, int) else 0)


def _sentence(error: click.ClickException) -> str:
    message = error.format_message()
    return message if message.endswith((".", "?", ")")) else f"{message}."


def _fail(message: str, code: int, *, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    click.echo(f"vsmagic: {message}", err=True)
    return code
