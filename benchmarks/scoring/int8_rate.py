"""Useful operations of `retort score` in int8, relative to the machine's int8 matrix rate.

Useful work is the forward pass over the real tokens of every window, without what the export skips of the last layer.
The start (the same command on a file of one row) is subtracted. A further row shows how many tokens are read twice,
because windows of long comments overlap.
"""

import functools
from collections.abc import Callable
from pathlib import Path

from transformers import AutoConfig

from benchmarks.scoring.file import retort_score, write_files
from benchmarks.shared import comments, models, processes, results, script
from benchmarks.shared.results import Side
from retort import runs
from retort.bench.flops import forward_flops
from retort.inference.onnx_predictor import INT8
from retort.inference.reading import Reader, read_tokenizer

GOAL = 0.6


def main() -> int:
    sizes = {"rounds": (3, 3, "of each side"), "comments": (2000, 40, "in the file")}
    given = script.parsed(models.parser(__doc__, **sizes))
    ceiling = models.Ceiling("int8", 0.2 if given.quick else 4.0)
    with models.prepared(given) as made, processes.other_load() as load:
        model = made.exported(INT8)
        files = write_files(made.folder, given.comments, 1, given.seed)
        useful, windows, overlap = useful_operations(model, files.texts)

        def seconds_of(file: Path) -> float:
            return retort_score(model, file, made.folder, truncate=False)[0]

        seconds_of(files.single)  # warm-up
        start, whole = (functools.partial(seconds_of, file) for file in (files.single, files.many))
        turns: dict[str, Callable[[], float]] = {"start": start, "file": whole, "matrices": ceiling}
        found = processes.alternated(turns, given.rounds)
    start_seconds = results.median(found["start"])
    seconds = [took - start_seconds for took in found["file"]]
    ours = Side("retort score", tuple(useful / s / 1e9 if s > 0 else float("nan") for s in seconds), "GOP/s")
    matrices = ceiling.side(found["matrices"], "GOP/s")
    rows = [
        results.share_of_the_rate("scoring, int8: useful operations / matrix rate", ours, matrices, GOAL),
        results.figure("  comments per second, without the start", len(files.texts) / results.median(seconds)),
        results.figure("  start (a file of one row)", start_seconds, "s"),
        results.figure("  tokens read / tokens of the comments", overlap),
        processes.load_row(load.share),
    ]
    mean = sum(windows) / len(windows)
    notes = [f"{given.comments:,} comments, {len(windows):,} windows of {mean:.0f} tokens on average"]
    data = comments.source().described(given.comments)
    return script.finish(given, rows, data=data, notes=notes, figures={"useful": useful, "seconds": found})


def useful_operations(folder: Path, texts: list[str]) -> tuple[float, list[int], float]:
    """Operations of one pass over all windows, each window's tokens, and tokens read per token of the texts."""
    readings = Reader(read_tokenizer(folder / runs.TOKENIZER), models.MAX_LENGTH).read(texts)
    lengths = readings.windows.lengths
    # Every window adds a [CLS] and a [SEP].
    overlap = float((lengths.sum() - 2 * len(lengths)) / readings.tokens.sum())
    return forward_flops(AutoConfig.from_pretrained(folder), lengths, first_token=True), lengths.tolist(), overlap


if __name__ == "__main__":
    script.run(main)
