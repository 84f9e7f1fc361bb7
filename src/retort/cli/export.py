"""`retort export`: a model as one file that runs without torch."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from retort import runs
from retort.cli.options import Json, reads_a_file, require_data
from retort.whole_folder import refuse_existing


@reads_a_file
def export(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="An arm of a run, or any Hugging Face BERT classifier.")
    ],
    int8: Annotated[bool, typer.Option("--int8", help="Weights as 8-bit integers: a quarter of the size.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder to write [MODEL/onnx].", show_default=False)
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Labelled comments to check the export on, instead of the run's validation rows.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    *,
    columns: dict[str, str],
) -> None:
    """Write a model as ONNX, in fp32 or int8, if its predictions stay the same within the limits of a gate.

    Example: retort export runs/NAME/odd --int8
    """
    require_data(columns, data)
    folder = out or model / runs.ONNX
    refuse_existing(folder)

    from retort.cli.stages import Stages

    with Stages() as stages:
        from retort.export.onnx import export as run

        report = run(model, folder, int8=int8, data=data, columns=columns, progress=stages.show)
    for warning in _warnings(report["parity"]):
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(json.dumps(report, allow_nan=False) if as_json else "\n".join(_lines(report)))


def _warnings(parity: dict[str, Any]) -> Iterator[str]:
    from retort.export.card import rare_sentence, weak_sentence

    if parity["weak"]:
        yield weak_sentence(parity["rows"])
    not_gated = [name for name, label in parity["labels"].items() if label["most_lost"] is None]
    if parity["calibration"] is not None and not_gated:
        yield rare_sentence(not_gated)


def _lines(report: dict[str, Any]) -> Iterator[str]:
    from retort.export.card import megabytes

    parity, size = report["parity"], report["bytes"]
    yield f"{report['out']}: {report['format']}"
    yield f"size: {megabytes(size['before'])} before, {megabytes(size['after'])} now"
    if parity["calibration"] is not None:
        yield f"calibrated with {parity['calibration']['rows']:,} {parity['calibration']['origin']}"
    yield f"model and export on {parity['rows']:,} {parity['origin']}:"
    yield f"  largest difference of a probability {parity['largest_difference']:.2g}"
    for name, label in parity["labels"].items():
        found = parity["average_precision"][name]
        change = found["why"] if found["before"] is None else f"{found['before']:.4f} before, {found['after']:.4f} now"
        yield f"  {name}: flipped verdicts {label['flipped']}, average precision {change}"
