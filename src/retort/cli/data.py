"""`retort data`: describes a file before anything is trained on it."""

import json
from pathlib import Path
from typing import Annotated

import typer

from retort.cli.options import Json, TaskFile, chosen_task, reads_a_file
from retort.data.formats import endings


@reads_a_file
def data(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=f"Comments with labels: {endings()}.")],
    task: TaskFile = None,
    as_json: Json = False,
    *,
    columns: dict[str, str],
) -> None:
    """Describe a data file: rows, faults, labels, lengths, and what a test split of it could show.

    Example: retort data train.csv
    """
    chosen = chosen_task(task)

    from retort.recipes.describe import describe_file

    lines, found = describe_file(file, chosen, columns)
    if as_json:
        typer.echo(json.dumps(found, allow_nan=False))
        return
    from retort.cli.description import description_lines

    typer.echo("\n".join([*lines, *description_lines(found, chosen)]))
