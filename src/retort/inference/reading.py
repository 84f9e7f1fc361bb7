"""How a comment is read by a model that takes only so many tokens: all of it, in overlapping windows.

Where speed is worth more than the end of long comments, it is truncated to one window instead.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from retort.data.batches import Frame, Ids, Integers, Tokens, token_ids
from retort.errors import ModelError
from retort.models.probability import sigmoid

Probabilities = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
# Windows in, one logit per window and attribute out: (n windows, n attributes).
WindowScorer = Callable[[Tokens], npt.NDArray[np.floating[Any]]]

# Neighbouring windows share this part of their room, so that what one of them cuts in two the other has whole.
_SHARED = 0.25


@dataclass(frozen=True)
class Scored:
    """What a model says of n comments, and what of them it read.

    probabilities: (n, n attributes). tokens: how many were read of each comment; unknown: how many of those the
    model has no piece for; windows: in how many parts they were read; truncated: whether the comment goes on
    behind them. All (n,).
    """

    probabilities: Probabilities
    tokens: Integers
    unknown: Integers
    windows: Integers
    truncated: Booleans


# What stands behind a classifier: comments in, everything about them out.
Model = Callable[[Sequence[str]], Scored]


@dataclass(frozen=True)
class Readings:
    """The windows of n comments, those of one comment next to each other and in its order.

    starts: (n,), the first window of each comment. tokens, unknown, truncated: as in `Scored`.
    """

    windows: Tokens
    starts: Integers
    tokens: Integers
    unknown: Integers
    truncated: Booleans

    @property
    def window_counts(self) -> Integers:
        """How many windows each comment has, (n,)."""
        counts: Integers = np.diff(self.starts, append=len(self.windows))
        return counts

    def largest(self, of_windows: Probabilities) -> Probabilities:
        """From (n windows, n attributes) to (n, n attributes): a comment is as bad as its worst window."""
        result: Probabilities = np.maximum.reduceat(of_windows, self.starts, axis=0)
        return result


class Reader:
    """Comments as windows of at most `max_length` tokens, [CLS] and [SEP] included.

    With `truncate` there is one window for each comment, its beginning.
    """

    def __init__(self, tokenizer: Tokenizer, max_length: int, *, truncate: bool = False) -> None:
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.truncate = truncate
        self._frame = Frame.of(tokenizer)
        self._room = self._frame.room(max_length)
        self._unknown_id = tokenizer.token_to_id(getattr(tokenizer.model, "unk_token", None) or "[UNK]")

    def read(self, texts: Sequence[str]) -> Readings:
        """The tokens of every text, which need not be normalised."""
        bare = token_ids(texts, self.tokenizer, enough=self._room + 1 if self.truncate else None)
        truncated = np.asarray([self.truncate and len(ids) > self._room for ids in bare], np.bool_)
        if self.truncate:
            bare = [ids[: self._room] for ids in bare]
        windows = [self._windows(ids) for ids in bare]
        counts = np.asarray([len(own) for own in windows], np.int64)
        return Readings(
            Tokens.joined([window for own in windows for window in own], self._frame.pad_id),
            np.cumsum(counts) - counts,
            np.asarray([len(ids) for ids in bare], np.int64),
            np.asarray([np.count_nonzero(ids == self._unknown_id) for ids in bare], np.int64),
            truncated,
        )

    def _windows(self, ids: Ids) -> list[Ids]:
        if len(ids) <= self._room:
            return [self._frame.around(ids)]
        stride = self._room - int(self._room * _SHARED)
        last = len(ids) - self._room
        # The last one reaches back to be full: what stands at the end is read in its context too.
        begins = [*range(0, last, stride), last]
        return [self._frame.around(ids[begin : begin + self._room]) for begin in begins]


@dataclass(frozen=True)
class WindowedModel:
    """A model that reads windows, as one that reads whole comments."""

    reader: Reader
    scorer: WindowScorer

    def __call__(self, texts: Sequence[str]) -> Scored:
        readings = self.reader.read(texts)
        of_windows = sigmoid(self.scorer(readings.windows))
        return Scored(
            readings.largest(of_windows),
            readings.tokens,
            readings.unknown,
            readings.window_counts,
            readings.truncated,
        )


def read_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer of a tokenizer.json, without padding or truncation; special tokens in a text stay text.

    Raises ModelError when it cannot be read.
    """
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust library raises bare Exceptions
        raise ModelError(f"{path}: no tokenizer ({str(error).strip()}); take a whole copy of the model") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    # "[SEP]" typed by a user would otherwise end the comment for the model.
    tokenizer.encode_special_tokens = True
    return tokenizer
