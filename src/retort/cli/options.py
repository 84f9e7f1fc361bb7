"""Options that several commands share."""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from retort.errors import ConfigError
from retort.strict import nearest
from retort.tasks import Task, default_task, read_task
from retort.tasks.task import ID, TEXT

Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout instead of text.")]
Model = Annotated[
    Path, typer.Option("--model", metavar="DIR", help="An arm of a run, or any Hugging Face BERT classifier.")
]
Device = Annotated[
    str,
    typer.Option(
        "--device", metavar="NAME", help="cpu, cuda, cuda:1, mps …; auto is the accelerator where there is one."
    ),
]
TaskFile = Annotated[
    Path | None,
    typer.Option(
        "--task",
        metavar="FILE.toml",
        help="Labels, their headers and the words of a verdict [the packaged task].",
        show_default=False,
    ),
]
Review = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Verdict unsure for about this share of the comments, those that people should review: 0.01, 0.05 or 0.1.",
        show_default=False,
    ),
]
Gates = Annotated[
    Path | None,
    typer.Option(
        "--gate",
        metavar="FILE.toml",
        help="Bounds on figures; exit 6 names each that is missed.",
        show_default=False,
    ),
]
_Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="NAME=HEADER",
        help="Header of a column in the file, e.g. text=body; repeatable.",
        show_default=False,
    ),
]


def require_data(columns: Mapping[str, str], data: Path | None) -> None:
    """Raises ConfigError for columns without a data file: a run and the embedded sample have known headers."""
    for name, header in columns.items() if data is None else ():
        raise ConfigError(f"--column {name}={header}: --column needs --data; name the file that has this header")


def chosen_task(file: Path | None) -> Task:
    """The task of `--task FILE.toml`, the packaged one without. Raises ConfigError for an invalid task file."""
    return default_task() if file is None else read_task(file)


def reads_a_file(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command that reads labelled comments the option `--column NAME=HEADER`, repeatable.

    The command takes the columns as `columns: dict[str, str]`, name -> header; `data.columns.find_columns` checks the
    names against the task. The former flags (`--text-column` and one for each packaged label) still work, hidden.
    """
    return _with_columns(command, (TEXT, ID, *default_task().names), allowed=None)


def reads_texts(command: Callable[..., None]) -> Callable[..., None]:
    """As `reads_a_file`, for a command that reads only texts and ids."""
    return _with_columns(command, (TEXT, ID), allowed=(TEXT, ID))


def names_suite_columns(command: Callable[..., None]) -> Callable[..., None]:
    """As `reads_a_file`, for a command that reads a suite: `data.suite.read_suite` checks the names."""
    return _with_columns(command, (), allowed=None)


def _with_columns(
    command: Callable[..., None], former: Sequence[str], allowed: Sequence[str] | None
) -> Callable[..., None]:
    flags = {f"{name}_column": name for name in former}

    @functools.wraps(command)
    def with_columns(**arguments: Any) -> None:
        given = [(name, arguments.pop(flag)) for flag, name in flags.items()]
        given += [_pair(text) for text in arguments.pop("column") or ()]
        columns = _columns((name, header) for name, header in given if header is not None)
        _require_allowed(columns, allowed)
        command(**arguments, columns=columns)

    kept = [p for p in inspect.signature(command).parameters.values() if p.name != "columns"]
    annotations = {"column": _Columns} | {flag: _former_flag(flag, name) for flag, name in flags.items()}
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in annotations.items()
    ]
    # typer builds the command line from the signature and the annotations.
    with_columns.__signature__ = inspect.Signature([*kept, *added])  # type: ignore[attr-defined]
    with_columns.__annotations__ = {p.name: p.annotation for p in [*kept, *added]}
    return with_columns


def _former_flag(flag: str, name: str) -> Any:
    help_text = f"The same as --column {name}=HEADER."
    option = typer.Option(f"--{flag.replace('_', '-')}", metavar="HEADER", help=help_text, hidden=True)
    return Annotated[str | None, option]


def _pair(text: str) -> tuple[str, str]:
    name, equals, header = text.partition("=")
    if not (name and equals and header):
        raise ConfigError(f"--column {text}: not NAME=HEADER; give a column and its header, for example text=body")
    return name, header


def _columns(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Name -> header. Raises ConfigError for a name with two headers."""
    columns: dict[str, str] = {}
    for name, header in pairs:
        if columns.setdefault(name, header) != header:
            raise ConfigError(f"--column {name}={header}: {name!r} is {columns[name]!r} already; give one header")
    return columns


def _require_allowed(columns: Iterable[str], allowed: Sequence[str] | None) -> None:
    for name in columns:
        if allowed is not None and name not in allowed:
            raise ConfigError(f"--column {name}: not read here{nearest(name, allowed)}; name {' or '.join(allowed)}")
