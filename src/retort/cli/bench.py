"""`retort bench`: how fast every format of a model is on this machine, and how fast it could be."""

import datetime
import json
from pathlib import Path
from typing import Annotated

import typer

from retort import runs
from retort.cli.options import Json, reads_a_file
from retort.config import ColumnNames


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
    if as_json:
        typer.echo(json.dumps(result, allow_nan=False))
        return
    from retort.cli.tables import print_bench
    from retort.recipes.bench import RESULT
    from retort.report.bench_plot import NAME
    from retort.report.bench_table import measured_on

    typer.echo(measured_on(result))
    print_bench(result)
    typer.echo(f"Figures: {place / RESULT}\nDrawing: {place / f'{NAME}.svg'}, also .png\n")
    typer.echo("\n".join(result["verdict"]))
