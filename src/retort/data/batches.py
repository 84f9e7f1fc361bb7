"""Comments as token ids, and the batches that models read.

Batches are padded to a few fixed lengths, because oneDNN compiles a kernel for every new shape.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from retort.text import LONGEST_WORD, normalised_text

# Padded lengths in tokens; longer comments are padded to a multiple of `_STEP_BEYOND`. On real comments of at most
# 256 tokens, padding adds 14 % of tokens; with steps of 32 and 128 it added 34 %.
LENGTHS = (16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256)
_STEP_BEYOND = 64
# Batches of similar length are made within groups of this many batches: little padding, still shuffled.
_GROUP = 32
# Characters tokenised at a time: a megabyte at once takes seconds and 0.6 GB.
_PART = 4096
# BERT's tokenizer splits words at these, so a text that is cut after one keeps its tokens.
_BETWEEN_WORDS = re.compile("[ \t\r\n!-/:-@\\[-`{-~\xa0\u2000-\u200a\u2010-\u2029\u202f\u3000-\u3002\u4e00-\u9fff]")

Integers = npt.NDArray[np.int64]
Ids = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Tokens:
    """The token ids of n comments, concatenated: those of comment i are ids[starts[i]:starts[i + 1]]."""

    ids: Ids
    starts: Integers
    pad_id: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> Integers:
        """Tokens of each comment, (n,)."""
        lengths: Integers = np.diff(self.starts)
        return lengths

    @classmethod
    def joined(cls, parts: Sequence[Ids], pad_id: int) -> "Tokens":
        """The comments whose token ids are `parts`."""
        lengths = np.asarray([len(part) for part in parts], np.int64)
        ids = np.concatenate(parts) if parts else np.empty(0, np.int32)
        return cls(ids, np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]), pad_id)

    def of(self, rows: Sequence[int] | Integers) -> "Tokens":
        """The tokens of the given rows, in that order."""
        return Tokens.joined([self.ids[self.starts[row] : self.starts[row + 1]] for row in rows], self.pad_id)

    def padded(self, rows: Sequence[int] | Integers) -> tuple[Integers, Integers]:
        """`input_ids` and `attention_mask`, both (len(rows), fixed length)."""
        lengths = self.lengths[rows]
        width = padded_length(int(lengths.max(initial=1)))
        mask = (np.arange(width) < lengths[:, None]).astype(np.int64)
        input_ids = np.full((len(lengths), width), self.pad_id, np.int64)
        for line, row in enumerate(rows):
            input_ids[line, : lengths[line]] = self.ids[self.starts[row] : self.starts[row + 1]]
        return input_ids, mask


@dataclass(frozen=True)
class Frame:
    """The tokens that a tokenizer adds before a comment ([CLS]) and after it ([SEP]), and the one it pads with."""

    before: Ids
    after: Ids
    pad_id: int

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "Frame":
        """The frame of `tokenizer`."""
        framed = tokenizer.encode("a")
        inside = [place for place, special in enumerate(framed.special_tokens_mask) if not special]
        ids = np.asarray(framed.ids, np.int32)
        pad_id = tokenizer.token_to_id("[PAD]")
        return cls(ids[: inside[0]], ids[inside[-1] + 1 :], 0 if pad_id is None else pad_id)

    def room(self, max_length: int) -> int:
        """How many tokens of a comment fit into `max_length`."""
        return max_length - len(self.before) - len(self.after)

    def around(self, ids: Ids) -> Ids:
        """The ids with the frame's tokens, the input of a model."""
        return np.concatenate([self.before, ids, self.after])


def prepared_tokenizer(tokenizer: Tokenizer) -> Tokenizer:
    """The same tokenizer, changed in place: no padding, no truncation, and special tokens in a text stay text."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    # "[SEP]" typed by a user would otherwise end the comment for the model.
    tokenizer.encode_special_tokens = True
    return tokenizer


def encode(texts: Sequence[str], tokenizer: Tokenizer, max_length: int) -> Tokens:
    """Normalised, tokenised and cut to `max_length` tokens, [CLS] and [SEP] included."""
    frame = Frame.of(tokenizer)
    room = frame.room(max_length)
    bare = token_ids(texts, tokenizer, enough=room)
    return Tokens.joined([frame.around(ids[:room]) for ids in bare], frame.pad_id)


def token_ids(
    texts: Sequence[str], tokenizer: Tokenizer, *, enough: int | None = None, normalise: bool = True
) -> list[Ids]:
    """The token ids of each normalised text, without [CLS] and [SEP].

    With `enough`, reading of a text stops once it has at least so many tokens. normalise: False to read texts as they
    are, which shows what normalising does; every model was trained with it.
    """
    parts = [_parts(normalised_text(text) if normalise else text) for text in texts]
    found: list[list[int]] = [[] for _ in texts]
    unread = list(range(len(texts)))
    while unread:
        # Truncation set in the tokenizer is state shared with other threads.
        given = [(row, part) for row in unread if (part := next(parts[row], None)) is not None]
        encodings = tokenizer.encode_batch_fast([part for _, part in given], add_special_tokens=False)
        for (row, _), encoding in zip(given, encodings, strict=True):
            found[row] += encoding.ids
        unread = [row for row, _ in given if enough is None or len(found[row]) < enough]
    return [np.asarray(ids, np.int32) for ids in found]


def padded_length(length: int) -> int:
    """The fixed length to which a batch is padded when its longest comment has `length` tokens."""
    return next((fixed for fixed in LENGTHS if length <= fixed), -(-length // _STEP_BEYOND) * _STEP_BEYOND)


def training_batches(lengths: Integers, batch_size: int, seed: int, epoch: int) -> list[Integers]:
    """Every row once, in batches of similar length; the order is drawn from (seed, epoch)."""
    generator = np.random.default_rng((seed, epoch))
    shuffled = generator.permutation(len(lengths))
    group = batch_size * _GROUP
    batches: list[Integers] = []
    for begin in range(0, len(shuffled), group):
        rows = shuffled[begin : begin + group]
        # A stable sort keeps the drawn order among rows of equal length.
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        batches += [rows[at : at + batch_size] for at in range(0, len(rows), batch_size)]
    return [batches[i] for i in generator.permutation(len(batches))]


def evaluation_batches(lengths: Integers, batch_size: int) -> Iterator[Integers]:
    """Every row once, the shortest first: the least padding."""
    order = np.argsort(lengths, kind="stable")
    for begin in range(0, len(order), batch_size):
        yield order[begin : begin + batch_size]


def _parts(text: str) -> Iterator[str]:
    """Parts of the text whose tokens are together those of the whole text."""
    begin = 0
    while len(text) - begin > _PART:
        farthest = begin + _PART
        # No normalised word is longer than LONGEST_WORD, so there is a boundary within that distance.
        near = range(farthest, farthest - LONGEST_WORD - 1, -1)
        end = next((place for place in near if _BETWEEN_WORDS.match(text, place - 1)), farthest)
        yield text[begin:end]
        begin = end
    yield text[begin:]
