"""LoRA: what is trained, what is saved, and that merging changes nothing."""

import json
import socket
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
from accelerate import Accelerator
from transformers import BertForSequenceClassification

from retort.config import LoraSettings, TrainingSettings
from retort.errors import ConfigError
from retort.models import adapters
from retort.models.bases import Base, resolve_base
from retort.models.classifier import classifier_from_base, count_parameters
from retort.training.loop import TrainingSet, ValidationSet, fit
from tests.training.test_loop import HARD

VARIANTS = {
    "plain": LoraSettings(),
    "rslora": LoraSettings(use_rslora=True),
    "dora": LoraSettings(use_dora=True),
    "pissa": LoraSettings(init="pissa"),
    "loraplus": LoraSettings(lora_plus_ratio=8),
}
ALL = LoraSettings(target_modules="all-linear")
# The same ones on every linear layer.
VARIANTS |= {
    f"{name} on all": LoraSettings(**one.model_dump() | {"target_modules": "all-linear"})
    for name, one in VARIANTS.items()
}


@pytest.fixture
def base(tiny_bert: Path) -> Base:
    return resolve_base(str(tiny_bert))


def fresh(base: Base) -> BertForSequenceClassification:
    return classifier_from_base(base, ("toxicity", "insult"), seed=0)


def test_only_adapters_on_query_and_value_and_the_head_are_trained(base: Base, tmp_path: Path) -> None:
    model = adapters.with_adapter(fresh(base), LoraSettings(), base.id, 0, tmp_path)
    # 4 layers x 2 modules x 2 matrices of 8 x 32, and a head of 2 x 32 + 2.
    assert count_parameters(model)["trainable"] == 4 * 2 * 2 * 8 * 32 + 2 * 32 + 2
    learning = {name for name, p in model.named_parameters() if p.requires_grad}
    assert all("lora_" in name or "classifier" in name for name in learning)
    assert any("classifier" in name for name in learning)


def test_the_task_is_sequence_classification_so_that_the_head_is_trained(base: Base, tmp_path: Path) -> None:
    model = adapters.with_adapter(fresh(base), LoraSettings(), base.id, 0, tmp_path)
    assert model.peft_config["default"].task_type == "SEQ_CLS"


def adapted_layers(model: torch.nn.Module) -> set[str]:
    """The names of the layers with an adapter, as they are in the base."""
    adapted = {name.split(".lora_A")[0] for name, _ in model.named_parameters() if ".lora_A." in name}
    return {name.removeprefix("base_model.model.") for name in adapted}


def linear_layers(base: Base) -> set[str]:
    modules = fresh(base).named_modules()
    return {name for name, module in modules if isinstance(module, torch.nn.Linear)}


def test_all_linear_adapts_every_linear_layer_but_the_head(base: Base, tmp_path: Path) -> None:
    model = adapters.with_adapter(fresh(base), ALL, base.id, 0, tmp_path)
    assert adapted_layers(model) == linear_layers(base) - {"classifier"}
    # In each of 4 layers four of 32 x 32 and two of 32 x 64, then the pooler and a whole head.
    assert count_parameters(model)["trainable"] == 8 * (4 * (4 * 64 + 2 * 96) + 64) + 2 * 32 + 2


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("intermediate.dense", {"intermediate.dense"}),
        # peft goes by the end of a name.
        ("output.dense", {"attention.output.dense", "output.dense"}),
        ("attention.output.dense", {"attention.output.dense"}),
    ],
)
def test_layers_of_the_feed_forward_block_are_targets_too(
    base: Base, tmp_path: Path, target: str, expected: set[str]
) -> None:
    settings = LoraSettings(target_modules=("query", target))
    model = adapters.with_adapter(fresh(base), settings, base.id, 0, tmp_path)
    layers = {f"bert.encoder.layer.{layer}.{name}" for layer in range(4) for name in expected}
    assert {name for name in adapted_layers(model) if name.endswith("dense")} == layers


