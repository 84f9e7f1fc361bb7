"""A static student: a classifier of token vectors without transformer layers, in torch.

Its vectors begin as those that model2vec makes of a model (van Dongen and Tulkens 2024, MinishLab/model2vec): every
token of the vocabulary is read alone, and the principal components of what the model makes of it are kept. The library
itself needs an older transformers to do so (its extra `distill`, version 0.10), and the method is a few lines.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import BertForSequenceClassification
from transformers.modeling_outputs import SequenceClassifierOutput

from retort.data.batches import Frame
from retort.models.dropout import QuickDropout
from retort.models.static_weights import POOLS, StaticWeights

_TOKENS_AT_ONCE = 256


class StaticClassifier(torch.nn.Module):
    """Token vectors, their mean and their maximum over a comment, and a linear head on both."""

    def __init__(self, vectors: Tensor, attributes: Sequence[str], dropout: float = 0.0) -> None:
        super().__init__()
        self.attributes = tuple(attributes)
        self.word_embeddings = torch.nn.Embedding.from_pretrained(vectors.clone(), freeze=False)
        self.dropout = QuickDropout(dropout)
        self.classifier = torch.nn.Linear(len(POOLS) * vectors.shape[1], len(self.attributes))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **_: Any) -> SequenceClassifierOutput:
        """input_ids, attention_mask: (batch, tokens), at least one real token each. Logits (batch, n attributes).

        Called as a BERT is; there are no hidden states to output.
        """
        vectors = self.word_embeddings(input_ids)
        real = attention_mask.unsqueeze(-1).to(vectors.dtype)
        mean = (vectors * real).sum(dim=1) / real.sum(dim=1)
        largest = vectors.masked_fill(real == 0, torch.finfo(vectors.dtype).min).amax(dim=1)
        logits = self.classifier(self.dropout(torch.cat([mean, largest], dim=1)))
        return SequenceClassifierOutput(logits=logits)

    def weights(self) -> StaticWeights:
        """A copy of the weights, to save or to score with."""
        vectors, head, bias = (
            tensor.detach().cpu().float().numpy().copy()
            for tensor in (self.word_embeddings.weight, self.classifier.weight, self.classifier.bias)
        )
        return StaticWeights(vectors, head, bias)

    @classmethod
    def of(cls, weights: StaticWeights, attributes: Sequence[str]) -> "StaticClassifier":
        """The model of saved weights, in evaluation mode."""
        model = cls(torch.from_numpy(weights.vectors), attributes)
        with torch.no_grad():
            model.classifier.weight.copy_(torch.from_numpy(weights.head))
            model.classifier.bias.copy_(torch.from_numpy(weights.bias))
        return model.eval()


def static_classifier(
    vectors: Tensor, attributes: Sequence[str], seed: int, shares: Sequence[float], dropout: float
) -> StaticClassifier:
    """An untrained student with these token vectors: a head from `seed`, its bias at the labels' training shares.

    shares: in (0, 1), each attribute's mean among the training rows (as in `classifier_from_base`).
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = StaticClassifier(vectors, attributes, dropout)
    with torch.no_grad():
        model.classifier.bias.copy_(torch.logit(torch.tensor(shares, dtype=torch.float32), eps=1e-3))
    return model


def token_vectors(model: BertForSequenceClassification, tokenizer: Tokenizer, width: int) -> Tensor:
    """What a model makes of every token alone, (tokens of its vocabulary, at most `width`), at unit variance.

    Every token is read between [CLS] and [SEP]; its vector is the mean of the last hidden states, reduced to the first
    principal components over the vocabulary. There are fewer than `width` where the model is narrower.
    """
    frame = Frame.of(tokenizer)
    body, device = model.bert, next(model.parameters()).device
    before, after = (torch.from_numpy(ids.astype(np.int64)) for ids in (frame.before, frame.after))
    parts = []
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for tokens in torch.arange(model.config.vocab_size).split(_TOKENS_AT_ONCE):
            framed = [before.expand(len(tokens), -1), tokens[:, None], after.expand(len(tokens), -1)]
            parts.append(
                body(input_ids=torch.cat(framed, dim=1).to(device)).last_hidden_state.mean(dim=1).float().cpu()
            )
    model.train(was_training)
    return principal_components(torch.cat(parts), width)


def random_vectors(tokens: int, width: int, seed: int) -> Tensor:
    """Vectors drawn from `seed` at unit variance, (tokens, width): the control for `token_vectors`."""
    return torch.randn((tokens, width), generator=torch.Generator().manual_seed(seed))


def principal_components(vectors: Tensor, width: int) -> Tensor:
    """The first principal components of (n, m) vectors, (n, at most `width`), scaled together to unit variance."""
    centred = (vectors - vectors.mean(dim=0)).double()
    _, directions = torch.linalg.eigh(centred.T @ centred)  # in ascending order of variance
    kept: Tensor = centred @ directions.flip(1)[:, :width]
    return (kept / kept.std()).float()
