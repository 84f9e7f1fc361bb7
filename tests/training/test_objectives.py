"""The three terms of the loss, against their definitions."""

import numpy as np
import torch
from scipy.special import expit, rel_entr

from retort.training.objectives import hard_target_loss, hidden_state_loss, soft_target_loss


def test_hard_term_is_the_mean_cross_entropy_of_the_rated_attributes() -> None:
    logits = torch.tensor([[0.3, -1.2], [2.0, 0.5]])
    targets = torch.tensor([[1.0, 0.0], [0.25, float("nan")]])
    p = expit(logits.numpy())
    first = -(np.log(p[0, 0]) + np.log(1 - p[0, 1])) / 2
    second = -(0.25 * np.log(p[1, 0]) + 0.75 * np.log(1 - p[1, 0]))
    assert np.isclose(float(hard_target_loss(logits, targets)), first + second, atol=1e-6)


def test_a_comment_without_any_rating_adds_nothing_to_the_hard_term() -> None:
    logits = torch.tensor([[0.3, -1.2]], requires_grad=True)
    loss = hard_target_loss(logits, torch.full((1, 2), float("nan")))
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_soft_term_is_the_divergence_of_bernoullis_times_temperature_squared() -> None:
    student, teacher = torch.tensor([[0.4, -2.0]]), torch.tensor([[1.5, -1.0]])
    q, p = expit(student.numpy() / 3), expit(teacher.numpy() / 3)
    expected = (rel_entr(p, q) + rel_entr(1 - p, 1 - q)).mean() * 9
    assert np.isclose(float(soft_target_loss(student, teacher, 3.0)), expected, atol=1e-6)


def test_soft_term_vanishes_only_where_student_and_teacher_agree() -> None:
    logits = torch.tensor([[0.4, -2.0], [3.0, 0.0]])
    assert abs(float(soft_target_loss(logits, logits.clone(), 2.0))) < 1e-6
    assert float(soft_target_loss(logits + 0.5, logits, 2.0)) > 0.01


def test_soft_gradient_keeps_its_size_when_the_temperature_rises() -> None:
    gradients = []
    for temperature in (20.0, 40.0):
        student = torch.tensor([[0.4]], requires_grad=True)
        soft_target_loss(student, torch.tensor([[-0.6]]), temperature).backward()
        assert student.grad is not None
        gradients.append(float(student.grad))
    assert np.isclose(gradients[0], gradients[1], rtol=0.01)


def test_hidden_term_is_one_minus_cosine_over_real_tokens_alone() -> None:
    student = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [9.0, 9.0]]])
    teacher = torch.tensor([[[[2.0, 0.0], [5.0, 0.0], [-9.0, -9.0]]]])
    mask = torch.tensor([[1, 1, 0]])
    # Cosines 1 and 0; the padding's -1 does not count.
    assert torch.isclose(hidden_state_loss([student], teacher, mask), torch.tensor(0.5))


def test_hidden_term_compares_each_student_layer_with_its_own_target() -> None:
    a, b = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])
    mask = torch.ones(1, 1, dtype=torch.int64)
    targets = torch.stack([a, b], dim=1)
    assert float(hidden_state_loss([a, b], targets, mask)) < 1e-6
    assert float(hidden_state_loss([b, a], targets, mask)) > 0.99
