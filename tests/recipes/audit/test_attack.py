"""Disguised words: which words are chosen, and what each disguise costs, with the normaliser and without."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from retort.attacks import ATTACKS
from retort.data.suite import Suite
from retort.inference.reading import Model, Scored
from retort.recipes.audit import attack
from retort.recipes.audited import AuditedModel
from retort.recipes.decisive_words import SEARCHED, decisive_words
from retort.text import normalised_text
from tests.recipes.audit.made import model, silent, suite

NORMALISED = ("zero_width", "homoglyph")


@dataclass(frozen=True)
class Reads:
    """Flags a text with the whole word "idiot", normalising as every model does."""

    normalise: bool = True

    def __call__(self, texts: Sequence[str]) -> Scored:
        read = [normalised_text(text) if self.normalise else text for text in texts]
        scores = np.array([[0.9 if "idiot" in text.replace(".", " ").split() else 0.1] for text in read])
        ones = np.ones(len(texts), np.int64)
        return Scored(scores, ones, ones * 0, ones, np.zeros(len(texts), bool))

    def unnormalised(self) -> Model:
        return replace(self, normalise=False)


def reading(name: str = "student") -> AuditedModel:
    made = model(name, len)
    return replace(made, classifier=replace(made.classifier, model=Reads()))


@pytest.fixture
def rows(tmp_path: Path) -> Suite:
    toxic = [f"Only {name} would be such an idiot today" for name in ("Ann", "Bob", "Cem", "Dee", "Eve", "Fay")]
    clean = [f"Only {name} would be such a friend today" for name in ("Ann", "Bob", "Cem", "Dee")]
    cases = [{"text": text, "label": 1} for text in toxic] + [{"text": text, "label": 0} for text in clean]
    return suite(tmp_path, cases)


def test_the_words_that_the_score_hangs_on_are_chosen() -> None:
    text = "today you are truly an idiot and moron"
    weights = {"idiot": 0.5, "moron": 0.3, "today": -0.4}

    def scores(texts: Sequence[str]) -> np.ndarray:
        return np.array([0.5 + sum(weight for word, weight in weights.items() if word in one) / 2 for one in texts])

    (toxic,) = decisive_words([text], np.array([True]), scores)
    (clean,) = decisive_words([text], np.array([False]), scores)
    assert [text[begin:end] for begin, end in toxic] == ["idiot", "moron"]
    assert [text[begin:end] for begin, end in clean] == ["today", "idiot"]


def test_a_text_of_one_word_is_not_searched_and_a_long_one_only_at_its_beginning() -> None:
    asked: list[str] = []

    def scores(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return np.zeros(len(texts))

    words = decisive_words(["idiot", "word " * 1000, "123 !"], np.array([True, True, False]), scores)
    assert words[0] == [(0, 5)]
    assert words[2] == []
    assert len(asked) == 1 + SEARCHED
    assert max(map(len, asked)) < 5 * SEARCHED


def test_the_normaliser_takes_the_loss_of_invisible_and_look_alike_letters_away(rows: Suite) -> None:
    found = attack.run([reading()], rows, silent)
    entries = found["models"]["student"]
    for name in NORMALISED:
        assert entries["with_normaliser"]["attacks"][name]["recall_lost"]["share"] == 0
        assert entries["without_normaliser"]["attacks"][name]["recall_lost"]["share"] == 1
    assert entries["with_normaliser"]["missed"]["share"] == 0


def test_a_disguise_of_words_that_no_rule_undoes_loses_all_and_padding_nothing(rows: Suite) -> None:
    found = attack.run([reading()], rows, silent)["models"]["student"]["with_normaliser"]["attacks"]
    assert found["typo"]["recall_lost"] | {"low": 0, "high": 0, "p_value": 0} == {
        "cases": 6, "worse": 6, "better": 0, "share": 1.0, "low": 0, "high": 0, "p_value": 0, "why": None,
    }  # fmt: skip
    assert found["typo"]["recall_lost"]["low"] > 0
    assert found["padding_after"]["recall_lost"]["share"] == 0
    assert all(entry["false_alarms_gained"]["share"] == 0 for entry in found.values())


def test_a_model_that_dislikes_friendly_words_gains_false_alarms_and_loses_no_recall(rows: Suite) -> None:
    prickly = model("prickly", lambda text: 0.9 if "idiot" in text or "lovely" in text or "love" in text else 0.1)
    found = attack.run([prickly], rows, silent)["models"]["prickly"]["with_normaliser"]["attacks"]
    gained = found["padding_before"]["false_alarms_gained"]
    assert gained["worse"] > 0
    assert gained["share"] == gained["worse"] / 4
    assert found["padding_before"]["recall_lost"]["share"] == 0


def test_every_model_gets_the_words_of_the_first(rows: Suite) -> None:
    other = model("other", lambda text: 0.9 if "today" in text else 0.1)
    found = attack.run([reading(), other], rows, silent)
    assert found["words_by"] == "student"
    assert (
        found["models"]["student"]["with_normaliser"]
        == attack.run([reading()], rows, silent)["models"]["student"]["with_normaliser"]
    )
    assert found["models"]["other"]["without_normaliser"] is None
    assert set(found["attacks"]) == set(ATTACKS)


def test_rows_of_one_kind_give_no_figure_for_the_other(tmp_path: Path) -> None:
    only_toxic = suite(tmp_path, [{"text": "you are an idiot", "label": 1}])
    entry = attack.run([reading()], only_toxic, silent)["models"]["student"]["with_normaliser"]["attacks"]["leet"]
    assert entry["false_alarms_gained"]["share"] is None
    assert entry["false_alarms_gained"]["why"] == "no negative row"
    assert entry["recall_lost"]["cases"] == 1


def test_half_of_the_drawn_rows_are_positive_and_the_seed_decides(rows: Suite) -> None:
    drawn = rows.balanced(4, 0)
    assert drawn.labels.sum() == 2
    assert len(drawn) == 4
    assert drawn.texts == rows.balanced(4, 0).texts
    assert any(drawn.texts != rows.balanced(4, seed).texts for seed in range(1, 6))
    assert rows.balanced(100, 0).texts == rows.texts
