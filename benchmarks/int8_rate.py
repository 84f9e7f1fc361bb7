"""How near scoring in int8 comes to the machine's own int8 matrix rate.

`retort score` of an exported 6-layer student of bert-base's size on a file of comments, its start taken off (the
same command on a file of one row). Useful work is the forward pass over the real tokens of every window that is
read, without what the export leaves out (of the last layer, all but the first token's part); padding would count
as nothing, and int8 pads nothing. Windows of long comments overlap: how many tokens are
read twice for that is told beside it. The matrix rate is measured between the runs.

Example: python benchmarks/int8_rate.py
"""

from pathlib import Path

import score_file
import serving
import side_comments
import side_models
import side_script
import sides

from retort import runs
from retort.inference.onnx_predictor import INT8

GOAL = 0.6
_QUICK = 40


def main() -> int:
    options = side_script.parser(__doc__ or "", "40 comments, a tiny model", rounds=3)
    options.add_argument("--comments", type=side_script.positive, default=2000, metavar="N", help="in the file [2000]")
    given = options.parse_args()
    count = _QUICK if given.quick else given.comments
    with side_script.workshop(given) as folder, sides.watched() as others:
        from retort.bench.ceilings import measure_ceilings

        model = side_models.models(given, folder).exported(INT8)
        files = score_file.write_files(folder, count, 1, given.seed)
        useful, windows, again = useful_operations(model, files.texts)
        engines = []

        def ceiling() -> float:
            rate = measure_ceilings(seconds=0.2 if given.quick else 4.0)["int8"]
            engines.append(rate.engine)
            return rate.flop_per_second

        score_file.retort_score(model, files.single, folder, truncate=False)
        found = sides.alternated(
            {
                "start": lambda: score_file.retort_score(model, files.single, folder, truncate=False)[0],
                "file": lambda: score_file.retort_score(model, files.many, folder, truncate=False)[0],
                "matrices": ceiling,
            },
            given.rounds,
        )
    start = serving.middle(found["start"])
    seconds = [took - start for took in found["file"]]
    rates = tuple(useful / took / 1e9 if took > 0 else float("nan") for took in seconds)
    matrices = sides.Side(f"int8 matrices ({engines[-1]})", tuple(rate / 1e9 for rate in found["matrices"]), "GOP/s")
    rows = [
        sides.share_of_the_rate(
            "scoring, int8: useful operations / matrix rate", sides.Side("retort score", rates, "GOP/s"), matrices, GOAL
        ),
        sides.figure("  comments per second, without the start", len(files.texts) / serving.middle(seconds)),
        sides.figure("  start (a file of one row)", start, "s"),
        sides.figure("  tokens read / tokens of the comments", again),
        sides.bystanders(others.share),
    ]
    notes = [f"{count:,} comments, {len(windows):,} windows of {sum(windows) / len(windows):.0f} tokens on average"]
    figures = {"useful": useful, "seconds": found}
    return sides.tell(given, rows, data=f"{side_comments.source().origin}: {count:,}", notes=notes, figures=figures)


def useful_operations(folder: Path, texts: list[str]) -> tuple[float, list[int], float]:
    """Operations of one pass over the windows of the texts, each window's tokens, and how often a token is read."""
    from transformers import AutoConfig

    from retort.bench.flops import forward_flops
    from retort.inference.reading import Reader, read_tokenizer

    readings = Reader(read_tokenizer(folder / runs.TOKENIZER), side_models.MAX_LENGTH).read(texts)
    lengths = readings.windows.lengths
    # Every window has a [CLS] and a [SEP] of its own.
    again = float((lengths.sum() - 2 * len(lengths)) / readings.tokens.sum())
    return forward_flops(AutoConfig.from_pretrained(folder), lengths, first_token=True), lengths.tolist(), again


if __name__ == "__main__":
    side_script.ended(main)
