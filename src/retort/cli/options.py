"""Flags that several commands share, and what they mean for the settings."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from retort.config import ColumnNames

Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout instead of text.")]
Model = Annotated[
    Path, typer.Option("--model", metavar="DIR", help="An arm of a run, or any Hugging Face BERT classifier.")
]

_HELP = {"text": "Column of the comments.", "id": "Column of the ids.", "toxicity": "Column of the raters' share."}


def reads_a_file(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command `--text-column`, `--id-column` and one such flag for each attribute.

    The command itself takes them as one argument, `columns: ColumnNames`; what was not named is found by
    its known headers.
    """
    flags = {f"{name}_column": name for name in ColumnNames.model_fields}

    @functools.wraps(command)
    def with_flags(**arguments: Any) -> None:
        named = {name: arguments.pop(flag) for flag, name in flags.items()}
        command(**arguments, columns=ColumnNames(**{k: v for k, v in named.items() if v is not None}))

    kept = [p for p in inspect.signature(command).parameters.values() if p.name != "columns"]
    added = [
        inspect.Parameter(flag, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_column(flag, name))
        for flag, name in flags.items()
    ]
    # typer builds the command line from the signature and the annotations.
    with_flags.__signature__ = inspect.Signature([*kept, *added])  # type: ignore[attr-defined]
    with_flags.__annotations__ = {p.name: p.annotation for p in [*kept, *added]}
    return with_flags


def _column(flag: str, name: str) -> Any:
    help_text = _HELP.get(name, f"Column of {name}.")
    option = typer.Option(f"--{flag.replace('_', '-')}", metavar="NAME", help=help_text, show_default=False)
    return Annotated[str | None, option]
