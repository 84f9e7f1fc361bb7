"""`retort bench`: how fast every format of a model is on this machine, and how fast it could be."""

import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retort import runs
from retort.cli.options import Json, reads_a_file
from retort.config import ColumnNames

if TYPE_CHECKING:
    from retort.report.tables import Table


@reads_a_file
def bench(
    folder: Annotated[Path, typer.Argument(metavar="RUN_OR_MODEL", help="A run, or the folder of a model.")],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Comments to rate, instead of the run's test comments; no labels needed.",
            show_default=False,
        ),
    ] = None,
    comments: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="How many are rated [128].", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where figures and drawing go [bench-TIME].", show_default=False),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A short try: 16 comments, rough ceilings.")] = False,
    as_json: Json = False,
    *,
    columns: ColumnNames,
) -> None:
    """Measure latency, throughput and memory of every arm and format against what this machine can do.

    Example: retort bench runs/NAME
    """
    place = out or Path(f"bench-{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}")
    runs.refuse_existing(place)

    from retort.cli.stages import Stages

    with Stages() as stages:
        stages.show("starting", 0, 1)
        from retort.recipes.bench import FULL, QUICK
        from retort.recipes.bench import bench as run

        result = run(
            folder,
            place,
            data=data,
            columns=columns,
            comments=comments,
            effort=QUICK if quick else FULL,
            progress=stages.show,
        )
    for warning in result["warnings"]:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(json.dumps(result, allow_nan=False) if as_json else "\n".join(_lines(result, place)))


def _lines(result: dict[str, Any], place: Path) -> list[str]:
    from retort.recipes.bench import RESULT
    from retort.report.bench_plot import NAME
    from retort.report.bench_table import ceilings_table, measured_on, speed_table

    return [
        measured_on(result),
        "",
        *_columns(speed_table(result)),
        "",
        *_columns(ceilings_table(result)),
        "",
        f"Figures: {place / RESULT}",
        f"Drawing: {place / f'{NAME}.svg'}, also .png",
        "",
        *result["verdict"],
    ]


def _columns(table: "Table") -> list[str]:
    """The table in columns of one width, numbers to the right; reasons for missing ones below it."""
    texts = [
        [column.title for column in table.columns],
        *[[cell.text + (f" [{table.mark(cell)}]" if cell.why else "") for cell in row] for row in table.rows],
    ]
    widths = [max(len(line[place]) for line in texts) for place in range(len(table.columns))]
    aligned = [
        "  ".join(
            text.rjust(width) if column.numeric else text.ljust(width)
            for text, width, column in zip(line, widths, table.columns, strict=True)
        ).rstrip()
        for line in texts
    ]
    return [*aligned, *(f"[{number}] {why}" for number, why in enumerate(table.footnotes, 1))]
