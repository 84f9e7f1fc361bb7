"""The two baselines: their predictions, also after a reload."""

from pathlib import Path

import numpy as np
import pytest

from retort.errors import ModelError
from retort.models.baselines import TfidfClassifier, _fit_attribute, _fit_vectorizer, majority_probabilities
from tests.conftest import tiny_rows

TEXTS = [text for _, text, *_ in tiny_rows()]
LABELS = np.array([[t >= 0.6, i >= 0.6] for *_, t, i in tiny_rows()], np.float32)


@pytest.fixture(scope="module")
def fitted() -> TfidfClassifier:
    return TfidfClassifier.fitted(TEXTS[:80], LABELS[:80], TEXTS[80:100], LABELS[80:100])


def test_majority_predicts_the_share_of_the_rated_training_rows() -> None:
    labels = np.array([[1, np.nan], [0, 1], [0, np.nan], [0, 0]], np.float32)
    np.testing.assert_array_equal(majority_probabilities(labels, 3), [[0.25, 0.5]] * 3)


def test_tfidf_separates_the_tiny_comments(fitted: TfidfClassifier) -> None:
    logits = fitted.logits(TEXTS[100:])
    assert logits.shape == (20, 2)
    assert ((logits[:, 0] > 0) == LABELS[100:, 0]).mean() > 0.9


def test_tfidf_saved_then_loaded_is_unchanged(fitted: TfidfClassifier, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["vocabulary.json", "weights.safetensors"]
    np.testing.assert_allclose(TfidfClassifier.load(tmp_path).logits(TEXTS), fitted.logits(TEXTS), rtol=1e-12)
    assert TfidfClassifier.load(tmp_path).parameters == fitted.parameters


def test_tfidf_learns_from_the_training_rows_alone_and_chooses_its_strength_on_validation(tmp_path: Path) -> None:
    first = TfidfClassifier.fitted(TEXTS[:80], LABELS[:80], TEXTS[80:100], LABELS[80:100])
    second = TfidfClassifier.fitted(TEXTS[:80], LABELS[:80], TEXTS[80:100], 1 - LABELS[80:100])
    for number, model in enumerate((first, second)):
        (tmp_path / str(number)).mkdir()
        model.save(tmp_path / str(number))
    # Turned labels may choose another strength, but no word of validation enters.
    one, two = ((tmp_path / name / "vocabulary.json").read_text() for name in "01")
    assert one == two


def test_unrated_rows_have_no_effect() -> None:
    labels = LABELS[:80].copy()
    labels[::4, 1] = np.nan
    rated = np.flatnonzero(~np.isnan(labels[:, 1]))
    with_gaps = TfidfClassifier.fitted(TEXTS[:80], labels, TEXTS[80:100], LABELS[80:100])
    assert np.isfinite(with_gaps.logits(TEXTS)).all()
    turned = labels.copy()
    turned[::4, 0] = labels[::4, 0]
    again = TfidfClassifier.fitted(TEXTS[:80], turned, TEXTS[80:100], LABELS[80:100])
    np.testing.assert_array_equal(with_gaps.logits(TEXTS), again.logits(TEXTS))
    assert len(rated) == 60


def test_validation_without_a_positive_row_falls_back_to_a_middling_strength() -> None:
    none = np.zeros((20, 2), np.float32)
    model = TfidfClassifier.fitted(TEXTS[:80], LABELS[:80], TEXTS[80:100], none)
    assert np.isfinite(model.logits(TEXTS)).all()


def test_comments_that_share_no_word_can_still_be_fitted() -> None:
    texts = [f"word{n} other{n}" for n in range(20)]
    labels = np.array([[n % 2] for n in range(20)], np.float32)
    model = TfidfClassifier.fitted(texts, labels, texts, labels)
    assert ((model.logits(texts)[:, 0] > 0) == labels[:, 0]).all()


def test_texts_are_normalised_before_they_are_read(fitted: TfidfClassifier) -> None:
    plain, disguised = fitted.logits(["the mayor is a fool", "the may\u200bor is a \uff46\uff4f\uff4f\uff4c"])
    np.testing.assert_array_equal(plain, disguised)


def test_a_folder_without_its_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a whole tfidf arm"):
        TfidfClassifier.load(tmp_path)


def test_a_row_of_weight_three_counts_as_if_it_were_there_three_times() -> None:
    _, features = _fit_vectorizer(TEXTS[:40])
    weights = np.where(np.arange(40) % 4 == 0, 3, 1).astype(np.float32)
    rows = np.repeat(np.arange(40), weights.astype(int))
    weighed = _fit_attribute(features, LABELS[:40, 0], features, LABELS[:40, 0], weights)
    repeated = _fit_attribute(features[rows], LABELS[rows, 0], features, LABELS[:40, 0], None)
    plain = _fit_attribute(features, LABELS[:40, 0], features, LABELS[:40, 0], None)
    assert weighed.C == repeated.C
    np.testing.assert_allclose(weighed.coef_, repeated.coef_, atol=1e-3)
    assert np.abs(weighed.coef_ - plain.coef_).max() > 0.01
