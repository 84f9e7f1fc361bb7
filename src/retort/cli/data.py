"""`retort data`: what a file holds, before anything is trained on it."""

import json
from pathlib import Path
from typing import Annotated

import typer

from retort.cli.options import Json, reads_a_file
from retort.config import ColumnNames


@reads_a_file
def data(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, TSV, Parquet or JSONL, also .gz.")],
    as_json: Json = False,
    *,
    columns: ColumnNames,
) -> None:
    """Describe a data file: rows, faults, labels, lengths, and what a test split of it could show.

    Example: retort data train.csv
    """
    from retort.data.describe import describe
    from retort.data.sources import read_file

    comments = read_file(file, columns)
    found = describe(comments)
    if as_json:
        typer.echo(json.dumps(found, allow_nan=False))
        return
    from retort.cli.description import description_lines

    typer.echo("\n".join([*comments.report.lines(), *description_lines(found)]))
