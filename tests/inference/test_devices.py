"""A model runs on the device that is named, on the accelerator where none is, and a wrong name is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from retort.errors import ConfigError
from retort.inference.devices import available_devices, torch_device
from retort.inference.predictor import Classifier
from tests.conftest import tiny_rows

TEXTS = [text for _, text, *_ in tiny_rows()][:24]
TORCH_ARMS = ("odd", "lora", "lora/merged")


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the machine had two."""
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)


@pytest.mark.usefixtures("no_gpu")
def test_without_an_accelerator_auto_is_the_cpu() -> None:
    assert available_devices() == ["cpu"]
    assert torch_device("auto") == torch.device("cpu")


@pytest.mark.usefixtures("two_gpus")
def test_with_an_accelerator_auto_takes_it_and_each_one_can_be_named() -> None:
    assert available_devices() == ["cpu", "cuda", "cuda:0", "cuda:1"]
    assert torch_device("auto") == torch.device("cuda")
    assert [torch_device(name) for name in ("cpu", "cuda:1")] == [torch.device("cpu"), torch.device("cuda:1")]


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize("name", ["cuda:2", "mps", "gpu", "", "cpu:0", "meta"])
def test_a_device_that_is_not_here_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^device '{name}'.*cpu, cuda, cuda:0, cuda:1") as refused:
        torch_device(name)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("arm", TORCH_ARMS)
def test_a_model_in_torch_is_on_the_device_that_it_names(tiny_run: Path, arm: str) -> None:
    classifier = Classifier.load(tiny_run / arm, device="cpu")
    assert classifier.device == "cpu"
    parameters = classifier.model.scorer.model.parameters()  # type: ignore[attr-defined]
    assert {parameter.device.type for parameter in parameters} == {"cpu"}


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("arm", TORCH_ARMS)
def test_every_loader_in_torch_refuses_a_device_that_is_not_here(tiny_run: Path, arm: str) -> None:
    with pytest.raises(ConfigError, match="device 'cuda': not on this machine, which has cpu"):
        Classifier.load(tiny_run / arm, device="cuda")


@pytest.mark.usefixtures("two_gpus")
def test_models_that_only_run_on_the_cpu_take_it_and_refuse_another(tiny_run: Path, tiny_exports: Path) -> None:
    for folder, what in ((tiny_run / "tfidf", "TF-IDF"), (tiny_exports / "fp32", "an export")):
        for name in ("auto", "cpu"):
            assert Classifier.load(folder, device=name).device == "cpu"
        with pytest.raises(ConfigError, match=f"device 'cuda': .* is {what}, which runs on the CPU"):
            Classifier.load(folder, device="cuda")


@pytest.mark.skipif(not torch.accelerator.is_available(), reason="no accelerator here")
@pytest.mark.parametrize("arm", TORCH_ARMS)
def test_an_accelerator_gives_the_probabilities_of_the_cpu(tiny_run: Path, arm: str) -> None:
    here, there = (Classifier.load(tiny_run / arm, device=name) for name in ("cpu", "auto"))
    assert there.device != "cpu"
    np.testing.assert_allclose(there.probabilities(TEXTS), here.probabilities(TEXTS), atol=1e-4)
