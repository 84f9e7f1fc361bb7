"""How many floating-point operations a BERT's answer is worth, whatever was computed to get it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class BertShape(Protocol):
    """What of a BERT's config decides its work; every `BertConfig` has it."""

    @property
    def hidden_size(self) -> int: ...
    @property
    def intermediate_size(self) -> int: ...
    @property
    def num_hidden_layers(self) -> int: ...
    @property
    def num_labels(self) -> int | None: ...


@dataclass(frozen=True)
class Shape:
    """A `BertShape` of its own, where there is no config object."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_labels: int


def forward_flops(
    config: BertShape, lengths: Sequence[int] | npt.NDArray[np.integer[Any]], *, first_token: bool = False
) -> float:
    """Useful FLOP of one forward pass over sequences of `lengths` tokens, [CLS] and [SEP] included.

    A multiply and an add are two. Counted are the matrix products (linear layers, attention, pooler, head) over
    the tokens that are there; padding, and what an adapter adds, is not useful. With `first_token` the last layer
    counts as much as the head needs of it: keys and values of every token, the rest of the first one alone.
    """
    tokens = np.asarray(lengths, np.float64)
    hidden, inner = config.hidden_size, config.intermediate_size
    every, pairs, first = tokens.sum(), (tokens**2).sum(), len(tokens)
    # Two of the four square matrices of a layer give keys and values; every pair of tokens meets twice, once for
    # the weights and once for the sum.
    keys_and_values = 2 * every * 2 * hidden * hidden
    rest = 2 * (2 * hidden * hidden + 2 * hidden * inner)
    layer = keys_and_values + every * rest + 4 * pairs * hidden
    last = keys_and_values + first * rest + 4 * every * hidden if first_token else layer
    head = 2 * first * hidden * (hidden + (config.num_labels or 0))
    return float((config.num_hidden_layers - 1) * layer + last + head)
