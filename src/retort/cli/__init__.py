"""The command line: parse, call, print. What a command needs is imported when it runs."""

import errno
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Annotated, NoReturn

import typer

from retort.cli import audit, bench, calibrate, compare, data, evaluate, export, predict, presets, score, serve
from retort.errors import INTERRUPTED, ResourceError, RetortError, RunError
from retort.extras import install_line

_SIGNALS: dict[int, tuple[str, int]] = {
    signal.SIGINT: ("interrupted", INTERRUPTED),
    signal.SIGTERM: ("terminated", 143),
}
# Seconds for which a second signal is ignored: it asks for the end that the first one began.
_CLEANUP_SECONDS = 10.0
_USAGE = 2
# typer contains its own copy of click and does not export the base class of its usage errors.
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
app.command()(audit.audit)


class _Stopped(BaseException):
    """SIGTERM or Ctrl-C as an exception, so that half-written folders are removed."""

    def __init__(self, signal_number: int) -> None:
        super().__init__()
        self.word, self.code = _SIGNALS[signal_number]


def _version(requested: bool) -> None:
    if requested:
        from retort.provenance import version

        typer.echo(version())
        raise typer.Exit


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options before the command; --debug is read in `main`, which handles the errors."""


def main() -> NoReturn:
    """Runs a command; an error becomes one line on stderr and an exit code (see errors.py)."""
    stop = _stop_once()
    for number in _SIGNALS:
        signal.signal(number, stop)
    debug = "--debug" in sys.argv[1:]
    if not debug:
        # Warnings of the libraries address programmers; a user of this program can do nothing about them.
        warnings.simplefilter("ignore")
    # --debug is accepted anywhere on the line.
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        code = _run(arguments, debug)
    except _Stopped as stopped:
        code = _end(stopped, debug)
    sys.exit(code)


def _run(arguments: list[str], debug: bool) -> int:
    try:
        outcome = app(arguments, prog_name="retort", standalone_mode=False)
        sys.stdout.flush()
        if outcome == INTERRUPTED:  # a KeyboardInterrupt that did not come from our handler, as typer returns it
            return _fail("interrupted; nothing was written", INTERRUPTED, debug)
        return outcome if isinstance(outcome, int) else 0
    except RetortError as error:
        return _fail(error, error.exit_code, debug)
    except _UsageError as error:
        if not arguments:  # the error is the help text
            typer.echo(error)
            return _USAGE
        return _fail(f"{_message(error).rstrip('.')}; see retort {_command(arguments)}--help", _USAGE, debug)
    except BrokenPipeError:
        return _closed_output()
    except SystemExit as ended:
        # typer exits when the reader of stdout has closed it (`| head`).
        if isinstance(ended.__context__, BrokenPipeError):
            return _closed_output()
        raise
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] == "retort":
            return _unforeseen(error, debug)
        return _fail(f"{error.name} is not installed; {install_line(str(error.name))}", ResourceError.exit_code, debug)
    except MemoryError:
        return _fail("out of memory; lower the batch size or max_length", ResourceError.exit_code, debug)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EACCES, errno.EPERM, errno.EROFS, errno.EDQUOT, errno.ENOMEM):
            return _unforeseen(error, debug)
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror}; free some space or check permissions", ResourceError.exit_code, debug)
    except Exception as error:  # noqa: BLE001 - an error in this program must not look like success
        return _unforeseen(error, debug)


def _closed_output() -> int:
    # Python would report the closed pipe again when it flushes at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
    return 0


def _unforeseen(error: Exception, debug: bool) -> int:
    kind = type(error).__name__
    return _fail(f"unforeseen {kind}: {error}; see where with --debug, and report it", RunError.exit_code, debug)


def _fail(message: object, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    one_line = " ".join("; ".join([str(message), *_notes(sys.exception())]).split())
    typer.echo(f"error: {one_line}", err=True)
    return code


def _notes(error: BaseException | None) -> list[str]:
    """Which finished parts were kept after a failure, see `whole_folder.written_whole`."""
    return list(getattr(error, "__notes__", ()))


def _message(error: Exception) -> str:
    written = getattr(error, "format_message", None)
    return str(written()) if written else str(error)


def _command(arguments: list[str]) -> str:
    known = {command.callback.__name__ for command in app.registered_commands if command.callback}
    return next((f"{argument} " for argument in arguments if argument in known), "")


def _stop_once() -> Callable[[int, FrameType | None], None]:
    """A handler of signals that raises _Stopped, and ignores those that come while that is being handled.

    A library may swallow the exception, so a signal counts again after `_CLEANUP_SECONDS`.
    """
    ignored_until = 0.0

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal ignored_until
        if time.monotonic() < ignored_until:
            return
        ignored_until = time.monotonic() + _CLEANUP_SECONDS
        raise _Stopped(number)

    return stop


def _end(stopped: _Stopped, debug: bool) -> int:
    """Reports that a signal ended the command; no further one disturbs the end of the process."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    nothing = "" if _notes(stopped) else "; nothing was written"
    return _fail(f"{stopped.word}{nothing}", stopped.code, debug)
