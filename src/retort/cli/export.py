"""`retort export`: a model as one file that runs without torch."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from retort import runs
from retort.cli.options import Json, reads_a_file
from retort.config import ColumnNames


@reads_a_file
def export(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="An arm of a run, or any Hugging Face BERT classifier.")
    ],
    int8: Annotated[bool, typer.Option("--int8", help="Weights as 8-bit integers: a quarter of the size.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where it goes [MODEL/onnx].", show_default=False)
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Labelled comments to check it on, instead of the run's validation rows.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    *,
    columns: ColumnNames,
) -> None:
    """Write a model as ONNX, in fp32 or int8, if it still says what the model says.

    Example: retort export runs/NAME/odd --int8
    """
    folder = out or model / runs.ONNX
    runs.refuse_existing(folder)

    from retort.cli.stages import Stages

    with Stages() as stages:
        from retort.export.onnx import export as run

        report = run(model, folder, int8=int8, data=data, columns=columns, progress=stages.show)
    if report["parity"]["weak"]:
        from retort.export.card import weak_sentence

        typer.echo(f"warning: {weak_sentence(report['parity']['rows'])}", err=True)
    typer.echo(json.dumps(report, allow_nan=False) if as_json else "\n".join(_lines(report)))


def _lines(report: dict[str, Any]) -> list[str]:
    from retort.export.card import megabytes

    parity, size = report["parity"], report["bytes"]
    lines = [
        f"{report['out']}: {report['format']}",
        f"size: {megabytes(size['before'])} before, {megabytes(size['after'])} now",
        f"asked both about {parity['rows']:,} {parity['origin']}:",
        f"  largest difference of a probability {parity['largest_difference']:.2g}",
        f"  flipped verdicts {parity['flipped']} (int8 may flip {parity['most_flipped']})",
    ]
    for name, found in parity["average_precision"].items():
        if found["before"] is None:
            lines.append(f"  average precision, {name}: none, {found['why']}")
        else:
            lines.append(f"  average precision, {name}: {found['before']:.4f} before, {found['after']:.4f} now")
    return lines
