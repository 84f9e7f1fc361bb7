"""Peak memory of scoring a file, relative to that of a file with a tenth of the rows.

Everything is as in `retort score`, but the model is a constant, because its memory does not depend on the file. Each
file is scored in a process of its own, whose peak the kernel reports.
"""

import argparse
import itertools
import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

from benchmarks.shared import comments, results, script
from benchmarks.shared.processes import ROOT, peak_bytes
from retort.data.batches import Tokens
from retort.errors import RunError
from retort.inference.predictor import Classifier
from retort.inference.reading import Reader, WindowedModel
from retort.scoring.local import score

GOAL = 1.1
_SHARE = 10
_THREADS = 2
_MAX_LENGTH = 128
# pyarrow's default. Row groups of this size must not be read as a whole.
_ROW_GROUP = 1 << 20
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def main() -> int:
    options = script.parser(__doc__, rows=(1_000_000, 50_000, "of the longer file"))
    options.add_argument("--ending", choices=(".csv", ".jsonl", ".parquet"), default=".csv", help="of the files [.csv]")
    options.add_argument("--score", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = script.parsed(options)
    if given.score:
        print(json.dumps(scored(*given.score)))
        return 0
    few, many = given.rows // _SHARE, given.rows
    with script.scratch_dir() as folder:
        peaks = {rows: measured(rows, folder, given.ending) for rows in (few, many)}
    what = f"peak memory of scoring {many:,} rows / {few:,} rows"
    rows = [results.at_most(what, peaks[many] / peaks[few], GOAL, "x")]
    rows += [results.figure(f"  {size:,} rows ({given.ending})", peak / 1e6, "MB") for size, peak in peaks.items()]
    return script.finish(given, rows, figures={"peak_bytes": peaks, "threads": _THREADS})


def measured(rows: int, folder: Path, ending: str) -> float:
    """Writes a file and scores it in a fresh process; its peak memory."""
    source = write_rows(folder / f"{rows}{ending}", rows)
    paths = [str(source), str(folder / f"scores-{rows}")]
    command = [sys.executable, "-m", "benchmarks.scoring.memory", "--score", *paths]
    ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    source.unlink()
    if ended.returncode:
        raise RunError(f"{source.name}: scoring ended with {ended.returncode}")
    found: dict[str, Any] = json.loads(ended.stdout)
    if found["rows"] != rows:
        raise RunError(f"{source.name}: only {found['rows']:,} of {rows:,} rows were scored")
    script.note(f"{rows:,} rows: {found['peak_bytes'] / 1e6:.1f} MB, {found['seconds']:.0f} s")
    return float(found["peak_bytes"])


def write_rows(path: Path, rows: int) -> Path:
    """The comments of the sample, repeated, each with its number so that no two are equal."""
    # Not at the top: the process that is measured does without them for other files than Parquet.
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = itertools.cycle(comments.sample_texts())
    numbered = {str(number): f"{next(texts)} {number}" for number in range(1, rows + 1)}
    table = pa.table({"id": list(numbered), "text": list(numbered.values())})
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=_ROW_GROUP)
    elif path.suffix == ".csv":
        table.to_pandas().to_csv(path, index=False, lineterminator="\r\n")
    else:
        table.to_pandas().to_json(path, orient="records", lines=True)
    return path


def scored(source: Path, out: Path) -> dict[str, Any]:
    """Scores a file in this process."""
    began = time.perf_counter()
    summary = score(source, out, constant(), {}, threads=_THREADS)
    return {"rows": summary.rows, "seconds": time.perf_counter() - began, "peak_bytes": peak_bytes()}


def constant() -> Classifier:
    """A classifier with a real tokenizer, made of the sample's words, and a probability of one half for everything."""

    def half(windows: Tokens) -> Any:
        return np.zeros((len(windows), 1), np.float32)

    model = WindowedModel(Reader(tokenizer(comments.sample_texts()), _MAX_LENGTH), half)
    return Classifier(
        "constant", comments.TASK, (comments.LABEL,), {comments.LABEL: 0.5}, "", "constant", _MAX_LENGTH, model
    )


def tokenizer(texts: Sequence[str]) -> Any:
    """A BERT tokenizer whose pieces are the words of `texts` and their letters."""
    words = sorted({word for text in texts for word in re.findall(r"\w+|[^\w\s]", text.lower())})
    letters = sorted({letter for word in words for letter in word} | set("0123456789"))
    pieces = dict.fromkeys([*_SPECIAL, *letters, *(f"##{letter}" for letter in letters), *words])
    made = Tokenizer.from_str(BertWordPieceTokenizer({piece: n for n, piece in enumerate(pieces)}).to_str())
    made.encode_special_tokens = True
    return made


if __name__ == "__main__":
    script.run(main)
