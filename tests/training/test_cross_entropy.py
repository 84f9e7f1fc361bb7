"""Cross-entropy with missing ratings: one quantity in torch and in numpy."""

import numpy as np
import torch
from scipy.special import expit

from retort.training.cross_entropy import cross_entropy_sum, mean_cross_entropy

NAN = float("nan")


def test_it_is_the_mean_over_a_comments_rated_attributes_summed_over_the_comments() -> None:
    logits = torch.tensor([[0.3, -1.2], [2.0, 0.5]])
    targets = torch.tensor([[1.0, 0.0], [0.25, NAN]])
    p = expit(logits.numpy())
    first = -(np.log(p[0, 0]) + np.log(1 - p[0, 1])) / 2
    second = -(0.25 * np.log(p[1, 0]) + 0.75 * np.log(1 - p[1, 0]))
    assert np.isclose(float(cross_entropy_sum(logits, targets)), first + second, atol=1e-6)


def test_a_comment_without_any_rating_adds_nothing() -> None:
    logits = torch.tensor([[0.3, -1.2]], requires_grad=True)
    loss = cross_entropy_sum(logits, torch.full((1, 2), NAN))
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_the_validation_loss_is_the_train_loss_also_where_ratings_are_missing() -> None:
    """A mean over rated cells would weigh the first comment three times."""
    logits = torch.tensor([[0.3, -1.2, 2.0], [2.0, 0.5, 1.0], [1.0, 1.0, 1.0]])
    labels = torch.tensor([[1.0, 0.0, 0.0], [1.0, NAN, NAN], [NAN, NAN, NAN]])
    mean = float(cross_entropy_sum(logits, labels)) / 2
    assert np.isclose(mean_cross_entropy(logits.numpy(), labels.numpy()), mean, atol=1e-6)
    cells = -np.log(expit([0.3, 1.2, -2.0, 2.0])).mean()
    assert abs(mean - cells) > 0.1
