"""Splits have the sizes asked for, share no text, spread rare labels, and depend on the seed alone."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from retort.config import DataSettings
from retort.data.comments import Comments, ReadReport
from retort.data.sources import read_file
from retort.data.splits import Splits, labels, make_splits, usable_attributes
from retort.errors import ConfigError, DataError
from retort.runs import SPLIT_NAMES
from retort.tasks import default_task
from retort.text import fold

PLAIN = DataSettings(stratified=False)
TASK = default_task()


def comments(rows: int = 1000, prefix: str = "comment", **columns: Any) -> Comments:
    """`rows` different texts, every fourth one toxic."""
    data: dict[str, Any] = {
        "id": [str(i + 1) for i in range(rows)],
        "text": [f"{prefix} number {i}" for i in range(rows)],
        "toxicity": np.array([0.8 if i % 4 == 0 else 0.2 for i in range(rows)], np.float32),
    }
    data |= columns
    attributes = tuple(name for name in ("toxicity", "threat", "insult") if name in data)
    identities = tuple(name for name in ("male", "female") if name in data)
    frame = pd.DataFrame(data).astype(dict.fromkeys((*attributes, *identities), np.float32))
    return Comments(frame, attributes, identities, ReadReport(f"{prefix}.csv", None, rows, {}))


def sizes(splits: Splits) -> tuple[int, ...]:
    return tuple(len(splits.part(name)) for name in SPLIT_NAMES)


def shared_texts(splits: Splits) -> int:
    keys = splits.frame["text"].map(fold)
    return int(keys.duplicated().sum())


def test_five_hundred_drawn_plainly_give_350_75_75() -> None:
    settings_ = PLAIN.model_copy(update={"comments": 500})
    assert sizes(make_splits(comments(), settings_, TASK, 0, 0.6)) == (350, 75, 75)


def test_a_drawn_duplicate_is_replaced_by_the_next_one_drawn() -> None:
    texts = [f"Text {i // 2}" if i % 2 else f" TEXT\t{i // 2}" for i in range(1200)]
    settings_ = PLAIN.model_copy(update={"comments": 500})
    splits = make_splits(comments(1200, text=texts), settings_, TASK, 0, 0.6)
    assert sizes(splits) == (350, 75, 75)
    assert shared_texts(splits) == 0
    assert splits.duplicates["within train"] > 50


@pytest.mark.parametrize("stratified", [True, False])
def test_shares_of_rows_are_those_asked_for(stratified: bool) -> None:
    asked = DataSettings(stratified=stratified, validation_share=0.1, test_share=0.3)
    assert sizes(make_splits(comments(), asked, TASK, 3, 0.6)) == (600, 100, 300)


def test_stratified_splits_have_the_same_share_of_toxic_comments() -> None:
    shares = make_splits(comments(), DataSettings(), TASK, 0, 0.6).shares(["toxicity"], 0.6)
    assert shares["train"]["toxicity"] == pytest.approx(0.25, abs=0.001)
    assert shares["validation"]["toxicity"] == pytest.approx(0.25, abs=0.005)
    assert shares["test"] == {"rows": 150, "toxicity": pytest.approx(0.25, abs=0.005)}


@pytest.mark.parametrize("seed", range(5))
def test_a_rare_attribute_is_in_every_split(seed: int) -> None:
    threat = [0.9 if i % 50 == 0 else None if i % 3 == 0 else 0.0 for i in range(1000)]
    insult = [0.6 if i % 20 == 0 else 0.1 for i in range(1000)]
    splits = make_splits(comments(threat=threat, insult=insult), DataSettings(), TASK, seed, 0.6)
    found = np.stack([np.nansum(labels(splits.part(name), ["threat", "insult"], 0.6), axis=0) for name in SPLIT_NAMES])
    # 20 threats and 50 insults, of which 70, 15 and 15 % are wanted; half a comment cannot be had.
    assert np.abs(found - [[14, 35], [3, 7.5], [3, 7.5]]).max() <= 0.5


def test_the_same_seed_gives_the_same_splits_whatever_the_global_state() -> None:
    asked = DataSettings(comments=300)
    first = make_splits(comments(), asked, TASK, 7, 0.6).frame
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 (the state that must not matter)
    assert make_splits(comments(), asked, TASK, 7, 0.6).frame.equals(first)
    assert not make_splits(comments(), asked, TASK, 8, 0.6).frame["split"].equals(first["split"])


@pytest.mark.parametrize("stratified", [True, False])
def test_texts_that_fold_to_the_same_are_never_in_two_splits(stratified: bool) -> None:
    variants: list[Callable[[str], str]] = [
        str,
        str.upper,
        str.title,
        lambda t: f" {t.replace(' ', chr(9))}\n",
        lambda t: t.replace("n", "\uff4e"),
    ]
    texts = [variants[i % 5](f"comment number {i // 5}") for i in range(2000)]
    splits = make_splits(comments(2000, text=texts), DataSettings(stratified=stratified), TASK, 0, 0.6)
    assert len(splits.frame) == 400
    assert shared_texts(splits) == 0
    assert splits.duplicates == {"within train": 1600}
    # The first one in the file stays.
    assert splits.frame["text"].tolist() == texts[::5]


def test_more_comments_than_there_are_name_both_numbers() -> None:
    with pytest.raises(ConfigError, match=r"5000.* 1000 usable"):
        make_splits(comments(), DataSettings(comments=5000), TASK, 0, 0.6)
    with pytest.raises(ConfigError, match=r"3.* 2 usable"):
        make_splits(comments(4, text=["a", "A", "b", "B"]), DataSettings(comments=3), TASK, 0, 0.6)


def test_official_splits_are_kept() -> None:
    official = ["train"] * 600 + ["validation"] * 150 + ["test"] * 250
    splits = make_splits(comments(split=official), DataSettings(official_splits=True), TASK, 0, 0.6)
    assert splits.frame["split"].tolist() == official
    assert splits.notes == []


def test_official_splits_with_one_missing_draw_it_from_train() -> None:
    official = ["train"] * 600 + ["test"] * 400
    splits = make_splits(comments(split=official), DataSettings(official_splits=True), TASK, 0, 0.6)
    assert sizes(splits) == (510, 90, 400)


def test_official_splits_not_asked_for_are_not_used_and_noted() -> None:
    splits = make_splits(comments(split=["train"] * 1000), DataSettings(), TASK, 0, 0.6)
    assert sizes(splits) == (700, 150, 150)
    assert "split column" in splits.notes[0]


def test_asking_for_official_splits_that_are_not_there_is_noted() -> None:
    assert "no official splits" in make_splits(comments(), DataSettings(official_splits=True), TASK, 0, 0.6).notes[0]


def test_a_given_test_file_leaves_only_validation_to_be_drawn() -> None:
    splits = make_splits(comments(), DataSettings(), TASK, 0, 0.6, test=comments(300, "other"))
    assert sizes(splits) == (850, 150, 300)
    assert splits.part("test")["text"].str.startswith("other").all()
    assert splits.frame["id"].is_unique
    assert splits.part("test")["id"].tolist()[:2] == ["test-1", "test-2"]


def test_given_files_for_both_leave_the_train_file_whole() -> None:
    splits = make_splits(
        comments(), DataSettings(), TASK, 0, 0.6, validation=comments(200, "some"), test=comments(300, "other")
    )
    assert sizes(splits) == (1000, 200, 300)


def test_a_text_in_two_files_stays_in_test_before_validation_before_train() -> None:
    splits = make_splits(
        comments(1000), DataSettings(), TASK, 0, 0.6,
        validation=comments(300, text=[f"COMMENT number {i + 800}" for i in range(300)]),
        test=comments(300, text=[f"comment  number {i + 1000}" for i in range(300)]),
    )  # fmt: skip
    assert sizes(splits) == (800, 200, 300)
    assert shared_texts(splits) == 0
    assert splits.duplicates == {"validation and test": 100, "train and validation": 200}


def test_a_given_file_replaces_the_official_split_with_a_note() -> None:
    official = ["train"] * 600 + ["validation"] * 150 + ["test"] * 250
    asked = DataSettings(official_splits=True)
    splits = make_splits(comments(split=official), asked, TASK, 0, 0.6, test=comments(100, "other"))
    assert sizes(splits) == (600, 150, 100)
    assert splits.notes == ["other.csv replaces the official test split of comment.csv"]


def test_columns_that_only_one_file_has_are_kept_and_unrated_in_the_other() -> None:
    splits = make_splits(
        comments(insult=0.0, male=1.0), DataSettings(), TASK, 0, 0.6, test=comments(300, "other", female=0.5)
    )
    assert splits.attributes == ("toxicity", "insult")
    assert splits.identities == ("male", "female")
    assert splits.part("test")["insult"].isna().all()
    assert splits.part("train")["female"].isna().all()
    assert {str(splits.frame[name].dtype) for name in ("toxicity", "insult", "male", "female")} == {"float32"}


def test_the_threshold_is_inclusive_on_the_float32_value() -> None:
    frame = pd.DataFrame({"toxicity": np.array([0.6, 0.59999, np.nan, 0.7], np.float32)})
    assert float(np.float32(0.6)) > 0.6  # why the type matters: 0.7, for one, lies below
    assert float(np.float32(0.7)) < 0.7
    for threshold, expected in ((0.6, [1, 0, np.nan, 1]), (0.7, [0, 0, np.nan, 1])):
        found = labels(frame, ["toxicity", "threat"], threshold)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found[:, 0], np.array(expected, np.float32))
        assert np.isnan(found[:, 1]).all()


def test_one_class_only_is_refused() -> None:
    with pytest.raises(DataError, match="one class only"):
        make_splits(comments(toxicity=0.1), DataSettings(), TASK, 0, 0.6)
    with pytest.raises(DataError, match="one class only"):
        make_splits(comments(toxicity=0.9), DataSettings(), TASK, 0, 0.6)


def test_too_few_comments_for_three_splits_are_refused() -> None:
    with pytest.raises(DataError, match="leaves no comments for validation"):
        make_splits(comments(2), DataSettings(), TASK, 0, 0.6)


def test_an_attribute_with_few_training_rows_is_left_out_with_a_note() -> None:
    threat = [0.9 if i < 9 else 0.0 for i in range(1000)]
    splits = make_splits(comments(threat=threat, insult=[0.7, 0.2] * 500), DataSettings(), TASK, 0, 0.6)
    usable, notes = usable_attributes(splits, "all", TASK, 0.6)
    assert usable == ("toxicity", "insult")
    assert any(note.startswith("threat left out") for note in notes)
    assert any(note == "obscene left out: no such column in the data" for note in notes)
    with pytest.raises(DataError, match="threat"):
        usable_attributes(splits, ("toxicity", "threat"), TASK, 0.6)
    assert usable_attributes(splits, ("insult", "toxicity"), TASK, 0.6) == (("toxicity", "insult"), [])


def test_the_primary_attribute_with_few_training_rows_is_refused() -> None:
    toxicity = [0.9 if i % 100 == 0 else 0.0 for i in range(1000)]
    splits = make_splits(comments(toxicity=toxicity), DataSettings(), TASK, 0, 0.6)
    with pytest.raises(DataError, match="toxicity"):
        usable_attributes(splits, "all", TASK, 0.6)


def test_real_files_split_as_the_preset_asks(real_data: Path) -> None:
    train, dev = (read_file(real_data / "civil_comments" / f"{n}.csv", TASK, {}) for n in ("train", "dev"))
    splits = make_splits(train, DataSettings(official_splits=True), TASK, 0, 0.6, test=dev)
    assert sizes(splits) == (9981 - 1497, 1497, 9973)
    shares = splits.shares(["toxicity"], 0.6)
    assert shares["validation"]["toxicity"] == pytest.approx(shares["train"]["toxicity"], abs=0.001)
    assert shared_texts(splits) == 0
