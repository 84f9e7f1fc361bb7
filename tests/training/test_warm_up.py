"""The step that is thrown away changes nothing that is drawn after it."""

import torch

from retort.training.engine import make_accelerator
from retort.training.warm_up import warm_up


def test_warming_up_leaves_random_numbers_as_they_were() -> None:
    accelerator = make_accelerator("fp32")
    torch.manual_seed(3)
    expected = torch.rand(5)
    torch.manual_seed(3)
    warm_up(accelerator)
    assert torch.equal(torch.rand(5), expected)
