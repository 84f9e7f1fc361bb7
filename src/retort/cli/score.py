"""`retort score`: what a model says of every row of a file."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from retort.cli.live_bar import LiveBar
from retort.cli.options import Json, Model
from retort.config import ColumnNames

# Between two lines where there is no terminal.
_QUIET_SECONDS = 10.0


def score(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="Comments, one a row: .csv, .tsv, .jsonl or .parquet, also .gz.")
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="A .csv, .jsonl or .parquet file, else a folder of Parquet shards.")
    ],
    *,
    model: Model,
    text_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of the comments.", show_default=False)
    ] = None,
    id_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of the ids.", show_default=False)
    ] = None,
    threads: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Threads that score [all cores].", show_default=False)
    ] = None,
    truncate: Annotated[
        bool,
        typer.Option("--truncate", help="Read no further than the model's longest input: faster, blind to the rest."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Score every row of a file of any size, in its order.

    Example: retort score comments.csv scores.parquet --model runs/NAME/odd/onnx
    """
    from retort.scoring import local

    local.refuse_unfit(source, out)

    from retort.inference.predictor import Classifier

    classifier = Classifier.load(model, threads=1, truncate=truncate)
    columns = ColumnNames(text=text_column, id=id_column)
    used = threads or local.usable_cores()
    with _RowsDone() as done:
        summary = local.score(source, out, classifier, columns, threads=used, progress=done.show)
    for fault, dropped in summary.faults.dropped().items():
        typer.echo(f"warning: not scored: {dropped.told(fault)}", err=True)
    if summary.truncated:
        typer.echo(
            f"warning: of {summary.truncated:,} rows the first {classifier.max_length} tokens alone were read", err=True
        )
    if as_json:
        made_by = {"arm": classifier.arm, "format": classifier.format, "sha256": classifier.sha256}
        told = summary.as_dict() | {"out": str(out), "model": made_by, "threads": used}
        typer.echo(json.dumps(told, allow_nan=False))
    else:
        typer.echo(
            f"{summary.rows:,} rows: {summary.verdicts['toxic']:,} toxic, {summary.verdicts['unsure']:,} unsure, "
            f"{summary.faults.total:,} rejected; {summary.rows_per_second:,.1f} rows/s; {out}"
        )
    summary.refuse_too_many_rejected(source, out)


class _RowsDone(LiveBar):
    """Rows and rows per second, on stderr: a live bar on a terminal, now and then a plain line elsewhere."""

    def __init__(self) -> None:
        super().__init__(
            TextColumn("{task.fields[told]}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TimeRemainingColumn(),
        )
        self._task = self.bar.add_task("", total=1.0, told="scoring")
        self._began = self._told = time.monotonic()

    def show(self, rows: int, share: float) -> None:
        """So many rows are done, which is `share` (0 to 1) of the file."""
        now = time.monotonic()
        told = f"{rows:,} rows, {rows / max(now - self._began, 1e-9):,.1f} rows/s"
        if not self.bar.disable:
            self.bar.update(self._task, completed=share, told=told)
        elif now - self._told >= _QUIET_SECONDS:
            self.console.print(f"{told}, {share:.0%} of the file", markup=False)
            self._told = now
