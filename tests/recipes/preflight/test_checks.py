"""Each fault put into the comments is found by its check, and by no other."""

import random

import numpy as np
import pandas as pd
import pytest

from retort.errors import DataError
from retort.recipes.experiment import resolve
from retort.recipes.inputs import read_inputs
from retort.recipes.preflight import all_checks, findings_of, refuse_findings


def found(tmp_path, train, test=None, **settings):
    train.to_csv(tmp_path / "train.csv", index=False)
    data = {"source": "file", "train_file": tmp_path / "train.csv"}
    if test is not None:
        test.to_csv(tmp_path / "test.csv", index=False)
        data["test_file"] = tmp_path / "test.csv"
    resolved = resolve(overrides={"data": data, "attributes": ("toxicity",), **settings})
    return findings_of(resolved, read_inputs(resolved))


def names(findings):
    return [finding.check for finding in findings]


def distinct(rows, seed=0):
    """Comments no two of which are near copies: their words are drawn anew."""
    rng = np.random.default_rng(seed)
    words = [f"{a}{b}" for a in "bdfgklmnprst" for b in ("amo", "eri", "ilu", "ona", "uve", "aste", "ilk", "orn")]
    labels = rng.random(rows) < 0.3
    texts = [
        " ".join([*rng.choice(words, 12), "idiot" if label else "pleasure", *rng.choice(words, 12)]) for label in labels
    ]
    return pd.DataFrame({"id": [f"r{i}" for i in range(rows)], "text": texts, "toxicity": labels.astype(float)})


def test_nothing_is_found_in_sound_comments(tmp_path):
    assert found(tmp_path, distinct(1200)) == []


def test_a_near_copy_in_the_test_file_is_found(tmp_path):
    train, test = distinct(900), distinct(300, seed=1)
    test.loc[:9, "text"] = [text + " indeed" for text in train["text"][:10]]
    findings = found(tmp_path, train, test)
    assert names(findings) == ["near_duplicates"]
    # One of the ten was drawn for validation.
    assert findings[0].found.startswith("9 of 300 test texts nearly equal a training text")


def test_a_word_changed_in_the_middle_of_a_text_leaves_a_near_copy_and_random_numbers_alone(tmp_path):
    train, test = distinct(900), distinct(300, seed=1)
    copies = [text.split() for text in train["text"][:100]]
    test.loc[:99, "text"] = [" ".join([*words[:12], "another", *words[13:]]) for words in copies]
    random.seed(3)
    state = random.getstate()
    (finding,) = found(tmp_path, train, test)
    assert random.getstate() == state
    # Some 15 of the hundred were drawn for validation.
    assert int(finding.found.split()[0]) >= 70


def test_shifted_labels_are_found(tmp_path):
    train = distinct(1200)
    train["toxicity"] = np.roll(train["toxicity"], 1)
    findings = found(tmp_path, train)
    assert "odd_labels" in names(findings)
    assert "hardly depends on the words" in str(findings)


def test_labels_that_are_the_other_way_round_in_the_test_file_are_found(tmp_path):
    test = distinct(400, seed=1)
    test["toxicity"] = 1 - test["toxicity"]
    findings = found(tmp_path, distinct(900), test)
    assert names(findings) == ["odd_labels"]
    assert findings[0].found.startswith("test labels are the other way round")


@pytest.mark.parametrize("texts", [lambda i: f"comment-{i}", lambda i: f"{i} {i * 7}"])
def test_a_text_column_of_ids_or_numbers_is_found(tmp_path, texts):
    train = distinct(1200)
    train["text"] = [texts(i) for i in range(len(train))]
    assert "text_column" in names(found(tmp_path, train))


def test_too_few_positive_comments_are_told_with_what_they_allow(tmp_path):
    findings = found(tmp_path, distinct(120))
    assert "few_positives" in names(findings)
    assert any("a recall of 0.7 could be anything from" in finding.found for finding in findings)


def test_that_never_toxic_looks_good_is_said_before_anything_is_trained(tmp_path):
    rare = distinct(6000)
    rare = pd.concat([rare[rare["toxicity"] == 0], rare[rare["toxicity"] == 1][:160]])
    findings = found(tmp_path, rare.sample(frac=1, random_state=0))
    assert "rare_label" in names(findings)
    assert "'Non-Toxic' has an accuracy of 96" in str(findings)


def test_a_strict_run_stops_at_the_first_finding(tmp_path):
    findings = found(tmp_path, distinct(120))
    with pytest.raises(DataError, match=r"positive test comments.*and \d more.*without --strict"):
        refuse_findings(findings)
    refuse_findings([])


def test_every_check_explains_itself_in_a_sentence():
    assert len(all_checks()) >= 5
    for check in all_checks():
        assert check.explanation[0].isupper(), check.name
        assert not check.explanation.endswith("."), check.name
