"""The static student in torch: what it computes, how it begins, and that it learns from labels and from a teacher."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.decomposition import PCA

from retort.config import TrainingSettings
from retort.data.batches import Tokens
from retort.inference.static_scorer import StaticScorer
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base, load_tokenizer
from retort.models.forward import logits
from retort.models.static import (
    StaticClassifier,
    principal_components,
    random_vectors,
    static_classifier,
    token_vectors,
)
from retort.training.engine import make_accelerator
from retort.training.gradient import TeacherSide, TrainingSet
from retort.training.history import ValidationSet
from retort.training.loop import fit
from retort.training.objective import Objective, distillation_settings
from retort.training.teacher_outputs import TeacherOutputs
from tests.conftest import TIMES, wordpieces
from tests.training.test_loop import HARD

LABELS = ("toxicity", "insult")
WIDTH = 16
SOFT = Objective.of(distillation_settings()(hard=0.0, soft=1.0, hidden=0.0, attention=0.0))


@pytest.fixture
def student(tiny_bert: Path) -> StaticClassifier:
    base = resolve_base(str(tiny_bert))
    bert = classifier_from_base(base, LABELS, seed=0)
    vectors = token_vectors(bert, load_tokenizer(base.folder), WIDTH)
    return static_classifier(vectors, LABELS, seed=0, shares=(0.2, 0.5), dropout=0.0)


def by_hand(student: StaticClassifier, tokens: Tokens) -> np.ndarray:
    """Logits from the definition, one comment after the other, in double precision."""
    vectors, head, bias = (
        tensor.detach().double().numpy()
        for tensor in (student.word_embeddings.weight, student.classifier.weight, student.classifier.bias)
    )
    rows = []
    for begin, end in zip(tokens.starts[:-1], tokens.starts[1:], strict=True):
        own = vectors[tokens.ids[begin:end]]
        rows.append(head @ np.concatenate([own.sum(axis=0) / len(own), own.max(axis=0)]) + bias)
    return np.stack(rows)


def test_logits_are_those_of_the_definition_in_torch_and_in_numpy(
    student: StaticClassifier, train: TrainingSet
) -> None:
    """In batches with padding; comments of different lengths are in them."""
    expected = by_hand(student, train.tokens)
    assert len(set(train.tokens.lengths.tolist())) > 2
    np.testing.assert_allclose(logits(student, train.tokens, batch_size=7), expected, atol=1e-6)
    np.testing.assert_allclose(StaticScorer(student.weights())(train.tokens), expected, atol=1e-6)


def test_no_comments_give_no_logits(student: StaticClassifier) -> None:
    assert StaticScorer(student.weights())(Tokens.joined([], 0)).shape == (0, 2)


def test_a_copy_made_of_its_weights_is_the_same_model(student: StaticClassifier, train: TrainingSet) -> None:
    again = StaticClassifier.of(student.weights(), LABELS)
    np.testing.assert_array_equal(logits(again, train.tokens), logits(student, train.tokens))


def test_a_token_vector_is_what_the_model_makes_of_the_token_alone(tiny_bert: Path) -> None:
    """Up to the choice of axes: products of centred vectors are the same, but for one scale."""
    base = resolve_base(str(tiny_bert))
    bert, tokenizer = classifier_from_base(base, LABELS, seed=0).eval(), load_tokenizer(base.folder)
    found = token_vectors(bert, tokenizer, width=32)
    words = ["fool", "moron", "bridge", "good", "[UNK]"]
    ids = torch.tensor([tokenizer.token_to_id(word) for word in words])
    framed = [tokenizer.token_to_id(name) for name in ("[CLS]", "[SEP]")]
    with torch.no_grad():
        alone = [
            bert.bert(input_ids=torch.tensor([[framed[0], int(i), framed[1]]])).last_hidden_state[0].mean(dim=0)
            for i in range(bert.config.vocab_size)
        ]
    whole = torch.stack(alone)
    centred = (whole - whole.mean(dim=0))[ids]
    scale = (found[ids] @ found[ids].T) / (centred @ centred.T)
    torch.testing.assert_close(scale, scale[0, 0].expand_as(scale), rtol=1e-3, atol=1e-3)


def test_principal_components_are_those_of_scikit_learn() -> None:
    drawn = np.random.default_rng(0).normal(size=(200, 8)) * np.arange(1, 9)
    found = principal_components(torch.from_numpy(drawn), 3).double().numpy()
    expected = PCA(3).fit_transform(drawn)
    expected /= expected.std(ddof=1)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), rtol=1e-3, atol=1e-4)


def test_vectors_are_at_most_as_wide_as_the_model_and_begin_at_unit_variance(tiny_bert: Path) -> None:
    base = resolve_base(str(tiny_bert))
    bert = classifier_from_base(base, LABELS, seed=0).train()
    vectors = token_vectors(bert, load_tokenizer(base.folder), width=1000)
    assert vectors.shape == (bert.config.vocab_size, 32)
    assert vectors.std() == pytest.approx(1, abs=1e-4)
    assert bert.training, "the model is left in the mode it was in"


def test_random_vectors_depend_on_the_seed_alone() -> None:
    assert torch.equal(random_vectors(5, 3, seed=1), random_vectors(5, 3, seed=1))
    assert not torch.equal(random_vectors(5, 3, seed=1), random_vectors(5, 3, seed=2))


def test_the_head_begins_at_the_training_shares(student: StaticClassifier) -> None:
    torch.testing.assert_close(torch.sigmoid(student.classifier.bias), torch.tensor([0.2, 0.5]))


def test_the_gradient_reaches_the_vectors_of_the_tokens_read_and_no_others(student: StaticClassifier) -> None:
    ids = torch.tensor([[5, 6, 7, 0]])
    student(input_ids=ids, attention_mask=torch.tensor([[1, 1, 1, 0]])).logits.sum().backward()
    assert student.word_embeddings.weight.grad is not None
    reached = student.word_embeddings.weight.grad.abs().sum(dim=1) > 0
    assert reached.nonzero().flatten().tolist() == [5, 6, 7]


def test_it_learns_labels_and_leaves_unread_words_alone(
    student: StaticClassifier, train: TrainingSet, validation: ValidationSet
) -> None:
    before = student.word_embeddings.weight.detach().clone()
    settings = TrainingSettings(epochs=6, learning_rate=3e-2, batch_size=8, weight_decay=0.5)
    fitted = fit(student, "static", HARD, train, validation, settings, make_accelerator("fp32"), seed=0)
    assert fitted.history[fitted.best_epoch - 1]["validation"]["average_precision"] > 0.95
    changed = (student.word_embeddings.weight != before).any(dim=1)
    assert set(changed.nonzero().flatten().tolist()) <= set(train.tokens.ids.tolist()) | {train.tokens.pad_id}


def test_with_the_soft_term_alone_it_learns_the_teachers_ranking_and_not_the_labels(
    student: StaticClassifier, train: TrainingSet, validation: ValidationSet
) -> None:
    """The teacher goes by the adverb, of which every comment has one, and no label does."""
    vocabulary = {word: index for index, word in enumerate(wordpieces())}
    places = {vocabulary[word]: place for place, word in enumerate(TIMES)}
    spans = zip(train.tokens.starts[:-1], train.tokens.starts[1:], strict=True)
    adverb = np.array([next(places[i] for i in train.tokens.ids[a:b].tolist() if i in places) for a, b in spans])
    taught = np.stack([adverb - 4.5, 4.5 - adverb], axis=1).astype(np.float32)
    outputs = TeacherOutputs(train.tokens, taught, (), None, lambda *_: [], heads=2)
    side = TeacherSide.of(outputs, SOFT, 0, (), 4)
    settings = TrainingSettings(epochs=30, learning_rate=1e-2, batch_size=8, keep="last")
    fit(student, "static", SOFT, train, validation, settings, make_accelerator("fp32"), seed=0, teacher=side)
    found = logits(student, train.tokens)
    for column in range(2):
        assert spearmanr(found[:, column], taught[:, column]).statistic > 0.9
        assert abs(spearmanr(taught[:, column], train.labels[:, column]).statistic) < 0.5
