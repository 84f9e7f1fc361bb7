"""Peak memory of scoring a file, against that of scoring one a tenth as long: does it grow with the file?

Rows are read, looked at, normalised, tokenised, handed to threads and written as shards as in every `retort score`.
The model alone is none: it says the same of every window, because what a model holds does not depend on the file.
Either side is a process of its own, and its peak is what the kernel says of it.

Example: python benchmarks/score_memory.py
"""

import argparse
import csv
import dataclasses
import itertools
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import serving

from retort import runs
from retort.config import ColumnNames
from retort.errors import RunError

GOAL = 1.1
_SHARE = 10
_QUICK_ROWS = 50_000
_MAX_LENGTH = 128
_MEGABYTE = 1_000_000
_ENDINGS = (".csv", ".jsonl", ".parquet")
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def main() -> int:
    given = _parsed()
    if given.score:
        print(json.dumps(scored(*given.score, threads=given.threads)))
        return 0
    most = _QUICK_ROWS if given.quick else given.rows
    sizes = (most // _SHARE, most)
    found = {}
    with tempfile.TemporaryDirectory(prefix="retort-bench-") as name:
        folder = Path(name)
        for rows in sizes:
            source = write_rows(folder / f"{rows}{given.ending}", rows)
            found[rows] = measured(source, folder / f"scores-{rows}", given.threads)
            serving.note(
                f"{rows:,} rows: {found[rows]['peak_bytes'] / _MEGABYTE:.1f} MB, {found[rows]['seconds']:.0f} s"
            )
            source.unlink()
            if found[rows]["rows"] != rows:
                raise RunError(
                    f"{source.name}: {found[rows]['rows']:,} of {rows:,} rows were scored; nothing is measured"
                )
    few, many = (found[rows]["peak_bytes"] for rows in sizes)
    checks = [
        serving.at_most(f"peak memory of scoring {sizes[1]:,} rows / {sizes[0]:,} rows", many / few, GOAL, " x"),
        *(
            serving.figure(f"{rows:,} rows ({given.ending})", found[rows]["peak_bytes"] / _MEGABYTE, " MB")
            for rows in sizes
        ),
    ]
    figures = {"peak_bytes": {str(rows): found[rows]["peak_bytes"] for rows in sizes}, "threads": given.threads}
    if given.json:
        told = {
            "benchmark": Path(__file__).stem,
            "time": runs.utc_now(),
            "quick": given.quick,
            # What reads the results of all scripts takes `rows` for lines of a table.
            "sizes": list(sizes),
            "checks": [dataclasses.asdict(check) for check in checks],
            "figures": figures,
            "provenance": runs.provenance(),
        }
        print(json.dumps(told, indent=1, allow_nan=False))
    else:
        print(serving.table(checks))
    return serving.verdict(checks)


def write_rows(path: Path, rows: int) -> Path:
    """The comments of the sample over and over, each with its number, so that no two are the same."""
    texts = itertools.cycle(serving.sample_texts())
    numbered = ((str(number), f"{next(texts)} {number}") for number in range(1, rows + 1))
    if path.suffix == ".parquet":
        _write_parquet(path, numbered)
        return path
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            csv.writer(file).writerows(itertools.chain([("id", "text")], numbered))
        else:
            file.writelines(json.dumps({"id": own, "text": text}) + "\n" for own, text in numbered)
    return path


def _write_parquet(path: Path, numbered: Iterator[tuple[str, str]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("id", pa.string()), ("text", pa.string())])
    with pq.ParquetWriter(path, schema) as writer:
        # Row groups as large as pyarrow makes them by itself: they must not be read whole.
        while part := list(itertools.islice(numbered, 1 << 20)):
            writer.write_table(pa.table(list(zip(*part, strict=True)), schema=schema), row_group_size=1 << 20)


def measured(source: Path, out: Path, threads: int) -> dict[str, Any]:
    """What scoring took in a fresh process."""
    command = [sys.executable, __file__, "--score", str(source), str(out), "--threads", str(threads)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def scored(source: str, out: str, *, threads: int) -> dict[str, Any]:
    """Scores a file in this process, and says what that took."""
    from retort.scoring.local import score

    began = time.perf_counter()
    summary = score(Path(source), Path(out), constant(), ColumnNames(), threads=threads)
    return {"rows": summary.rows, "seconds": time.perf_counter() - began, "peak_bytes": peak_bytes()}


def constant() -> Any:
    """A classifier that tokenises with the words of the sample, and says one half of every comment."""
    import numpy as np

    from retort.data.batches import Tokens
    from retort.inference.predictor import Classifier
    from retort.inference.reading import Reader, WindowedModel

    def half(windows: Tokens) -> Any:
        return np.zeros((len(windows), 1), np.float32)

    model = WindowedModel(Reader(tokenizer(serving.sample_texts()), _MAX_LENGTH), half)
    return Classifier("constant", ("toxicity",), {"toxicity": 0.5}, "", "constant", _MAX_LENGTH, model)


def tokenizer(texts: Sequence[str]) -> Any:
    """One of BERT's kind, whose pieces are the words of `texts` and their letters."""
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordPiece

    words = sorted({word for text in texts for word in re.findall(r"\w+|[^\w\s]", text.lower())})
    letters = sorted({letter for word in words for letter in word} | set("0123456789"))
    pieces = dict.fromkeys([*_SPECIAL, *letters, *(f"##{letter}" for letter in letters), *words])
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    made = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(*((name, vocabulary[name]) for name in ("[SEP]", "[CLS]")))
    made.encode_special_tokens = True
    return made


def peak_bytes() -> int:
    """The largest resident memory of this process; unlike `ru_maxrss` it holds nothing of the process that began it."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if found is None:
        raise OSError("/proc/self/status: without VmHWM; run this on Linux")
    return int(found[1]) * 1024


def _parsed() -> argparse.Namespace:
    first, _, rest = (__doc__ or "").partition("\n")
    options = argparse.ArgumentParser(description=first, epilog=rest.strip())
    options.formatter_class = argparse.RawDescriptionHelpFormatter
    options.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options.add_argument("--quick", action="store_true", help=f"a short try: {_QUICK_ROWS:,} rows")
    options.add_argument("--rows", type=int, default=1_000_000, metavar="N", help="of the longer file [1000000]")
    options.add_argument("--ending", choices=_ENDINGS, default=".csv", help="of the file that is read [.csv]")
    options.add_argument("--threads", type=int, default=2, metavar="N", help="that score [2]")
    options.add_argument("--score", nargs=2, help=argparse.SUPPRESS)
    return options.parse_args()


if __name__ == "__main__":
    sys.exit(main())
