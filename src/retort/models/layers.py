"""A student made of some of another model's layers."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import BertConfig, BertForSequenceClassification

from retort.models.layer_strategies import checked_indices

_LAYER = "bert.encoder.layer."


@dataclass(frozen=True)
class Dropout:
    """The dropout probabilities of a BERT; classifier None is as hidden."""

    hidden: float
    attention: float
    classifier: float | None

    @classmethod
    def of(cls, config: BertConfig) -> "Dropout":
        """Those that a model's config names."""
        return cls(config.hidden_dropout_prob, config.attention_probs_dropout_prob, config.classifier_dropout)


def student_from_teacher(
    teacher: BertForSequenceClassification,
    indices: Sequence[int],
    *,
    random_layers_seed: int | None = None,
    dropout: Dropout | None = None,
) -> BertForSequenceClassification:
    """A student with copies of the teacher's embeddings, pooler, head and of the layers at `indices`.

    It shares no tensor with the teacher. With `random_layers_seed` its encoder layers are drawn from that seed
    instead: a control for the effect of copying them. With `dropout` it has these probabilities instead of
    the teacher's, which its own training may have changed. Raises ConfigError for indices the teacher lacks.
    """
    checked_indices(tuple(indices), teacher.config.num_hidden_layers)
    config = copy.deepcopy(teacher.config)
    config.num_hidden_layers = len(indices)
    if dropout is not None:
        config.hidden_dropout_prob, config.attention_probs_dropout_prob = dropout.hidden, dropout.attention
        config.classifier_dropout = dropout.classifier
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_layers_seed or 0)
        student = BertForSequenceClassification(config)
    source = teacher.state_dict()
    state = {}
    for name, fresh in student.state_dict().items():
        if not name.startswith(_LAYER):
            state[name] = source[name].detach().clone()
        elif random_layers_seed is not None:
            state[name] = fresh
        else:
            position, _, rest = name.removeprefix(_LAYER).partition(".")
            state[name] = source[f"{_LAYER}{indices[int(position)]}.{rest}"].detach().clone()
    student.load_state_dict(state, strict=True)
    return student
