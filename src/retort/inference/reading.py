"""Reads comments of any length with a model of limited length: in overlapping windows.

Where speed matters more than the end of long comments, they are truncated to one window instead.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from retort.data.batches import Frame, Ids, Integers, Tokens, prepared_tokenizer, token_ids
from retort.errors import ModelError
from retort.evaluation.probability import sigmoid
from retort.text import VERSION

Probabilities = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
# Windows in, one logit per window and attribute out: (n windows, n attributes).
WindowScorer = Callable[[Tokens], npt.NDArray[np.floating[Any]]]

# Neighbouring windows overlap by this share of their length: what one of them cuts in two is whole in the other.
_OVERLAP = 0.25


@dataclass(frozen=True)
class Scored:
    """A model's probabilities for n comments, and how much of each comment it read.

    probabilities: (n, n attributes). tokens: the number read; unknown: how many of them are not in the vocabulary;
    windows: the number of windows; truncated: whether the comment is longer than what was read. The last four: (n,).
    """

    probabilities: Probabilities
    tokens: Integers
    unknown: Integers
    windows: Integers
    truncated: Booleans


# Comments in; probabilities and what was read out.
Model = Callable[[Sequence[str]], Scored]


@runtime_checkable
class Normalising(Protocol):
    """A model that normalises texts before it reads them."""

    def unnormalised(self) -> Model:
        """The same model, reading texts as they are."""
        ...


@dataclass(frozen=True)
class Readings:
    """The windows of n comments, grouped by comment and in its order.

    starts: (n,), the index of each comment's first window. tokens, unknown, truncated: as in `Scored`.
    """

    windows: Tokens
    starts: Integers
    tokens: Integers
    unknown: Integers
    truncated: Booleans

    @property
    def window_counts(self) -> Integers:
        """The number of windows of each comment, (n,)."""
        counts: Integers = np.diff(self.starts, append=len(self.windows))
        return counts

    def largest(self, of_windows: Probabilities) -> Probabilities:
        """The maximum over each comment's windows: (n windows, n attributes) -> (n, n attributes)."""
        result: Probabilities = np.maximum.reduceat(of_windows, self.starts, axis=0)
        return result


class Reader:
    """Cuts comments into windows of at most `max_length` tokens, [CLS] and [SEP] included.

    With `truncate` each comment has one window, its beginning. version: that of normalising which the model was
    trained with.
    """

    def __init__(
        self, tokenizer: Tokenizer, max_length: int, *, truncate: bool = False, version: int = VERSION
    ) -> None:
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.truncate = truncate
        self.version = version
        self._frame = Frame.of(tokenizer)
        self._room = self._frame.room(max_length)
        self._unknown_id = tokenizer.token_to_id(getattr(tokenizer.model, "unk_token", None) or "[UNK]")

    def read(self, texts: Sequence[str]) -> Readings:
        """The windows of every text. Texts are normalised here."""
        enough = self._room + 1 if self.truncate else None
        bare = token_ids(texts, self.tokenizer, enough=enough, version=self.version)
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

    def unnormalised(self) -> "Reader":
        """The same, reading texts as they are."""
        return Reader(self.tokenizer, self.max_length, truncate=self.truncate, version=0)

    def _windows(self, ids: Ids) -> list[Ids]:
        if len(ids) <= self._room:
            return [self._frame.around(ids)]
        stride = self._room - int(self._room * _OVERLAP)
        last = len(ids) - self._room
        # The last window begins earlier to be full, so that the end is read with context too.
        begins = [*range(0, last, stride), last]
        return [self._frame.around(ids[begin : begin + self._room]) for begin in begins]


@dataclass(frozen=True)
class WindowedModel:
    """Scores comments with a model that scores windows: each comment gets the maximum over its windows."""

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

    def unnormalised(self) -> Model:
        """See `Normalising`."""
        return replace(self, reader=self.reader.unnormalised())


def read_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in a tokenizer.json, prepared for comments. Raises ModelError when it cannot be read."""
    try:
        return prepared_tokenizer(Tokenizer.from_file(str(path)))
    except Exception as error:  # the Rust library raises bare Exceptions
        raise ModelError(f"{path}: no tokenizer ({str(error).strip()}); take a whole copy of the model") from error
