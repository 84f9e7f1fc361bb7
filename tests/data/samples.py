"""Data files that tests of reading are made of."""

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from retort.errors import DataError
from retort.tasks import Task, default_task, read_task

TASK = default_task()

SPAM = """
name = "spam"
primary = "spam"
label_threshold = 0.5
meaning = "Its sender wants to sell something that nobody asked for."
verdict = {positive = "Spam", negative = "Ham"}
columns = {text = ["message", "Body"], id = ["number"]}
labels = [{name = "scam"}, {name = "spam", headers = ["Junk"]}]
identities = {columns = ["pharmacy"]}
"""


def spam_task(folder: Path) -> Task:
    """A task with other labels, columns and words, read from a file in `folder`."""
    path = folder / "spam.toml"
    path.write_text(SPAM)
    return read_task(path)


def table(rows: int = 400, **columns: Sequence[Any]) -> pd.DataFrame:
    """Comments without fault; toxicity alternates, and some texts hold what breaks careless readers."""
    texts = [f"Comment number {i}, with a comma" for i in range(rows)]
    texts[3] = 'Two lines\nand a "quoted" word'
    texts[4] = "Caf\u00e9 \U0001f600\ttab"
    return pd.DataFrame({"text": texts, "toxicity": [0.6 if i % 2 else 0.25 for i in range(rows)]} | columns)


def written(path: Path, frame: pd.DataFrame) -> Path:
    """The table in the format of the path's ending, gzipped where it ends in .gz."""
    plain = path.with_name(path.name.removesuffix(".gz"))
    kind = plain.suffix.lower()
    if kind == ".parquet":
        frame.to_parquet(plain)
    elif kind == ".jsonl":
        frame.to_json(plain, orient="records", lines=True)
    else:
        frame.to_csv(plain, index=False, sep="\t" if kind == ".tsv" else ",")
    if plain != path:
        path.write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    return path


def complaint(action: Callable[[], Any]) -> str:
    """The message of the DataError that the action raises, which must be one line."""
    with pytest.raises(DataError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)
