"""How comments of any length are read: every token, in overlapping windows, and never other tokens than in training."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from retort.data import batches
from retort.data.batches import Tokens, encode, token_ids
from retort.errors import ModelError
from retort.inference.reading import Reader, WindowedModel, read_tokenizer
from retort.models.classifier import load_tokenizer
from retort.text import normalised_text
from tests.conftest import tiny_rows, wordpieces

TEXTS = [text for _, text, *_ in tiny_rows()]
LIMIT = 16
ROOM = LIMIT - 2


@pytest.fixture(scope="module")
def tokenizer(tiny_bert: Path) -> Tokenizer:
    return load_tokenizer(tiny_bert)


@pytest.fixture(scope="module")
def reader(tokenizer: Tokenizer) -> Reader:
    return Reader(tokenizer, LIMIT)


def rows_of(tokens: Tokens) -> list[list[int]]:
    return [tokens.ids[tokens.starts[i] : tokens.starts[i + 1]].tolist() for i in range(len(tokens))]


def test_a_comment_that_fits_is_one_window_with_the_ids_of_training(tokenizer: Tokenizer) -> None:
    readings = Reader(tokenizer, 64).read(TEXTS)
    assert rows_of(readings.windows) == rows_of(encode(TEXTS, tokenizer, 64))
    assert readings.window_counts.tolist() == [1] * len(TEXTS)
    assert readings.tokens.tolist() == [len(tokenizer.encode(text).ids) - 2 for text in TEXTS]


# Whole words and single letters, each of them one token.
WORDS = sorted({piece for piece in wordpieces() if piece.isalnum()})


@given(st.lists(st.integers(0, len(WORDS)), min_size=1, max_size=8), st.integers(3, 20))
@settings(max_examples=60, deadline=None)
def test_windows_hold_every_token_in_order_and_neighbours_share_a_quarter(
    tokenizer: Tokenizer, lengths: list[int], limit: int
) -> None:
    room = limit - 2
    readings = Reader(tokenizer, limit).read([" ".join(WORDS[:length]) for length in lengths])
    assert readings.tokens.tolist() == lengths
    windows = rows_of(readings.windows)
    assert len(windows) == readings.window_counts.sum()
    for length, start, count in zip(lengths, readings.starts, readings.window_counts, strict=True):
        rebuilt: list[str | None] = []
        for window in windows[start : start + count]:
            first, *inside, last = [tokenizer.id_to_token(i) for i in window]
            assert (first, last) == ("[CLS]", "[SEP]")
            assert len(inside) == min(length, room)
            shared = len(set(rebuilt) & set(inside))
            assert not rebuilt or shared >= room // 4
            assert rebuilt[len(rebuilt) - shared :] == inside[:shared]
            rebuilt += inside[shared:]
        assert rebuilt == WORDS[:length]


@pytest.mark.parametrize(
    "text",
    [
        "the good bus, " * 300,
        "x" * 900 + " fool " + "!" * 900,
        "a\n" * 900 + "fool",
        "\u4f60\u597d" * 500,
        "the\u00a0good\u00a0" * 200,
        "\ufffd" * 700 + "fool",
        "\u00e9\u0301e\u0301" * 400,
    ],
)
def test_reading_a_text_in_parts_changes_none_of_its_tokens(
    tokenizer: Tokenizer, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tokenizer.encode(normalised_text(text), add_special_tokens=False).ids
    for part in (128, 131, 150, 257):
        monkeypatch.setattr(batches, "_PART", part)
        assert token_ids([text, "short"], tokenizer)[0].tolist() == whole


def test_a_megabyte_is_read_to_its_end_in_seconds(reader: Reader) -> None:
    began = time.process_time()
    readings = reader.read(["the good bus " * 80_000 + "fool"])
    assert readings.tokens.tolist() == [240_001]
    assert reader.tokenizer.token_to_id("fool") in rows_of(readings.windows)[-1]
    assert time.process_time() - began < 20


def test_unknown_tokens_are_counted(reader: Reader) -> None:
    readings = reader.read(["the good bus", "\U0001f600 bus \U0001f600", "\ue000"])
    assert readings.unknown.tolist() == [0, 2, 0]
    assert readings.tokens.tolist() == [3, 3, 0]
    assert readings.window_counts.tolist() == [1, 1, 1]


@pytest.mark.parametrize("token", ["[SEP]", "[MASK]", "[CLS]", "[PAD]", "[UNK]"])
def test_special_tokens_typed_by_a_user_stay_text(reader: Reader, token: str) -> None:
    (ids,) = rows_of(reader.read([f"good {token}"]).windows)
    special = [reader.tokenizer.token_to_id(t) for t in ("[CLS]", "[SEP]", "[MASK]", "[PAD]")]
    assert not set(special) & set(ids[1:-1])


def test_a_comment_has_the_maximum_over_its_windows_for_each_attribute(reader: Reader) -> None:
    readings = reader.read(["good", " ".join(["good"] * 20), "bus"])
    assert readings.window_counts.tolist() == [1, 2, 1]
    of_windows = np.array([[0.1, 0.2], [0.3, 0.4], [0.9, 0.1], [0.5, 0.6]])
    assert readings.largest(of_windows).tolist() == [[0.1, 0.2], [0.9, 0.4], [0.5, 0.6]]


def test_a_model_of_windows_answers_for_comments(reader: Reader) -> None:
    """Here the logit is the number of `fool`s in a window."""
    fool = reader.tokenizer.token_to_id("fool")

    def count(windows: Tokens) -> np.ndarray:
        return np.array([[float(row.count(fool))] for row in rows_of(windows)])

    long = " ".join(["good"] * 40) + " fool"
    scored = WindowedModel(reader, count)(["good", long, "fool fool"])
    np.testing.assert_allclose(np.log(scored.probabilities / (1 - scored.probabilities))[:, 0], [0, 1, 2], atol=1e-9)
    assert scored.tokens.tolist() == [1, 41, 2]
    assert scored.windows.tolist() == [1, 4, 1]


def test_many_threads_read_with_one_tokenizer(reader: Reader) -> None:
    alone = [rows_of(reader.read([text]).windows) for text in TEXTS]
    with ThreadPoolExecutor(16) as threads:
        together = list(threads.map(lambda text: rows_of(reader.read([text]).windows), TEXTS * 10))
    assert together == alone * 10


def test_padding_and_truncation_of_a_tokenizer_file_are_taken_off(tokenizer: Tokenizer, tmp_path: Path) -> None:
    changed = Tokenizer.from_str(tokenizer.to_str())
    changed.enable_truncation(8)
    changed.enable_padding(length=32)
    changed.save(str(tmp_path / "tokenizer.json"))
    found = read_tokenizer(tmp_path / "tokenizer.json")
    assert found.encode(" ".join(TEXTS)).ids == tokenizer.encode(" ".join(TEXTS)).ids
    assert found.encode("bus").ids == tokenizer.encode("bus").ids
    assert found.encode("[SEP]").ids == tokenizer.encode("[SEP]").ids


@pytest.mark.parametrize("content", [None, "", "{}", "not json"])
def test_a_broken_tokenizer_file_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ModelError, match=r"tokenizer\.json: no tokenizer"):
        read_tokenizer(tmp_path / "tokenizer.json")
