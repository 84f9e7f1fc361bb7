"""The engine of a run: precision, trackers, and a fresh one each time."""

import pytest
import torch
from accelerate.utils import DynamoBackend

from retort.errors import ConfigError
from retort.training.engine import bf16_is_native, make_accelerator


def test_each_run_of_a_process_gets_the_precision_it_asks_for() -> None:
    assert [make_accelerator(wanted).mixed_precision for wanted in ("fp32", "bf16", "fp32")] == ["no", "bf16", "no"]


def test_auto_takes_bf16_where_the_device_computes_in_it() -> None:
    assert make_accelerator("auto").mixed_precision == ("bf16" if bf16_is_native() else "no")


def test_without_an_accelerator_the_cpu_is_the_device() -> None:
    if torch.accelerator.is_available():
        pytest.skip("this machine has an accelerator")
    engine = make_accelerator("fp32")
    assert engine.device.type == "cpu"
    assert (engine.num_processes, engine.is_main_process) == (1, True)


def test_an_unknown_tracker_is_refused() -> None:
    with pytest.raises(ConfigError, match="there is tensorboard"):
        make_accelerator("fp32", "wandb")


def test_models_are_compiled_when_the_settings_ask_for_it() -> None:
    wanted = [make_accelerator("fp32", compiled=compiled).state.dynamo_plugin.backend for compiled in (True, False)]
    assert wanted == [DynamoBackend.INDUCTOR, DynamoBackend.NO]
