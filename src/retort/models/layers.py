"""Which of the teacher's layers a student starts from, and which it is compared with. Indices from 0."""

import copy
from collections.abc import Sequence
from typing import Literal

import torch
from transformers import BertForSequenceClassification

from retort.errors import ConfigError

_LAYER = "bert.encoder.layer."


def layer_indices(choice: str | Sequence[int], teacher_layers: int) -> tuple[int, ...]:
    """The teacher's layers that `choice` names, in order.

    odd: 0, 2, 4, … (the first, third, fifth … layer). even: 1, 3, 5, …  first, last: that half.
    spread: as many, evenly from the first to the last; of 12 these are DistilBERT's 0, 2, 4, 7, 9, 11
    (Sanh et al. 2019, arXiv:1910.01108). all: every layer. Raises ConfigError for a list that names a
    layer twice or one that the teacher lacks, and for odd and even of a teacher with an odd number.
    """
    if not isinstance(choice, str):
        return _checked(tuple(choice), teacher_layers)
    if choice in ("odd", "even") and teacher_layers % 2:
        raise ConfigError(
            f"layers {choice!r}: the teacher has {teacher_layers} layers, which do not halve; "
            f"name them, for example layers=[0,{teacher_layers - 1}]"
        )
    half = max(1, teacher_layers // 2)
    named = {
        "odd": range(0, teacher_layers, 2),
        "even": range(1, teacher_layers, 2),
        "first": range(half),
        "last": range(teacher_layers - half, teacher_layers),
        "spread": [round(i * (teacher_layers - 1) / max(1, half - 1)) for i in range(half)],
        "all": range(teacher_layers),
    }
    return tuple(named[choice])


def hidden_state_targets(
    indices: Sequence[int], teacher_layers: int, match: Literal["source", "block"]
) -> tuple[int, ...]:
    """For each student layer the entry of the teacher's `hidden_states` that it is to resemble.

    Entry 0 holds the embeddings, so the output of layer i is entry i + 1. "source" takes the layer that
    the student's was copied from. "block" cuts the teacher in as many equal blocks as the student has
    layers and takes the last of each: the student's layer then does the work of the whole block
    (as the uniform mapping of Jiao et al. 2020, arXiv:1909.10351).
    """
    if match == "source":
        return tuple(index + 1 for index in indices)
    return tuple((position + 1) * teacher_layers // len(indices) for position in range(len(indices)))


def student_from_teacher(
    teacher: BertForSequenceClassification, indices: Sequence[int], *, random_layers_seed: int | None = None
) -> BertForSequenceClassification:
    """A student with copies of the teacher's embeddings, pooler, head and of the layers at `indices`.

    It shares no tensor with the teacher. With `random_layers_seed` its encoder layers are drawn anew
    from that seed instead: the control that shows what copying them is worth.
    """
    _checked(tuple(indices), teacher.config.num_hidden_layers)
    config = copy.deepcopy(teacher.config)
    config.num_hidden_layers = len(indices)
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


def _checked(indices: tuple[int, ...], teacher_layers: int) -> tuple[int, ...]:
    missing = [index for index in indices if not 0 <= index < teacher_layers]
    if missing or not indices:
        raise ConfigError(
            f"layers {list(indices)}: "
            + (f"there is no layer {missing[0]}" if missing else "none")
            + f"; name some of the teacher's, 0 to {teacher_layers - 1}"
        )
    if len(set(indices)) < len(indices):
        raise ConfigError(f"layers {list(indices)}: one of them is named twice; name each once")
    return indices
