"""Comments as token ids, and the batches that they are read in.

Lengths are padded to a few fixed ones, because oneDNN compiles a kernel for every new shape.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from retort.text import normalised_text

# Padded lengths in tokens; longer comments are padded to a multiple of the last.
LENGTHS = (16, 32, 48, 64, 96, 128)
# Batches of like length are drawn from groups of this many batches: little padding, still shuffled.
_GROUP = 32
# A token covers four characters or so: what is cut here would nearly always be truncated anyway.
_CHARACTERS_PER_TOKEN = 40
# In tokens. A word that was cut in two comes out in other pieces, so the cut has to lie this far behind.
_LONGEST_WORD = 100

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Tokens:
    """The token ids of n comments, end to end: those of comment i are ids[starts[i]:starts[i + 1]]."""

    ids: npt.NDArray[np.int32]
    starts: Integers
    pad_id: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> Integers:
        """Tokens of each comment, (n,)."""
        lengths: Integers = np.diff(self.starts)
        return lengths

    def of(self, rows: Sequence[int] | Integers) -> "Tokens":
        """The tokens of some of the comments, in the order given."""
        parts = [self.ids[self.starts[row] : self.starts[row + 1]] for row in rows]
        ids = np.concatenate(parts) if parts else np.empty(0, np.int32)
        return Tokens(ids, _starts([len(part) for part in parts]), self.pad_id)

    def padded(self, rows: Sequence[int] | Integers) -> tuple[Integers, Integers]:
        """`input_ids` and `attention_mask`, both (len(rows), fixed length)."""
        lengths = self.lengths[rows]
        width = padded_length(int(lengths.max(initial=1)))
        mask = (np.arange(width) < lengths[:, None]).astype(np.int64)
        input_ids = np.full((len(lengths), width), self.pad_id, np.int64)
        for line, row in enumerate(rows):
            input_ids[line, : lengths[line]] = self.ids[self.starts[row] : self.starts[row + 1]]
        return input_ids, mask


def encode(texts: Sequence[str], tokenizer: Tokenizer, max_length: int) -> Tokens:
    """Normalised, tokenised and cut to `max_length` tokens, [CLS] and [SEP] included."""
    room = max_length - tokenizer.num_special_tokens_to_add(is_pair=False)
    whole = [normalised_text(text) for text in texts]
    reach = room * _CHARACTERS_PER_TOKEN
    # Truncating in the tokenizer would be state that other threads see.
    encodings = tokenizer.encode_batch_fast([text[:reach] for text in whole], add_special_tokens=True)
    ids = [
        _truncated(_read_on(encoding.ids, text, tokenizer, max_length, reach), max_length)
        for encoding, text in zip(encodings, whole, strict=True)
    ]
    pad_id = tokenizer.token_to_id("[PAD]")
    flat = np.fromiter((i for one in ids for i in one), np.int32, sum(map(len, ids)))
    return Tokens(flat, _starts([len(one) for one in ids]), 0 if pad_id is None else pad_id)


def padded_length(length: int) -> int:
    """The fixed length that a batch whose longest comment has `length` tokens is padded to."""
    last = LENGTHS[-1]
    return next((fixed for fixed in LENGTHS if length <= fixed), -(-length // last) * last)


def training_batches(lengths: Integers, batch_size: int, seed: int, epoch: int) -> list[Integers]:
    """Every row once, in batches of like length whose order is drawn from (seed, epoch)."""
    generator = np.random.default_rng((seed, epoch))
    shuffled = generator.permutation(len(lengths))
    group = batch_size * _GROUP
    batches: list[Integers] = []
    for begin in range(0, len(shuffled), group):
        rows = shuffled[begin : begin + group]
        # A stable sort keeps the drawn order among equals.
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        batches += [rows[at : at + batch_size] for at in range(0, len(rows), batch_size)]
    return [batches[i] for i in generator.permutation(len(batches))]


def evaluation_batches(lengths: Integers, batch_size: int) -> Iterator[Integers]:
    """Every row once, the shortest first: the least padding."""
    order = np.argsort(lengths, kind="stable")
    for begin in range(0, len(order), batch_size):
        yield order[begin : begin + batch_size]


def _read_on(ids: list[int], text: str, tokenizer: Tokenizer, max_length: int, reach: int) -> list[int]:
    """The ids of enough of the text that no more would be kept.

    Thousands of spaces, or of signs that the tokenizer drops, are no token: what follows must not hide there.
    """
    while len(ids) <= max_length + _LONGEST_WORD and reach < len(text):
        reach *= 4
        ids = tokenizer.encode(text[:reach]).ids
    return ids


def _truncated(ids: list[int], max_length: int) -> list[int]:
    return ids if len(ids) <= max_length else [*ids[: max_length - 1], ids[-1]]


def _starts(lengths: Sequence[int]) -> Integers:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(np.asarray(lengths, np.int64))])
