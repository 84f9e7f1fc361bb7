"""`retort score`: a model's scores for every row of a file."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from retort.cli.live_bar import LiveBar
from retort.cli.options import Device, Json, Model, Review, reads_texts
from retort.data.formats import endings
from retort.machine import usable_cores

# Seconds between two lines where there is no terminal.
_QUIET_SECONDS = 10.0


@reads_texts
def score(
    source: Annotated[Path, typer.Argument(metavar="IN", help=f"Comments, one a row: {endings()}.")],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="A .csv, .jsonl or .parquet file, else a folder of Parquet shards.")
    ],
    *,
    model: Model,
    threads: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Threads that score [all cores].", show_default=False)
    ] = None,
    truncate: Annotated[
        bool,
        typer.Option("--truncate", help="Cut comments to the model's longest input: faster, the rest is not read."),
    ] = False,
    review: Review = None,
    device: Device = "auto",
    as_json: Json = False,
    columns: dict[str, str],
) -> None:
    """Score every row of a file of any size, in its order.

    Example: retort score comments.csv scores.parquet --model runs/NAME/odd/onnx
    """
    from retort.scoring import local

    local.refuse_unfit(source, out)

    from retort.inference.predictor import Classifier

    classifier = Classifier.load(model, threads=1, truncate=truncate, device=device)
    typer.echo(f"device: {classifier.device}", err=True)
    if review is not None:
        classifier = classifier.reviewing(review)
    used = threads or usable_cores()
    with _RowsDone() as done:
        summary = local.score(source, out, classifier, columns, threads=used, progress=done.show)
    for fault, dropped in summary.faults.dropped.items():
        typer.echo(f"warning: not scored: {dropped.summary(fault)}", err=True)
    if summary.truncated:
        rows = "1 row was" if summary.truncated == 1 else f"{summary.truncated:,} rows were"
        typer.echo(f"warning: {rows} truncated to the first {classifier.max_length} tokens", err=True)
    if as_json:
        made_by = {"arm": classifier.arm, "format": classifier.format, "sha256": classifier.sha256}
        used_for_it = {"out": str(out), "model": made_by, "threads": used, "device": classifier.device}
        result = summary.as_dict(classifier.task) | used_for_it
        typer.echo(json.dumps(result, allow_nan=False))
    else:
        keys = classifier.task.keys
        typer.echo(
            f"{summary.rows:,} rows: {summary.outcomes['positive']:,} {keys['positive']}, "
            f"{summary.outcomes['unsure']:,} {keys['unsure']}, {summary.faults.total:,} rejected; "
            f"{summary.rows_per_second:,.1f} rows/s; {out}"
        )
    summary.refuse_too_many_rejected(source, out)


class _RowsDone(LiveBar):
    """Rows and rows per second on stderr: a live bar on a terminal, a plain line every ten seconds elsewhere."""

    def __init__(self) -> None:
        super().__init__(
            TextColumn("{task.fields[rate]}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TimeRemainingColumn(),
        )
        self._task = self.bar.add_task("", total=1.0, rate="scoring")
        self._began = self._printed = time.monotonic()

    def show(self, rows: int, share: float) -> None:
        """`rows` are done; `share` (0 to 1) of the file has been read."""
        now = time.monotonic()
        rate = f"{rows:,} rows, {rows / max(now - self._began, 1e-9):,.1f} rows/s"
        if not self.bar.disable:
            self.bar.update(self._task, completed=share, rate=rate)
        elif now - self._printed >= _QUIET_SECONDS:
            self.console.print(f"{rate}, {share:.0%} of the file", markup=False)
            self._printed = now
