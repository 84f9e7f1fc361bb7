"""The soft term against its definition."""

import numpy as np
import torch
from scipy.special import expit, rel_entr

from retort.training.terms.soft import soft_target_loss


def test_it_is_the_divergence_of_bernoullis_times_temperature_squared() -> None:
    student, teacher = torch.tensor([[0.4, -2.0]]), torch.tensor([[1.5, -1.0]])
    q, p = expit(student.numpy() / 3), expit(teacher.numpy() / 3)
    expected = (rel_entr(p, q) + rel_entr(1 - p, 1 - q)).mean() * 9
    assert np.isclose(soft_target_loss(student, teacher, 3.0).item(), expected, atol=1e-6)


def test_it_vanishes_only_where_student_and_teacher_agree() -> None:
    logits = torch.tensor([[0.4, -2.0], [3.0, 0.0]])
    assert soft_target_loss(logits, logits.clone(), 2.0).abs().max() < 1e-6
    assert soft_target_loss(logits + 0.5, logits, 2.0).min() > 0.005


def test_its_gradient_keeps_its_size_when_the_temperature_rises() -> None:
    gradients = []
    for temperature in (20.0, 40.0):
        student = torch.tensor([[0.4]], requires_grad=True)
        soft_target_loss(student, torch.tensor([[-0.6]]), temperature).backward()
        assert student.grad is not None
        gradients.append(float(student.grad))
    assert np.isclose(gradients[0], gradients[1], rtol=0.01)
