"""Starts comparisons of tiny models, and reads what lies in the folder of one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from retort import runs
from tests.command import QUICK, Finished, retort

ATTRIBUTES = ["toxicity", "insult"]
LEARNING = ("teacher", "odd", "even", "lora", "odd-labels", "odd-base", "odd-random", "lora-odd")
STUDENTS = ("odd", "even", "odd-labels", "odd-base", "odd-random")
PLAIN = ("teacher", *STUDENTS)

# Runs a comparison without its report: arms, further arguments -> its folder.
Compare = Callable[..., Path]


def started(base: Path, data: Path, out: Path, arms: str, *arguments: str | Path) -> Finished:
    return retort(
        "compare", "--base", base, "--data", data, "--out", out, *QUICK, "--set", f"arms=[{arms}]", *arguments
    )


def comparison_of(run: Path) -> Any:
    return json.loads((run / "comparison.json").read_text())


def about(run: Path, arm: str) -> Any:
    return json.loads((run / arm / "retort.json").read_text())


def history_of(run: Path, arm: str) -> list[Any]:
    return [json.loads(line) for line in (run / arm / "history.jsonl").read_text().splitlines()]


def predictions_of(run: Path, arm: str) -> pd.DataFrame:
    return pd.read_parquet(run / arm / "predictions.parquet")


def weights_of(run: Path, arm: str) -> str:
    """A digest of what an arm learnt."""
    names = ("model.safetensors", "adapter_model.safetensors", "weights.safetensors")
    path = next(run / arm / name for name in names if (run / arm / name).exists())
    return runs.sha256(path)


def texts_of(run: Path, split: str) -> pd.DataFrame:
    """id, text and fractions of one split, in the order of the run's files."""
    splits = pd.read_parquet(run / "splits.parquet")
    texts = pd.read_parquet(run / "comments.parquet").set_index("id")["text"]
    part = splits[splits["split"] == split].reset_index(drop=True)
    return part.assign(text=texts[part["id"]].to_numpy())


def write_comments(path: Path, rows: list[tuple[str, str, float, float]]) -> Path:
    pd.DataFrame(rows, columns=["id", "text", "toxicity", "insult"]).to_csv(path, index=False)
    return path
