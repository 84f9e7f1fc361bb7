"""Trains the embeddings of the words that occur in the training comments, and no others.

A BERT has 30,000 word embeddings, and a few thousand comments use a third of them, but a dense gradient and AdamW
update all at every step. Rows without an occurrence have no gradient; only weight decay would change them, and it
does not here.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from retort.data.batches import Tokens

# What BERT's embeddings and a static student call their table.
_WORDS = "word_embeddings"


class SeenWords(torch.nn.Module):
    """Replaces an embedding while a model trains on comments whose token ids are all in `seen`.

    In evaluation mode it is the whole table, with what was learnt written into it.
    """

    seen: Tensor
    row: Tensor

    def __init__(self, table: torch.nn.Embedding, seen: Tensor) -> None:
        super().__init__()
        self.table = table.requires_grad_(False)
        self.weight = torch.nn.Parameter(table.weight[seen].detach().clone())
        self.register_buffer("seen", seen)
        row = torch.full((table.num_embeddings,), -1)
        row[seen] = torch.arange(len(seen))
        self.register_buffer("row", row)

    def forward(self, ids: Tensor) -> Tensor:
        """(…, width) of ids (…)."""
        if self.training:
            return functional.embedding(self.row[ids], self.weight)
        return self.table(ids)  # type: ignore[no-any-return]

    def train(self, mode: bool = True) -> "SeenWords":
        """As `Module.train`; on the way to evaluation mode the learnt rows are written into the table."""
        if not mode:
            with torch.no_grad():
                self.table.weight[self.seen] = self.weight
        return super().train(mode)


@contextlib.contextmanager
def only_seen_words(model: torch.nn.Module, tokens: Tokens) -> Iterator[None]:
    """Within the block only the embeddings of the token ids in `tokens` are trained; frozen embeddings stay frozen.

    The model has its own embedding again afterwards, with what was learnt.
    """
    embeddings = next(module for module in model.modules() if _holds_words(module))
    table: Any = getattr(embeddings, _WORDS)
    if not table.weight.requires_grad:
        yield
        return
    seen = torch.from_numpy(np.union1d(tokens.ids, [tokens.pad_id])).to(table.weight.device)
    words = SeenWords(table, seen).train(table.training)
    setattr(embeddings, _WORDS, words)
    try:
        yield
    finally:
        words.eval()
        table.requires_grad_(True).train(words.training)
        setattr(embeddings, _WORDS, table)


def _holds_words(module: torch.nn.Module) -> bool:
    return isinstance(getattr(module, _WORDS, None), torch.nn.Embedding)
