"""`retort bench`: speed and memory of every format of a model on this machine."""

import datetime
import json
from pathlib import Path
from typing import Annotated

import typer

from retort.cli.gates import gates_of, held, refuse_missed, show_gates
from retort.cli.options import Gates, Json, reads_texts, require_data
from retort.whole_folder import refuse_existing


@reads_texts
def bench(
    folder: Annotated[Path, typer.Argument(metavar="RUN_OR_MODEL", help="A run or a model folder.")],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Comments to rate, instead of the run's test comments; no labels needed.",
            show_default=False,
        ),
    ] = None,
    comments: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Number of comments to rate [128].", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Output folder for figures and drawing [bench-TIME].", show_default=False),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A short try: 16 comments, rough ceilings.")] = False,
    gate: Gates = None,
    as_json: Json = False,
    *,
    columns: dict[str, str],
) -> None:
    """Measure latency, throughput and memory of every arm and format, next to the limits of this machine.

    Example: retort bench runs/NAME
    """
    require_data(columns, data)
    target = out or Path(f"bench-{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}")
    refuse_existing(target)
    gates = gates_of(gate)

    from retort.cli.stages import Stages

    with Stages() as stages:
        stages.show("starting", 0, 1)
        from retort.recipes.bench import FULL, QUICK
        from retort.recipes.bench import bench as run

        result = run(
            folder,
            target,
            data=data,
            columns=columns,
            comments=comments,
            effort=QUICK if quick else FULL,
            progress=stages.show,
        )
    for warning in result["warnings"]:
        typer.echo(f"warning: {warning}", err=True)
    from retort.recipes.bench import RESULT

    result = held(gates, target / RESULT, result)
    if as_json:
        typer.echo(json.dumps(result, allow_nan=False))
        refuse_missed(result, target)
        return
    from retort.cli.tables import print_bench
    from retort.report.bench.drawing import NAME
    from retort.report.bench.tables import measured_on

    typer.echo(measured_on(result))
    print_bench(result)
    typer.echo(f"Figures: {target / RESULT}\nDrawing: {target / f'{NAME}.svg'}, also .png\n")
    typer.echo("\n".join(result["verdict"]))
    show_gates(result, as_json)
    refuse_missed(result, target)