@pytest.mark.parametrize("settings", [ALL, LoraSettings(target_modules=("dense",))], ids=["all-linear", "dense"])
def test_a_pooler_is_either_adapted_or_trained_whole_and_never_both(
    base: Base, tmp_path: Path, settings: LoraSettings
) -> None:
    brought = adapters.with_adapter(fresh(base), settings, base.id, 0, tmp_path)
    drawn = adapters.with_adapter(fresh(base), settings, base.id, 0, tmp_path, pooler=True)
    assert adapted_layers(brought) - adapted_layers(drawn) == {"bert.pooler.dense"}
    learning = {name for name, p in drawn.named_parameters() if p.requires_grad and "pooler" in name}
    assert {name.rpartition("pooler.")[2] for name in learning} == {
        "modules_to_save.default.dense.weight",
        "modules_to_save.default.dense.bias",
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_saved_loaded_and_merged_models_give_the_same_logits(
    base: Base, tmp_path: Path, variant: str, train: TrainingSet, validation: ValidationSet
) -> None:
    settings = VARIANTS[variant]
    model = adapters.with_adapter(fresh(base), settings, base.id, 0, tmp_path)

    def optimizer(which: torch.nn.Module, chosen: TrainingSettings) -> torch.optim.Optimizer:
        if settings.lora_plus_ratio is None:
            return torch.optim.AdamW([p for p in which.parameters() if p.requires_grad], lr=1e-2)
        return adapters.lora_plus_optimizer(model, chosen, settings.lora_plus_ratio)

    head_before = model.base_model.model.classifier.modules_to_save["default"].weight.detach().clone()
    chosen = TrainingSettings(epochs=2, learning_rate=1e-2, batch_size=8)
    engine = Accelerator(cpu=True, mixed_precision="no")
    fit(model, "lora", HARD, train, validation, chosen, engine, seed=0, make_optimizer=optimizer)
    head = model.base_model.model.classifier.modules_to_save["default"].weight.detach()
    assert not torch.equal(head, head_before), "the head did not learn"
    ids = torch.arange(5, 25).reshape(2, 10)
    with torch.no_grad():
        expected = model(input_ids=ids).logits
        before = fresh(base).eval()(input_ids=ids).logits
        adapters.save_adapter(model, settings, tmp_path / "adapter", tmp_path)
        loaded = adapters.load_adapter(fresh(base), tmp_path / "adapter")
        torch.testing.assert_close(loaded(input_ids=ids).logits, expected, rtol=1e-4, atol=1e-5)
        plain = adapters.merged(model).eval()
        torch.testing.assert_close(plain(input_ids=ids).logits, expected, rtol=1e-4, atol=1e-5)
    assert isinstance(plain, BertForSequenceClassification)
    assert not torch.allclose(expected, before, atol=1e-3), "nothing was learnt"


@pytest.mark.parametrize("variant", ["plain", "pissa"])
def test_saving_an_adapter_opens_no_connection(
    base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variant: str
) -> None:
    """Online, and with a base that has a hub id."""
    hosts: list[object] = []

    def looked_up(host: object, *_: object, **__: object) -> object:
        hosts.append(host)
        raise OSError("no network in this test")

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    model = adapters.with_adapter(fresh(base), VARIANTS[variant], "someone/bert", 0, tmp_path)
    adapters.save_adapter(model, VARIANTS[variant], tmp_path / "adapter", tmp_path)
    saved = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert saved["base_model_name_or_path"] == "someone/bert"
    assert hosts == []


def test_lora_plus_has_the_ratio_and_the_decay_of_its_settings(base: Base, tmp_path: Path) -> None:
    model = adapters.with_adapter(fresh(base), LoraSettings(), base.id, 0, tmp_path)
    optimizer = adapters.lora_plus_optimizer(model, TrainingSettings(learning_rate=1e-3, weight_decay=0.05), ratio=8)
    rates = {id(p): (group["lr"], group["weight_decay"]) for group in optimizer.param_groups for p in group["params"]}
    learning = {name: rates[id(p)] for name, p in model.named_parameters() if p.requires_grad}
    assert len(learning) == len(rates) == 4 * 2 * 2 + 2
    for name, found in learning.items():
        assert found[0] == (8e-3 if "lora_B" in name or name.endswith(".bias") else 1e-3), name
        assert found[1] == (0 if name.endswith(".bias") else 0.05), name


@pytest.mark.parametrize("variant", ["plain", "pissa", "plain on all", "pissa on all"])
def test_a_randomly_initialised_pooler_is_trained_and_saved_with_the_head(
    poolerless_bert: Path, tmp_path: Path, variant: str, train: TrainingSet, validation: ValidationSet
) -> None:
    base = resolve_base(str(poolerless_bert))
    drawn = classifier_from_base(base, ("toxicity", "insult"), seed=1)
    model = adapters.with_adapter(drawn, VARIANTS[variant], base.id, 1, tmp_path, pooler=True)
    head, pooler = 2 * 32 + 2, 32 * 32 + 32
    matrices = 4 * (4 * 64 + 2 * 96) if variant.endswith("all") else 4 * 2 * 64
    assert count_parameters(model)["trainable"] == 8 * matrices + head + pooler
    chosen = TrainingSettings(epochs=1, learning_rate=1e-2, batch_size=8)
    fit(model, "lora", HARD, train, validation, chosen, Accelerator(cpu=True, mixed_precision="no"), seed=0)
    ids = torch.arange(5, 25).reshape(2, 10)
    adapters.save_adapter(model, VARIANTS[variant], tmp_path / "adapter", tmp_path)
    # The base is loaded with another random pooler.
    loaded = adapters.load_adapter(fresh(base), tmp_path / "adapter")
    with torch.no_grad():
        expected = model(input_ids=ids).logits
        torch.testing.assert_close(loaded(input_ids=ids).logits, expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(adapters.merged(model).eval()(input_ids=ids).logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("target", ["q_proj", "LayerNorm", "uery", "word_embeddings", "classifier"])
def test_what_is_no_linear_layer_to_adapt_is_refused(base: Base, tmp_path: Path, target: str) -> None:
    with pytest.raises(ConfigError, match=f"no linear layer '{target}'.*query, key, value"):
        adapters.with_adapter(fresh(base), LoraSettings(target_modules=("query", target)), base.id, 0, tmp_path)


def test_a_pooler_that_is_trained_whole_is_no_target(base: Base, tmp_path: Path) -> None:
    settings = LoraSettings(target_modules=("pooler.dense",))
    adapters.with_adapter(fresh(base), settings, base.id, 0, tmp_path)
    with pytest.raises(ConfigError, match=r"no linear layer 'pooler\.dense'"):
        adapters.with_adapter(fresh(base), settings, base.id, 0, tmp_path, pooler=True)
