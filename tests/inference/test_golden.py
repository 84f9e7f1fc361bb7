"""The twelve golden texts."""

import json
from pathlib import Path

import numpy as np

from retort.inference.golden import FP32_TOLERANCE, TEXTS, write_golden
from retort.text import fold


def test_there_are_twelve_different_texts() -> None:
    assert len({fold(text) for text in TEXTS}) == 12


def test_the_file_holds_text_and_score_side_by_side(tmp_path: Path) -> None:
    scores = np.linspace(0, 1, 24).reshape(12, 2)
    write_golden(tmp_path, ("toxicity", "insult"), lambda _: scores)
    found = json.loads((tmp_path / "golden.json").read_text())
    assert found["tolerance"] == FP32_TOLERANCE == 1e-4
    assert [row["text"] for row in found["texts"]] == list(TEXTS)
    assert [row["probabilities"] for row in found["texts"]] == scores.tolist()
