"""The embeddings of the words that the training comments hold, learnt apart from all others.

A BERT knows 30,000 pieces and a few thousand comments hold a third of them, but a dense gradient and AdamW pass over
all at every step. Rows that are never read have no gradient; weight decay alone would move them, and does not here.
"""

import contextlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import BertForSequenceClassification

from retort.data.batches import Tokens


class SeenWords(torch.nn.Module):
    """Stands in for an embedding while a model learns from comments that hold the pieces `seen` alone.

    In evaluation mode it is the whole table again, with all that was learnt.
    """

    seen: Tensor
    place: Tensor

    def __init__(self, table: torch.nn.Embedding, seen: Tensor) -> None:
        super().__init__()
        self.table = table.requires_grad_(False)
        self.weight = torch.nn.Parameter(table.weight[seen].detach().clone())
        self.register_buffer("seen", seen)
        place = torch.full((table.num_embeddings,), -1)
        place[seen] = torch.arange(len(seen))
        self.register_buffer("place", place)

    def forward(self, ids: Tensor) -> Tensor:
        """(…, width) of ids (…)."""
        if self.training:
            return functional.embedding(self.place[ids], self.weight)
        return self.table(ids)  # type: ignore[no-any-return]

    def train(self, mode: bool = True) -> "SeenWords":
        if not mode:
            with torch.no_grad():
                self.table.weight[self.seen] = self.weight
        return super().train(mode)


@contextlib.contextmanager
def only_seen_words(model: torch.nn.Module, tokens: Tokens) -> Iterator[None]:
    """Within the block only the embeddings of the pieces in `tokens` learn; nothing happens where they are frozen.

    The model has its own embedding back afterwards, with what was learnt.
    """
    bert = next(module for module in model.modules() if isinstance(module, BertForSequenceClassification))
    table = bert.bert.embeddings.word_embeddings
    if not table.weight.requires_grad:
        yield
        return
    seen = torch.from_numpy(np.union1d(tokens.ids, [tokens.pad_id])).to(table.weight.device)
    words = SeenWords(table, seen).train(table.training)
    setattr(bert.bert.embeddings, "word_embeddings", words)  # noqa: B010 - typed as an Embedding
    try:
        yield
    finally:
        words.eval()
        table.requires_grad_(True).train(words.training)
        bert.bert.embeddings.word_embeddings = table
