"""`retort evaluate`: a trained model judged on a labelled file."""

import json
from pathlib import Path
from typing import Annotated

import typer

from retort.cli.options import Device, Json, Model, reads_a_file


@reads_a_file
def evaluate(
    model: Model,
    data: Annotated[Path, typer.Option(metavar="FILE", help="Labelled comments the model was not trained on.")],
    device: Device = "auto",
    as_json: Json = False,
    *,
    columns: dict[str, str],
) -> None:
    """Judge a model on a file, with 95 % intervals; by group where the file has identity columns.

    Example: retort evaluate --model runs/NAME/odd --data dev.csv
    """
    from retort.recipes.evaluate import evaluate as run

    lines, result = run(model, data, columns, device)
    for line in lines:
        typer.echo(line, err=True)
    if as_json:
        typer.echo(json.dumps(result, allow_nan=False))
        return
    from retort.cli.tables import print_bias, print_figures

    print_figures(result["test"])
    print_bias(result["bias"])
