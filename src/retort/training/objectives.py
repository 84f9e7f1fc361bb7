"""What the models learn: three named terms, each a sum over comments so that batches add up exactly.

The loop divides each sum by the number of comments of the whole batch that it speaks of; a batch that is
computed in parts, or on several machines, then has the very gradient of a batch computed at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from retort.config import DistillationSettings

TERMS = ("hard", "soft", "hidden")


@dataclass(frozen=True)
class Batch:
    """Some comments with all that the terms compare.

    input_ids, attention_mask: (batch, tokens). targets: (batch, n_attributes), NaN where unrated.
    teacher_logits: (batch, n_attributes). teacher_hidden: (batch, student layers, tokens, width).
    """

    input_ids: Tensor
    attention_mask: Tensor
    targets: Tensor
    teacher_logits: Tensor | None = None
    teacher_hidden: Tensor | None = None


def hard_target_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy, mean over a comment's rated attributes, summed over the comments.

    Both (batch, n_attributes); a target is a 0/1 label or a rater fraction, NaN where there is none.
    """
    rated = ~torch.isnan(targets)
    known = torch.where(rated, targets, 0.0)
    each = functional.binary_cross_entropy_with_logits(logits, known, reduction="none") * rated
    return (each.sum(dim=1) / rated.sum(dim=1).clamp(min=1)).sum()


def soft_target_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """KL divergence of the student from the teacher's softened opinion, one sigmoid per attribute.

    Both logits: (batch, n_attributes). Mean over attributes, summed over the comments, times
    temperature**2 so that gradients keep their size (Hinton et al. 2015, arXiv:1503.02531).
    """
    teacher = teacher_logits / temperature
    student = student_logits / temperature
    # KL(p||q) of two Bernoullis in logits: the entropy of p cancels what cross-entropy has of it.
    probability = torch.sigmoid(teacher)
    cross_entropy = functional.binary_cross_entropy_with_logits(student, probability, reduction="none")
    entropy = functional.binary_cross_entropy_with_logits(teacher, probability, reduction="none")
    return (cross_entropy - entropy).mean(dim=1).sum() * temperature**2


def hidden_state_loss(student: Sequence[Tensor], teacher: Tensor, attention_mask: Tensor) -> Tensor:
    """1 - cosine of matched hidden states, mean over a comment's real tokens and layers, summed.

    student: one (batch, tokens, width) per layer. teacher: (batch, layers, tokens, width).
    Cosine as in DistilBERT (Sanh et al. 2019, arXiv:1910.01108); padding does not count.
    """
    real = attention_mask.to(torch.float32)
    tokens = real.sum(dim=1).clamp(min=1)
    total = torch.zeros((), device=real.device)
    for layer, states in enumerate(student):
        cosine = functional.cosine_similarity(states.float(), teacher[:, layer].float(), dim=-1)
        total = total + (((1 - cosine) * real).sum(dim=1) / tokens).sum()
    return total / len(student)


@dataclass(frozen=True)
class Objective:
    """The weighted sum that one arm minimises."""

    weights: DistillationSettings

    @property
    def uses_teacher(self) -> bool:
        """Whether a term compares with the teacher at all."""
        return self.weights.soft > 0 or self.weights.hidden > 0

    @property
    def uses_hidden_states(self) -> bool:
        """Whether the models must hand out their hidden states."""
        return self.weights.hidden > 0

    def weight(self, term: str) -> float:
        """The weight of a term of `TERMS`."""
        return float(getattr(self.weights, term))

    def terms(self, logits: Tensor, hidden_states: Sequence[Tensor] | None, batch: Batch) -> dict[str, Tensor]:
        """The unweighted sum over the batch's comments of every term with a weight.

        hidden_states: the student's, entry 0 the embeddings, as transformers gives them.
        """
        sums = {}
        if self.weights.hard > 0:
            sums["hard"] = hard_target_loss(logits, batch.targets)
        if self.weights.soft > 0:
            assert batch.teacher_logits is not None
            sums["soft"] = soft_target_loss(logits, batch.teacher_logits, self.weights.temperature)
        if self.weights.hidden > 0:
            assert batch.teacher_hidden is not None and hidden_states is not None
            sums["hidden"] = hidden_state_loss(hidden_states[1:], batch.teacher_hidden, batch.attention_mask)
        return sums
