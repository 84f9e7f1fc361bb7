"""Token ids, fixed lengths, and batches that hold every row once."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from retort.data.batches import (
    LENGTHS,
    Tokens,
    encode,
    evaluation_batches,
    padded_length,
    training_batches,
)
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base, load_tokenizer
from retort.models.forward import logits
from retort.text import normalised_text
from tests.conftest import tiny_rows

TEXTS = [text for _, text, *_ in tiny_rows()]


@pytest.fixture(scope="module")
def tokenizer(tiny_bert: Path) -> Tokenizer:
    return load_tokenizer(tiny_bert)


def rows_of(tokens: Tokens) -> list[list[int]]:
    return [tokens.ids[tokens.starts[i] : tokens.starts[i + 1]].tolist() for i in range(len(tokens))]


lengths_of = st.lists(st.integers(2, 200), min_size=1, max_size=300).map(lambda x: np.array(x, np.int64))


@given(lengths_of, st.integers(1, 40), st.integers(0, 5), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_an_epoch_holds_every_row_once(lengths: np.ndarray, batch_size: int, seed: int, epoch: int) -> None:
    batches = training_batches(lengths, batch_size, seed, epoch)
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // batch_size)
    assert sum(len(batch) < batch_size for batch in batches) <= 1


@given(lengths_of, st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_evaluation_holds_every_row_once_and_the_shortest_first(lengths: np.ndarray, batch_size: int) -> None:
    batches = list(evaluation_batches(lengths, batch_size))
    order = np.concatenate(batches)
    assert sorted(order) == list(range(len(lengths)))
    assert (np.diff(lengths[order]) >= 0).all()


def test_the_order_is_drawn_from_seed_and_epoch_and_from_nothing_else() -> None:
    lengths = np.random.default_rng(0).integers(5, 60, 200)

    def order(seed: int, epoch: int) -> list[int]:
        np.random.default_rng().random()
        return np.concatenate(training_batches(lengths, 8, seed, epoch)).tolist()

    assert order(1, 1) == order(1, 1)
    assert order(1, 1) != order(1, 2)
    assert order(1, 1) != order(2, 1)


def test_comments_of_similar_length_are_batched_together() -> None:
    lengths = np.random.default_rng(0).integers(5, 128, 512)
    padded = sum(padded_length(int(lengths[b].max())) * len(b) for b in training_batches(lengths, 8, 0, 1))
    at_random = sum(padded_length(int(b.max())) * len(b) for b in lengths.reshape(-1, 8))
    assert padded < 0.8 * at_random


@pytest.mark.parametrize(
    ("length", "fixed"), [(1, 16), (16, 16), (17, 24), (65, 80), (128, 128), (129, 160), (256, 256), (300, 320)]
)
def test_lengths_are_padded_to_a_few_fixed_ones(length: int, fixed: int) -> None:
    assert padded_length(length) == fixed


def test_padding_fills_and_masks(tokenizer: Tokenizer) -> None:
    tokens = encode(["the good bus", "the bus"], tokenizer, 32)
    ids, mask = tokens.padded([1, 0])
    assert ids.shape == mask.shape == (2, LENGTHS[0])
    assert mask.sum(axis=1).tolist() == [4, 5]
    assert (ids[mask == 0] == tokenizer.token_to_id("[PAD]")).all()
    assert ids[1, :5].tolist() == tokenizer.encode("the good bus").ids


def test_a_comment_is_cls_pieces_sep(tokenizer: Tokenizer) -> None:
    (ids,) = rows_of(encode(["the good bus"], tokenizer, 32))
    assert [tokenizer.id_to_token(i) for i in ids] == ["[CLS]", "the", "good", "bus", "[SEP]"]


@pytest.mark.parametrize("limit", [8, 9, 32])
def test_truncation_keeps_the_beginning_and_the_final_sep(tokenizer: Tokenizer, limit: int) -> None:
    long = " ".join(TEXTS[:20])
    (ids,) = rows_of(encode([long], tokenizer, limit))
    whole = tokenizer.encode(long).ids
    assert len(ids) == limit
    assert ids[:-1] == whole[: limit - 1]
    assert ids[-1] == tokenizer.token_to_id("[SEP]")


HIDING_PLACES = {
    "many words": "the good bus " * 4000,
    "one long word": "x" * 9000,
    "spaces": " " * 9000 + "fool",
    "lines": "a\n" + "\n" * 9000 + "fool",
    "no-break spaces": "\u00a0" * 9000 + "fool",
    "control characters": "\x01" * 9000 + "fool",
    "replacement characters": "\ufffd" * 9000 + "fool",
    "private characters": "\ue000" * 9000 + "fool",
    "lone surrogates": "\ud800" * 9000 + "fool",
    "some of each": ("\ufffd " * 400 + "bus ") * 10 + "fool",
}


@pytest.mark.parametrize("name", HIDING_PLACES)
def test_cutting_by_characters_before_the_tokenizer_hides_nothing(tokenizer: Tokenizer, name: str) -> None:
    """Texts are cut by characters first, because a megabyte costs seconds; the tokens kept are the whole text's."""
    (ids,) = rows_of(encode([HIDING_PLACES[name]], tokenizer, 16))
    whole = tokenizer.encode(normalised_text(HIDING_PLACES[name])).ids
    assert ids == (whole if len(whole) <= 16 else [*whole[:15], whole[-1]])


@pytest.mark.parametrize("token", ["[SEP]", "[MASK]", "[CLS]", "[PAD]"])
def test_special_tokens_typed_by_a_user_stay_text(tokenizer: Tokenizer, token: str) -> None:
    (ids,) = rows_of(encode([f"the good {token} bus"], tokenizer, 64))
    special = [tokenizer.token_to_id(t) for t in ("[CLS]", "[SEP]", "[MASK]", "[PAD]")]
    assert not set(special) & set(ids[1:-1])
    assert ids[-1] == tokenizer.token_to_id("[SEP]")


def test_a_part_of_the_tokens_is_those_rows_in_that_order(tokenizer: Tokenizer) -> None:
    tokens = encode(TEXTS[:10], tokenizer, 32)
    part = tokens.of([7, 2, 7])
    whole = rows_of(tokens)
    assert rows_of(part) == [whole[7], whole[2], whole[7]]
    assert len(tokens.of([])) == 0
    assert tokens.lengths.tolist() == [len(row) for row in whole]


def test_a_comments_logits_do_not_depend_on_padding_or_its_neighbours(tiny_bert: Path, tokenizer: Tokenizer) -> None:
    model = classifier_from_base(resolve_base(str(tiny_bert)), ("toxicity", "insult"), seed=0).eval()
    texts = [*TEXTS[:30], " ".join(TEXTS[:6])]
    tokens = encode(texts, tokenizer, 128)
    together = logits(model, tokens, batch_size=8)
    with torch.no_grad():
        for index, ids in enumerate(rows_of(tokens)):
            bare = model(input_ids=torch.tensor([ids])).logits[0].numpy()
            np.testing.assert_allclose(together[index], bare, atol=1e-5)


def test_a_text_of_emoji_or_unknown_letters_is_tokens_too(tokenizer: Tokenizer) -> None:
    for row in rows_of(encode(["\U0001f600" * 50, "\u4f60\u597d", "\udcff"], tokenizer, 16)):
        assert 2 <= len(row) <= 16
