"""Every claim that the data card of the embedded sample makes, held against the file."""

import hashlib
import re
import statistics
from importlib import resources

import numpy as np
import pandas as pd
import pytest
from datasketch import MinHash

from retort.config import DataSettings
from retort.data.sources import read_sample
from retort.data.splits import labels, make_splits
from retort.runs import SPLIT_NAMES
from retort.tasks import default_task
from retort.text import fold, normalised_text

TASK = default_task()
ATTRIBUTES, IDENTITIES, PRIMARY = TASK.names, TASK.identities.columns, TASK.primary
LABEL_THRESHOLD = 0.6
SAMPLE = resources.files("retort").joinpath("data", "sample")

# The first 12 hex digits of the sha256 of words that must not be here; the words themselves need not be either.
SLURS = """
08a841e99678 120f6e5b4ea3 158869a97379 16ea09fc78ca 27eb0c4ad707 2b10ed65bd58 333f76180929 33740da8a87d
3b1e0d7c5dd4 3cc0a581d3bb 4b18aefe826a 566f532d486c 70aafb426695 7d2969e37aa4 7d6221b3763a 886d51e97ad7
8f5083e3e5c7 94a877e2ce63 98b52c4b6b7d 9915ba2d8222 ad6cacf3af98 aebbda5a0774 b3cec2f6ece2 bb87adf8aa78
bd331fb1d242 c3de533e9b7f cc02032349c8 e7b98c6aa5b9 ec2fe8063016 ee5a869b5ace eef3bd091670 f9d0d9b18ae9
"""


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """The file as it stands: texts unchanged, empty cells NaN."""
    with SAMPLE.joinpath("comments.csv").open(encoding="utf-8", newline="") as file:
        return pd.read_csv(file, dtype={"id": str, "text": str})


def positive(rows: pd.DataFrame, attribute: str) -> pd.Series:
    return rows[attribute] >= LABEL_THRESHOLD


def mentions(rows: pd.DataFrame, identity: str) -> pd.Series:
    """Whether at least half of the raters saw the group mentioned, as the Kaggle task counts it."""
    return rows[identity] >= 0.5


def word_counts(rows: pd.DataFrame) -> list[int]:
    return [len(text.split()) for text in rows["text"]]


def signature(text: str) -> np.ndarray:
    """MinHash of the folded text's five-character shingles."""
    folded = fold(text)
    minhash = MinHash(num_perm=128, seed=1)
    minhash.update_batch([folded[start : start + 5].encode() for start in range(max(1, len(folded) - 4))])
    return minhash.hashvalues


