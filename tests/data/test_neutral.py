"""The sentences to train on that mention identities, held against their card."""

from collections import Counter
from importlib import resources

import pandas as pd
import pytest

from retort.data.neutral import read_neutral
from retort.data.sources import read_sample
from retort.identity_terms import find_mentions, identity_terms
from retort.tasks import default_task
from retort.text import fold

TASK = default_task()
LABELS = list(TASK.names)
CARD = resources.files("retort").joinpath("data", "neutral", "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return read_neutral()


def of_kind(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    return rows[rows["id"].str.startswith(f"{kind}-")]


def test_the_columns_are_id_text_group_and_the_labels_of_the_task(rows: pd.DataFrame) -> None:
    assert list(rows.columns) == ["id", "text", "group", *LABELS]
    assert rows["id"].is_unique
    assert rows["text"].map(fold).is_unique


def test_the_sentences_are_the_same_whenever_they_are_read(rows: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(rows, read_neutral())


@pytest.mark.parametrize("kind", ["neutral", "pattern", "plain", "hostile"])
def test_the_card_says_how_many_there_are_of_each_kind(rows: pd.DataFrame, kind: str) -> None:
    assert f"| `{kind}-` | {len(of_kind(rows, kind))} |" in CARD
    assert f"\n{len(rows)} sentences" in CARD


def test_at_least_400_mention_a_group_harmlessly_140_nobody_and_100_attack(rows: pd.DataFrame) -> None:
    harmless = rows[(rows[LABELS] == 0).all(axis=1)]

    assert (harmless["group"] != "").sum() >= 400
    assert (harmless["group"] == "").sum() >= 140
    assert len(of_kind(rows, "hostile")) >= 100


def test_labels_are_1_or_0_and_only_hostile_sentences_have_any(rows: pd.DataFrame) -> None:
    hostile = rows["id"].str.startswith("hostile-")

    assert rows[LABELS].isin([0, 1]).all(axis=None)
    assert (rows.loc[hostile, [TASK.primary, "identity_attack"]] == 1).all(axis=None)
    assert (rows.loc[~hostile, LABELS] == 0).all(axis=None)


def test_patterns_name_every_term_equally_often(rows: pd.DataFrame) -> None:
    patterns = of_kind(rows, "pattern")
    of_terms = Counter(id_.removeprefix("pattern-").rpartition("-")[0] for id_ in patterns["id"])

    assert len(of_terms) == len(identity_terms())
    assert set(of_terms.values()) == {5}


def test_nearly_every_pattern_sentence_mentions_its_group_as_the_finder_sees_it(rows: pd.DataFrame) -> None:
    patterns = of_kind(rows, "pattern")
    groups = [{mention.term.group for mention in find_mentions(text)} for text in patterns["text"]]
    unseen = [
        text for text, group, seen in zip(patterns["text"], patterns["group"], groups, strict=True) if group not in seen
    ]

    # "A Pakistani through one long summer": whether a noun follows is beyond a rule of words.
    assert len(unseen) <= 5, unseen


def test_every_group_with_harmless_sentences_of_its_own_is_attacked_somewhere_too(rows: pd.DataFrame) -> None:
    named, attacked = of_kind(rows, "neutral")["group"], of_kind(rows, "hostile")["group"]

    assert set(named) == set(attacked)


def test_sentences_that_name_nobody_have_no_group(rows: pd.DataFrame) -> None:
    plain = of_kind(rows, "plain")

    assert (plain["group"] == "").all()
    assert not {row.text for row in plain.itertuples() if find_mentions(str(row.text))}


def test_no_sentence_is_in_the_embedded_sample(rows: pd.DataFrame) -> None:
    assert not set(rows["text"].map(fold)) & set(read_sample(TASK).frame["text"].map(fold))
