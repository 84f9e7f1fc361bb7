"""The useful floating-point operations of a BERT's forward pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class BertShape(Protocol):
    """The sizes that determine the operations of a BERT; every `BertConfig` has them."""

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
    """The sizes alone, for a model without a config object."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_labels: int


def forward_flops(
    config: BertShape, lengths: Sequence[int] | npt.NDArray[np.integer[Any]], *, first_token: bool = False
) -> float:
    """Useful FLOP of one forward pass over sequences of `lengths` tokens, [CLS] and [SEP] included.

    A multiply and an add count as two. The sum covers the matrix products (linear layers, attention, pooler,
    head) over real tokens; padding and adapters are left out. With `first_token`, the last layer counts only what
    the head needs: keys and values of every token, everything else for the first token only.
    """
    tokens = np.asarray(lengths, np.float64)
    hidden, inner = config.hidden_size, config.intermediate_size
    every, pairs, first = tokens.sum(), (tokens**2).sum(), len(tokens)
    # Two of a layer's four square matrices are for keys and values. Every pair of tokens takes two products, one
    # for the attention weight and one for the weighted sum.
    keys_and_values = 2 * every * 2 * hidden * hidden
    rest = 2 * (2 * hidden * hidden + 2 * hidden * inner)
    layer = keys_and_values + every * rest + 4 * pairs * hidden
    last = keys_and_values + first * rest + 4 * every * hidden if first_token else layer
    head = 2 * first * hidden * (hidden + (config.num_labels or 0))
    return float((config.num_hidden_layers - 1) * layer + last + head)