def facts(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """The card's table, counted."""
    toxic, harmless = positive(rows, PRIMARY), rows[PRIMARY] < 0.3
    words = word_counts(rows)
    named = pd.concat([mentions(rows, identity) for identity in IDENTITIES], axis=1).any(axis=1)
    return [
        ("comments", f"{len(rows):,}"),
        ("words, shortest · median · longest", f"{min(words)} · {statistics.median(words):g} · {max(words)}"),
        ("`toxicity` at or above 0.6", f"{toxic.sum()} ({toxic.mean():.1%})"),
        ("`toxicity` from 0.3 to below 0.6", f"{(~toxic & ~harmless).sum()}"),
        *((f"`{name}` at or above 0.6", f"{positive(rows, name).sum()}") for name in ATTRIBUTES if name != PRIMARY),
        ("mention a group", f"{named.sum()}"),
        ("… toxic", f"{(named & toxic).sum()}"),
        ("… with `toxicity` below 0.3", f"{(named & harmless).sum()}"),
    ]


def test_the_file_has_the_columns_of_the_kaggle_file_and_ids_that_count_up(rows: pd.DataFrame) -> None:
    assert tuple(rows.columns) == ("id", "text", *ATTRIBUTES, *IDENTITIES)
    assert list(rows["id"]) == [f"sample-{number:04d}" for number in range(1, len(rows) + 1)]


def test_there_are_at_least_600_comments_of_4_to_180_words_and_a_median_of_20_to_35(rows: pd.DataFrame) -> None:
    words = word_counts(rows)

    assert len(rows) >= 600
    assert min(words) >= 4
    assert max(words) <= 180
    assert 20 <= statistics.median(words) <= 35


def test_every_rating_is_a_share_of_raters(rows: pd.DataFrame) -> None:
    ratings, identities = rows[list(ATTRIBUTES)], rows[list(IDENTITIES)]

    assert ((ratings >= 0) & (ratings <= 1)).all(axis=None)
    assert (identities.isna() | ((identities >= 0) & (identities <= 1))).all(axis=None)


def test_identities_are_annotated_for_a_whole_row_or_not_at_all(rows: pd.DataFrame) -> None:
    annotated = rows[list(IDENTITIES)].notna()

    assert (annotated.all(axis=1) | ~annotated.any(axis=1)).all()
    assert (rows.loc[annotated.any(axis=1), list(IDENTITIES)] > 0).any(axis=1).all()


def test_between_15_and_25_percent_are_toxic(rows: pd.DataFrame) -> None:
    assert 0.15 <= positive(rows, PRIMARY).mean() <= 0.25


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_each_attribute_reaches_its_threshold_in_at_least_20_rows(rows: pd.DataFrame, attribute: str) -> None:
    assert positive(rows, attribute).sum() >= 20


@pytest.mark.parametrize("seed", range(5))
def test_each_attribute_has_both_classes_in_every_split(seed: int) -> None:
    splits = make_splits(read_sample(TASK), DataSettings(), TASK, seed, LABEL_THRESHOLD, validation=None, test=None)

    for name in SPLIT_NAMES:
        found = labels(splits.part(name), ATTRIBUTES, LABEL_THRESHOLD)
        assert (found.sum(axis=0) >= 1).all(), name
        assert (found.sum(axis=0) < len(found)).all(), name


def test_the_harshest_attribute_occurs_only_in_clearly_toxic_rows(rows: pd.DataFrame) -> None:
    assert (rows.loc[positive(rows, "severe_toxicity"), PRIMARY] >= 0.85).all()


@pytest.mark.parametrize("identity", IDENTITIES)
def test_each_identity_is_named_in_attacks_and_at_least_as_often_kindly_or_in_passing(
    rows: pd.DataFrame, identity: str
) -> None:
    named = rows[mentions(rows, identity)]
    attacks, neutral = positive(named, PRIMARY).sum(), (named[PRIMARY] < 0.3).sum()

    assert attacks >= 1
    assert neutral >= attacks


def test_swearing_is_sometimes_friendly_and_contempt_mostly_polite(rows: pd.DataFrame) -> None:
    toxic, swears = positive(rows, PRIMARY), positive(rows, "obscene")

    assert ((rows[PRIMARY] < 0.3) & swears).sum() >= 10
    assert (toxic & (rows["obscene"] == 0)).sum() > toxic.sum() / 2


def test_some_insults_are_spelt_so_that_only_the_normaliser_reads_them(rows: pd.DataFrame) -> None:
    changed = rows["text"].map(normalised_text) != rows["text"]

    assert (positive(rows, "insult") & changed).sum() >= 5


def test_no_two_comments_are_alike(rows: pd.DataFrame) -> None:
    signatures = np.stack([signature(text) for text in rows["text"]])

    for index in range(1, len(signatures)):
        similarity = (signatures[:index] == signatures[index]).mean(axis=1)
        assert similarity.max() < 0.8, (rows["text"][index], rows["text"][int(similarity.argmax())])


def test_no_two_comments_fold_to_the_same_text(rows: pd.DataFrame) -> None:
    assert rows["text"].map(fold).is_unique


def test_no_slur_is_spelt_out(rows: pd.DataFrame) -> None:
    words = {word for text in rows["text"] for word in re.findall(r"[^\W\d_]+", text.casefold())}
    stems = words | {word.removesuffix(ending) for word in words for ending in ("s", "es", "ed")}

    assert not {stem for stem in stems if hashlib.sha256(stem.encode()).hexdigest()[:12] in SLURS}


def test_the_reader_keeps_every_row(rows: pd.DataFrame) -> None:
    sample = read_sample(TASK)

    assert list(sample.frame["id"]) == list(rows["id"])
    assert list(sample.frame["text"]) == list(rows["text"])
    assert sample.attributes == ATTRIBUTES
    assert sample.identities == IDENTITIES
    assert not sample.report.dropped


def test_the_cards_numbers_are_those_of_the_file(rows: pd.DataFrame) -> None:
    card = SAMPLE.joinpath("README.md").read_text("utf-8")

    for claim, number in facts(rows):
        assert f"| {claim} | {number} |" in card
