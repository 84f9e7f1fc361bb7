"""Dropout with cheap random numbers does what torch's does."""

import copy

import pytest
import torch

from retort.models.dropout import QuickDropout, dropout, quicken_dropout


@pytest.mark.parametrize("probability", [0.05, 0.1, 0.5, 0.9])
def test_the_given_share_is_zero_and_the_mean_stays(probability: float) -> None:
    torch.manual_seed(0)
    ones = torch.ones(400, 1001)
    found = dropout(ones, probability, training=True)
    assert float((found == 0).float().mean()) == pytest.approx(probability, abs=0.004)
    torch.testing.assert_close(found[found != 0].unique(), torch.tensor([1 / (1 - probability)]))


def test_every_place_is_hit_and_no_pattern_repeats() -> None:
    torch.manual_seed(0)
    rounds = torch.stack([dropout(torch.ones(64, 7), 0.5, training=True) for _ in range(60)])
    assert ((rounds == 0).any(dim=0) & (rounds != 0).any(dim=0)).all()
    assert len(rounds.flatten(1).unique(dim=0)) == 60


def test_the_global_seed_decides_the_mask() -> None:
    values = torch.randn(33, 5)
    torch.manual_seed(4)
    one = dropout(values, 0.3, training=True)
    other = dropout(values, 0.3, training=True)
    torch.manual_seed(4)
    assert torch.equal(dropout(values, 0.3, training=True), one)
    assert not torch.equal(one, other)


def test_the_gradient_is_that_of_what_was_kept() -> None:
    values = torch.randn(50, 9, requires_grad=True)
    found = dropout(values, 0.25, training=True)
    found.sum().backward()
    assert values.grad is not None
    torch.testing.assert_close(values.grad, torch.where(found == 0, 0.0, 1 / 0.75))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_one_byte_for_each_value_is_kept_for_the_backward_pass(dtype: torch.dtype) -> None:
    saved: list[int] = []

    def count(tensor: torch.Tensor) -> torch.Tensor:
        saved.append(tensor.nbytes)
        return tensor

    values = torch.randn(50, 40, requires_grad=True).to(dtype)
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        found = dropout(values, 0.25, training=True)
    assert saved == [50 * 40]
    found.float().sum().backward()


def test_outside_training_and_at_zero_nothing_happens() -> None:
    values = torch.randn(3, 4)
    assert dropout(values, 0.5, training=False) is values
    assert dropout(values, 0.0, training=True) is values
    assert torch.equal(QuickDropout(0.5).eval()(values), values)


def test_half_precision_stays_half_precision() -> None:
    assert dropout(torch.ones(8, 8, dtype=torch.bfloat16), 0.1, training=True).dtype is torch.bfloat16


def test_a_model_is_quickened_with_its_own_probabilities_and_modes() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Sequential(torch.nn.Dropout(0.2)), torch.nn.Dropout(0))
    model[1].eval()
    names = list(model.state_dict())
    quicken_dropout(model)
    inner, outer = model[1][0], model[2]
    for found, probability, training in ((inner, 0.2, False), (outer, 0.0, True)):
        assert isinstance(found, QuickDropout)
        assert (found.p, found.training) == (probability, training)
    assert list(model.state_dict()) == names
    assert isinstance(copy.deepcopy(model)[1][0], QuickDropout)
