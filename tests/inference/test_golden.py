"""The twelve golden texts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retort.errors import ModelError
from retort.inference.golden import FP32_TOLERANCE, TEXTS, check_golden, write_golden
from retort.inference.predictor import Classifier
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


@pytest.fixture(scope="module")
def odd(tiny_run: Path) -> Classifier:
    return Classifier.load(tiny_run / "odd")


@pytest.mark.parametrize("arm", ["tfidf", "teacher", "odd", "lora", "lora-odd"])
def test_an_arm_has_the_scores_recorded_when_it_was_made(tiny_run: Path, arm: str) -> None:
    check_golden(Classifier.load(tiny_run / arm), tiny_run / arm)


def test_a_model_with_other_scores_is_refused(tiny_run: Path, odd: Classifier) -> None:
    with pytest.raises(ModelError, match="scores for the golden texts differ"):
        check_golden(odd, tiny_run / "odd-random")


@pytest.mark.parametrize(("by", "fits"), [(0.9e-4, True), (1.1e-4, False), (float("nan"), False)])
def test_no_text_may_differ_by_more_than_the_tolerance(tmp_path: Path, odd: Classifier, by: float, fits: bool) -> None:
    scores = odd.probabilities(TEXTS)
    scores[7, 1] += by
    write_golden(tmp_path, odd.attributes, lambda _: np.nan_to_num(scores, nan=0.0), tolerance=1e-4)
    if np.isnan(by):
        text = (tmp_path / "golden.json").read_text()
        (tmp_path / "golden.json").write_text(text.replace("0.0\n", "NaN\n"))
    if fits:
        check_golden(odd, tmp_path)
    else:
        with pytest.raises(ModelError, match="scores for the golden texts differ"):
            check_golden(odd, tmp_path)


def _without(key: str) -> Callable[[dict[str, Any]], Any]:
    return lambda golden: {name: value for name, value in golden.items() if name != key}


BROKEN: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no tolerance": _without("tolerance"),
    "no texts": _without("texts"),
    "nothing to check": lambda golden: golden | {"texts": []},
    "a list": lambda golden: [golden],
    "null": lambda _: None,
    "a score missing": lambda golden: golden | {"texts": [golden["texts"][0] | {"probabilities": [0.5]}]},
    "a word for a score": lambda golden: golden | {"texts": [golden["texts"][0] | {"probabilities": ["high", 0]}]},
    "another attribute": lambda golden: golden | {"attributes": ["toxicity", "threat"]},
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_golden_file_that_retort_did_not_write_is_refused(tmp_path: Path, odd: Classifier, name: str) -> None:
    write_golden(tmp_path, odd.attributes, odd.probabilities)
    golden = json.loads((tmp_path / "golden.json").read_text())
    (tmp_path / "golden.json").write_text(json.dumps(BROKEN[name](golden)))
    with pytest.raises(ModelError, match=r"golden\.json: (not as retort writes it|made by a model with other)"):
        check_golden(odd, tmp_path)


def test_a_folder_without_a_golden_file_is_refused(tmp_path: Path, odd: Classifier) -> None:
    with pytest.raises(ModelError, match=r"golden\.json: cannot be read"):
        check_golden(odd, tmp_path)
