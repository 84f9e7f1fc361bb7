"""The gradient of one batch: computed in parts, on every process, equal to that of the batch computed at once."""

import contextlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from torch import Tensor

from retort.data.batches import Integers, Tokens
from retort.models.features import Feature, FeaturePair, captured
from retort.training.comment_weights import CommentWeights
from retort.training.cross_entropy import cross_entropy_sum
from retort.training.objective import Objective, WeightedTerm
from retort.training.teacher_outputs import TeacherOutputs
from retort.training.terms import Batch, Outputs

# The key of what is measured besides the terms: cross-entropy against labels, the same quantity as validation loss.
LABEL_LOSS = "label_loss"


@dataclass(frozen=True)
class TrainingSet:
    """The comments to learn from.

    targets, labels: (n, n_attributes), NaN where unrated or unlabelled. Targets are what is learnt, the 0/1 labels or
    shares of raters; labels are what the train loss of the history is measured against. weights: how much each comment
    counts in the terms; all the same without.
    """

    tokens: Tokens
    targets: npt.NDArray[np.float32]
    labels: npt.NDArray[np.float32]
    weights: CommentWeights = field(default_factory=CommentWeights)


@dataclass(frozen=True)
class TeacherSide:
    """The teacher's outputs, and the features of student and teacher that the objective's terms compare."""

    outputs: TeacherOutputs
    pairs: dict[str, tuple[FeaturePair, ...]]

    @classmethod
    def of(
        cls,
        outputs: TeacherOutputs,
        objective: Objective,
        layers: int,
        copied: tuple[int, ...] | None,
        teacher_layers: int,
    ) -> "TeacherSide":
        """For a student with `layers` layers; the others as `pairs` of `retort.training.terms` takes them."""
        return cls(outputs, {one.name: one.pairs(layers, copied, teacher_layers) for one in objective.terms})


@dataclass(frozen=True)
class Step:
    """Sums over comments, weighted, and how many comments they are of, by term; `LABEL_LOSS`, unweighted, too."""

    sums: Mapping[str, float]
    counts: Mapping[str, int]


class GradientComputer:
    """Adds up the gradients of batches of one training set on one model."""

    def __init__(
        self,
        model: torch.nn.Module,
        objective: Objective,
        train: TrainingSet,
        teacher: TeacherSide | None,
        accelerator: Accelerator,
        heads: int,
    ) -> None:
        self._model = model
        self._objective = objective
        self._train = train
        self._teacher = teacher
        self._accelerator = accelerator
        self._heads = heads
        pairs = [pair for own in teacher.pairs.values() for pair in own] if teacher else []
        self._features = tuple(dict.fromkeys(own for own, _ in pairs))
        self._teacher_features = tuple(dict.fromkeys(target for _, target in pairs))

    @property
    def compares_tokens(self) -> bool:
        """Whether a term compares more of the last layer than its first token."""
        return bool(self._features)

    def add(self, rows: Integers, parts: int) -> Step:
        """Adds the gradient of the comments `rows`, computed in `parts` parts of each process's share."""
        counts = self._counts(rows)
        processes = self._accelerator.num_processes
        mine = rows[self._accelerator.process_index :: processes]
        pieces = [piece for piece in np.array_split(mine, parts) if len(piece)]
        # A process without a row still has to take part in the exchange of gradients.
        idle = not pieces
        pieces = pieces or [rows[:1]]
        sums: dict[str, float] = defaultdict(float)
        for number, piece in enumerate(pieces, 1):
            last = number == len(pieces)
            with contextlib.nullcontext() if last else self._accelerator.no_sync(self._model):
                terms = self._terms(piece)
                # Accelerate averages the gradients of processes; here they are summed.
                loss = sum(self._weights[t] * s / max(1, counts[t]) for t, s in terms.items() if t in self._weights)
                self._accelerator.backward(loss * processes * (0.0 if idle else 1.0))
            for term, value in terms.items():
                sums[term] += 0.0 if idle else float(value.detach())
        return Step(self._summed(sums), counts)

    @property
    def _weights(self) -> dict[str, float]:
        return {one.name: one.weight for one in self._objective.terms}

    def _counts(self, rows: Integers) -> dict[str, int]:
        targets = self._train.targets[rows]
        counts = {one.name: int(one.term.counted(targets).sum()) for one in self._objective.terms}
        return counts | {LABEL_LOSS: int((~np.isnan(self._train.labels[rows])).any(axis=1).sum())}

    def _terms(self, rows: Integers) -> dict[str, Tensor]:
        """Every term's weighted sum over the rows, and the label loss (without a gradient)."""
        device = self._accelerator.device
        input_ids, mask = (torch.from_numpy(array).to(device) for array in self._train.tokens.padded(rows))
        batch = Batch(mask, torch.from_numpy(self._train.targets[rows]).to(device))
        with captured(self._model, self._features) as features_of:
            output = self._model(
                input_ids=input_ids,
                attention_mask=mask,
                output_hidden_states=any(feature.kind == "hidden" for feature in self._features),
            )
            own = dict(zip(self._features, features_of(output), strict=True))
        logits = output.logits.float()
        targets = self._teacher_tensors(rows, input_ids, mask)
        sums = {
            one.name: self._weighted_sum(
                one,
                one.term.compare(
                    Outputs(logits, tuple(own[mine] for mine, _ in self._pairs(one.name)), self._heads),
                    self._teacher_outputs(one.name, rows, targets, device),
                    batch,
                    one.settings,
                ),
                rows,
            )
            for one in self._objective.terms
        }
        labels = torch.from_numpy(self._train.labels[rows]).to(device)
        return sums | {LABEL_LOSS: cross_entropy_sum(logits.detach(), labels)}

    def _weighted_sum(self, one: WeightedTerm, values: Tensor, rows: Integers) -> Tensor:
        """The sum of a term's values (rows,), each times its comment's weight."""
        # A term that returned one number for all would be weighed by chance.
        assert values.shape == rows.shape, f"term {one.name}: {tuple(values.shape)} values of {len(rows)} comments"
        weights = self._train.weights.of(one.term)
        if weights is not None:
            values = values * torch.from_numpy(weights[rows]).to(values.device)
        return values.sum()

    def _pairs(self, term: str) -> tuple[FeaturePair, ...]:
        return self._teacher.pairs[term] if self._teacher else ()

    def _teacher_tensors(self, rows: Integers, input_ids: Tensor, mask: Tensor) -> dict[Feature, Tensor]:
        if self._teacher is None:
            return {}
        found = self._teacher.outputs.of(rows, self._teacher_features, input_ids, mask)
        return dict(zip(self._teacher_features, found, strict=True))

    def _teacher_outputs(
        self, term: str, rows: Integers, features: Mapping[Feature, Tensor], device: torch.device
    ) -> Outputs | None:
        if self._teacher is None:
            return None
        outputs = self._teacher.outputs
        logits = torch.from_numpy(outputs.logits[rows]).to(device)
        return Outputs(logits, tuple(features[target] for _, target in self._pairs(term)), outputs.heads)

    def _summed(self, sums: Mapping[str, float]) -> dict[str, float]:
        """The sums of all processes."""
        if self._accelerator.num_processes == 1:
            return dict(sums)
        device = self._accelerator.device
        return {t: float(self._accelerator.reduce(torch.tensor(v, device=device))) for t, v in sums.items()}
