"""The command line: parse, call, print. What a command needs is imported when it runs."""

import errno
import os
import signal
import sys
import traceback
import warnings
from types import FrameType
from typing import Annotated, NoReturn

import typer

from retort.cli import bench, calibrate, compare, data, evaluate, export, predict, presets, score, serve
from retort.errors import INTERRUPTED, ResourceError, RetortError, RunError

_TERMINATED = 143
_USAGE = 2
# typer brings its own copy of click and exports of its errors only some; this is the family's head.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]

app = typer.Typer(
    name="retort",
    help="Distil a BERT comment classifier, compare it with LoRA, and see what the numbers can show.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(compare.compare)
app.command()(predict.predict)
app.command()(evaluate.evaluate)
app.command()(presets.presets)
app.command()(data.data)
app.command()(export.export)
app.command()(score.score)
app.command()(bench.bench)
app.command()(serve.serve)
app.command()(calibrate.calibrate)


class _Terminated(BaseException):
    """A SIGTERM, raised where it falls so that half-written folders are cleared away."""


def _version(asked: bool) -> None:
    if asked:
        import importlib.metadata

        typer.echo(importlib.metadata.version("retort-nlp"))
        raise typer.Exit


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options that stand before any command; --debug is read in `main`, which handles the errors."""


def main() -> NoReturn:
    """Runs a command and turns what went wrong into one line and an exit code (see errors.py)."""
    signal.signal(signal.SIGTERM, _terminate)
    debug = "--debug" in sys.argv[1:]
    if not debug:
        # The libraries below warn their own users of things that a user of ours can do nothing about.
        warnings.simplefilter("ignore")
    # It may stand anywhere on the line.
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    sys.exit(_run(arguments, debug))


def _run(arguments: list[str], debug: bool) -> int:
    try:
        outcome = app(arguments, prog_name="retort", standalone_mode=False)
        sys.stdout.flush()
        if outcome == INTERRUPTED:  # typer's answer to Ctrl-C
            raise KeyboardInterrupt
        return outcome if isinstance(outcome, int) else 0
    except RetortError as error:
        return _fail(error, error.exit_code, debug)
    except _UsageError as error:
        if not arguments:  # typer hands over the help text
            typer.echo(error)
            return _USAGE
        return _fail(f"{_message(error).rstrip('.')}; see retort {_command(arguments)}--help", _USAGE, debug)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted; nothing was written", INTERRUPTED, debug)
    except _Terminated:
        return _fail("terminated; nothing was written", _TERMINATED, debug)
    except BrokenPipeError:
        return _reader_gone()
    except SystemExit as ended:
        # typer's answer to a reader of our output that has gone (`| head`).
        if isinstance(ended.__context__, BrokenPipeError):
            return _reader_gone()
        raise
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] == "retort":
            return _unforeseen(error, debug)
        return _fail(f"{error.name} is not installed; pip install 'retort-nlp[train]'", ResourceError.exit_code, debug)
    except MemoryError:
        return _fail("out of memory; lower the batch size or max_length", ResourceError.exit_code, debug)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EACCES, errno.EPERM, errno.EROFS, errno.EDQUOT, errno.ENOMEM):
            return _unforeseen(error, debug)
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror}; free some space or check permissions", ResourceError.exit_code, debug)
    except Exception as error:  # noqa: BLE001 - a mistake of ours must not look like an answer either
        return _unforeseen(error, debug)


def _reader_gone() -> int:
    # Python would complain once more when it flushes at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
    return 0


def _unforeseen(error: Exception, debug: bool) -> int:
    kind = type(error).__name__
    return _fail(f"unforeseen {kind}: {error}; see where with --debug, and report it", RunError.exit_code, debug)


def _fail(message: object, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    one_line = " ".join(str(message).split())
    typer.echo(f"error: {one_line}", err=True)
    return code


def _message(error: Exception) -> str:
    written = getattr(error, "format_message", None)
    return str(written()) if written else str(error)


def _command(arguments: list[str]) -> str:
    known = {command.callback.__name__ for command in app.registered_commands if command.callback}
    return next((f"{argument} " for argument in arguments if argument in known), "")


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise _Terminated
