"""The suite in the box, held against its card."""

import hashlib
import re
import tomllib
from importlib import resources

import numpy as np
import pandas as pd
import pytest
from datasketch import MinHash

from retort.data.box_suite import read_box_suite
from retort.data.neutral import read_neutral
from retort.data.sources import read_sample
from retort.identity_terms import find_mentions, identity_terms
from retort.tasks import default_task
from retort.text import fold
from tests.data.test_sample import SLURS

TASK = default_task()
LABELS = list(TASK.names)
PRIMARY = TASK.primary
FOLDER = resources.files("retort").joinpath("data", "box_suite")
CARD = FOLDER.joinpath("README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def cases() -> pd.DataFrame:
    return read_box_suite()


@pytest.fixture(scope="module")
def written(cases: pd.DataFrame) -> pd.DataFrame:
    return cases[cases["source"] == "written"].reset_index(drop=True)


def shingles(text: str, length: int) -> set[tuple[str, ...]]:
    """The runs of `length` words."""
    words = re.findall(r"\w+", fold(text))
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


def signatures(texts: pd.Series) -> np.ndarray:
    """MinHash of each folded text's five-character shingles."""
    rows = []
    for text in texts.map(fold):
        minhash = MinHash(num_perm=64, seed=1)
        minhash.update_batch([text[start : start + 5].encode() for start in range(max(1, len(text) - 4))])
        rows.append(minhash.hashvalues)
    return np.stack(rows)


def nearest(texts: np.ndarray, others: np.ndarray) -> float:
    """The largest estimated Jaccard similarity of one of `texts` with one of `others`."""
    return max(float((others == row).mean(axis=1).max()) for row in texts)


def test_the_columns_are_those_of_a_suite_with_seven_labels(cases: pd.DataFrame) -> None:
    columns = ["id", "functionality", "text", "group", "source", "template"]

    assert list(cases.columns) == [*columns, *LABELS]
    assert cases["id"].is_unique
    assert not cases[columns].isna().any(axis=None)
    pd.testing.assert_frame_equal(cases, read_box_suite())


def test_there_are_1500_cases_at_most_half_from_templates(cases: pd.DataFrame) -> None:
    from_templates = cases["source"] == "template"

    assert len(cases) >= 1500
    assert from_templates.mean() <= 0.5
    assert (~from_templates).sum() >= 800
    assert set(cases["source"]) == {"written", "template"}
    assert ((cases["template"] != "") == from_templates).all()


def test_there_are_30_functionalities_with_at_least_20_cases_each(cases: pd.DataFrame) -> None:
    counts = cases["functionality"].value_counts()

    assert len(counts) >= 30
    assert counts.min() >= 20


def test_about_half_are_harmful(cases: pd.DataFrame) -> None:
    assert 0.45 <= cases[PRIMARY].mean() <= 0.55


def test_every_label_is_1_or_0_or_does_not_follow_and_the_primary_always_follows(cases: pd.DataFrame) -> None:
    labels = cases[LABELS]

    assert (labels.isin([0, 1]) | labels.isna()).all(axis=None)
    assert cases[PRIMARY].notna().all()


def test_all_cases_of_a_functionality_have_one_verdict(cases: pd.DataFrame) -> None:
    assert (cases.groupby("functionality")[PRIMARY].nunique() == 1).all()


def test_what_is_harmless_is_no_threat_insult_or_attack(cases: pd.DataFrame) -> None:
    harmless = cases[cases[PRIMARY] == 0]

    assert not (harmless[["severe_toxicity", "threat", "insult", "identity_attack"]] == 1).any(axis=None)


def test_every_attack_on_a_group_names_the_group(cases: pd.DataFrame) -> None:
    assert (cases.loc[cases["identity_attack"] == 1, "group"] != "").all()


@pytest.mark.parametrize(
    ("label", "functionalities"),
    [
        ("threat", "threat_to_group threat_to_person veiled_threat"),
        ("obscene", "profane_attack_on_group profane_insult_of_person profanity_without_target profanity_as_praise"),
        ("sexual_explicit", "sexual_harassment"),
        ("insult", "insult_of_person polite_contempt sarcasm_against_person"),
        ("severe_toxicity", "dehumanising_comparison threat_to_group masked_slur"),
    ],
)
def test_a_label_follows_from_the_functionalities_that_are_named_for_it(
    cases: pd.DataFrame, label: str, functionalities: str
) -> None:
    of_these = cases["functionality"].isin(functionalities.split())

    assert set(cases["functionality"]) >= set(functionalities.split())
    assert (cases.loc[of_these, label] == 1).all()


def test_groups_are_kaggle_columns_or_groups_of_the_identity_terms(cases: pd.DataFrame) -> None:
    known = {term.group for term in identity_terms()} | set(TASK.identities.columns)

    assert set(cases["group"]) - {""} <= known


def test_who_is_named_by_a_plain_word_is_the_group_of_the_case(written: pd.DataFrame) -> None:
    # "The man who wrote this" is about nobody's identity; some cases name two groups.
    passing = {"male", "female", "younger_people"}
    odd = []
    for case in written.itertuples():
        groups = {mention.term.group for mention in find_mentions(str(case.text))}
        if groups - passing and case.group not in groups:
            odd.append((case.id, case.group, groups))

    assert len(odd) <= 8, odd


def test_no_text_is_there_twice(cases: pd.DataFrame) -> None:
    assert cases["text"].map(fold).is_unique


@pytest.mark.slow
def test_no_two_written_cases_are_alike_nor_like_a_comment_of_the_sample_or_a_neutral_sentence(
    written: pd.DataFrame,
) -> None:
    neutral = read_neutral()
    own = signatures(written["text"])

    for row in range(1, len(own)):
        assert nearest(own[row : row + 1], own[:row]) < 0.5, written["text"][row]
    assert nearest(own, signatures(read_sample(TASK).frame["text"])) < 0.5
    assert nearest(own, signatures(neutral.loc[~neutral["id"].str.startswith("pattern-"), "text"])) < 0.5


def test_no_case_shares_its_frame_with_a_sentence_to_train_on(cases: pd.DataFrame) -> None:
    neutral = [shingles(text, 3) for text in read_neutral()["text"]]
    by_shingle: dict[tuple[str, ...], list[int]] = {}
    for place, of_text in enumerate(neutral):
        for shingle in of_text:
            by_shingle.setdefault(shingle, []).append(place)

    for text in cases["text"]:
        own = shingles(text, 3)
        near = {place for shingle in own for place in by_shingle.get(shingle, [])}
        assert max((len(own & neutral[place]) / len(own | neutral[place]) for place in near), default=0) < 0.3, text


def test_every_template_is_filled_with_every_term_of_its_file(cases: pd.DataFrame) -> None:
    content = tomllib.loads(FOLDER.joinpath("templates.toml").read_text("utf-8"))
    from_templates = cases[cases["source"] == "template"]

    assert len(content["terms"]) == len(set(content["terms"]))
    assert list(dict.fromkeys(from_templates["template"])) == [template["id"] for template in content["templates"]]
    assert (from_templates["template"].value_counts() == len(content["terms"])).all()
    assert not from_templates["text"].str.contains(r"[{}]").any()


def test_the_terms_of_the_templates_are_of_every_kind() -> None:
    terms = tomllib.loads(FOLDER.joinpath("templates.toml").read_text("utf-8"))["terms"]
    kinds = {term.singular: term.kind for term in identity_terms()}

    assert {kinds[name] for name in terms} == set(kinds.values())


def test_lengths_vary_from_a_few_words_to_a_paragraph(written: pd.DataFrame) -> None:
    words = written["text"].str.split().str.len()

    assert words.min() <= 4
    assert words.max() >= 70
    assert words.std() >= 8


def test_no_slur_is_spelt_out(cases: pd.DataFrame) -> None:
    words = {word for text in cases["text"] for word in re.findall(r"[^\W\d_]+", text.casefold())}
    stems = words | {word.removesuffix(ending) for word in words for ending in ("s", "es", "ed")}

    assert not {stem for stem in stems if hashlib.sha256(stem.encode()).hexdigest()[:12] in SLURS}


def test_the_card_counts_the_cases_of_every_functionality(cases: pd.DataFrame) -> None:
    assert f"\n{len(cases):,} cases" in CARD
    for name, of_one in cases.groupby("functionality"):
        written = (of_one["source"] == "written").sum()
        verdict = "flag" if (of_one[PRIMARY] == 1).all() else "leave"
        line = next(line for line in CARD.splitlines() if line.startswith(f"| `{name}` |"))
        assert line.endswith(f"| {verdict} | {written} | {len(of_one) - written} |")


def test_the_data_files_are_small() -> None:
    folders = (FOLDER, resources.files("retort").joinpath("data", "neutral"))
    sizes = [len(file.read_bytes()) for folder in folders for file in folder.iterdir() if file.is_file()]

    assert sum(sizes) < 400_000
