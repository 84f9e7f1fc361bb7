"""The arms of a comparison that are adapters."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from retort import runs
from retort.inference.predictor import Classifier
from retort.models import adapters
from tests.command import retort
from tests.recipes.tiny_runs import ATTRIBUTES, Compare, about, comparison_of, started, texts_of


@pytest.mark.parametrize("arm", ["lora", "lora-odd"])
def test_the_adapter_and_the_merged_model_give_the_same_probabilities(tiny_run: Path, arm: str) -> None:
    texts = texts_of(tiny_run, "test")["text"].tolist()
    apart = Classifier.load(tiny_run / arm).probabilities(texts)
    merged = Classifier.load(tiny_run / arm / "merged").probabilities(texts)
    np.testing.assert_allclose(apart, merged, atol=1e-4)


def test_adapters_on_every_linear_layer_are_saved_merged_and_judged_like_others(compare: Compare) -> None:
    run = compare("majority,lora-all", "--set", "arm.lora-all.training.learning_rate=5e-3")
    arm = comparison_of(run)["arms"]["lora-all"]
    # In each of 4 layers four of 32 x 32 and two of 32 x 64, then the pooler and a whole head.
    assert arm["parameters"]["trainable"] == 8 * (4 * (4 * 64 + 2 * 96) + 64) + len(ATTRIBUTES) * (32 + 1)
    assert arm["test"]["toxicity"]["roc_auc"]["value"] > 0.9
    texts = texts_of(run, "test")["text"].tolist()
    apart = Classifier.load(run / "lora-all").probabilities(texts)
    np.testing.assert_allclose(apart, Classifier.load(run / "lora-all" / "merged").probabilities(texts), atol=1e-4)


def test_the_lora_folder_is_a_peft_adapter_whose_base_is_named_by_id_and_content(
    tiny_run: Path, tiny_bert: Path
) -> None:
    from peft import PeftModel

    config = json.loads((tiny_run / "lora" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tiny_bert)
    assert config["task_type"] == "SEQ_CLS"
    assert set(config["target_modules"]) == {"query", "value"}
    assert "classifier" in config["modules_to_save"]  # peft adds `score`, which BERT lacks
    base = about(tiny_run, "lora")["base"]
    assert base["id"] == str(tiny_bert)
    assert base["sha256"] == runs.sha256(tiny_bert / "model.safetensors")
    plain = AutoModelForSequenceClassification.from_pretrained(
        config["base_model_name_or_path"], num_labels=2, problem_type="multi_label_classification"
    )
    theirs = PeftModel.from_pretrained(plain, str(tiny_run / "lora")).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_run / "lora")
    texts = texts_of(tiny_run, "test")["text"].tolist()
    with torch.no_grad():
        probabilities = theirs(**tokenizer(texts, padding=True, return_tensors="pt")).logits.sigmoid().numpy()
    np.testing.assert_allclose(probabilities, Classifier.load(tiny_run / "lora").probabilities(texts), atol=1e-5)


def test_the_adapter_on_the_students_layers_names_the_teacher_in_its_run(tiny_run: Path) -> None:
    base = about(tiny_run, "lora-odd")["base"]
    assert base == {
        "arm": "teacher",
        "sha256": runs.sha256(tiny_run / "teacher" / "model.safetensors"),
        "layer_indices": [0, 2],
    }


def test_an_adapter_that_merges_into_another_model_ends_the_run(
    tiny_bert: Path, tiny_comments: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = adapters.merged

    def wrong(model: Any) -> Any:
        plain = right(model)
        with torch.no_grad():
            plain.classifier.bias += 0.1
        return plain

    monkeypatch.setattr(adapters, "merged", wrong)
    ended = started(tiny_bert, tiny_comments, tmp_path / "run", "majority,lora")
    assert ended.code == 6
    assert "arm lora: merged and adapter differ by" in ended.error
    assert not (tmp_path / "run").exists()


def test_lora_on_a_base_without_a_pooler_is_the_same_when_loaded(
    poolerless_bert: Path, tiny_comments: Path, tmp_path: Path
) -> None:
    # With seed 1 the pooler differs from the one that a loader of the adapter draws.
    run = tmp_path / "run"
    ended = started(poolerless_bert, tiny_comments, run, "majority,lora", "--seed", "1")
    assert ended.code == 0, ended.err
    head, pooler = len(ATTRIBUTES) * (32 + 1), 32 * 32 + 32
    trainable = comparison_of(run)["arms"]["lora"]["parameters"]["trainable"]
    assert trainable == 4 * 2 * 2 * 8 * 32 + head + pooler


def test_an_adapter_whose_base_has_changed_is_refused(tiny_run: Path, tiny_bert: Path, tmp_path: Path) -> None:
    arm, base = tmp_path / "lora", tmp_path / "bert"
    shutil.copytree(tiny_run / "lora", arm)
    shutil.copytree(tiny_run / "teacher", base)
    (base / "model.safetensors").write_bytes((tiny_run / "teacher" / "model.safetensors").read_bytes())
    recorded = about(tmp_path, "lora")
    recorded["base"]["id"] = str(base)
    (arm / "retort.json").write_text(json.dumps(recorded))
    (arm / "manifest.json").unlink()
    ended = retort("predict", "--model", arm, "a good bus")
    assert ended.code == 4
    assert "trained on a base with sha256" in ended.error
    assert "merged" in ended.error


def test_an_adapter_whose_teacher_has_changed_or_gone_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    for arm in ("teacher", "lora-odd"):
        shutil.copytree(tiny_run / arm, tmp_path / arm)
    shutil.copyfile(tiny_run / "odd" / "model.safetensors", tmp_path / "teacher" / "model.safetensors")
    changed = retort("predict", "--model", tmp_path / "lora-odd", "a good bus")
    assert changed.code == 4
    assert "trained on a base with sha256" in changed.error
    (tmp_path / "teacher" / "model.safetensors").unlink()
    gone = retort("predict", "--model", tmp_path / "lora-odd", "a good bus")
    assert gone.code == 4
    assert "missing" in gone.error
    assert retort("predict", "--model", tmp_path / "lora-odd" / "merged", "a good bus").code == 0


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "retort.json", "README.md"])
def test_a_file_changed_after_the_manifest_was_written_is_refused(tiny_run: Path, tmp_path: Path, name: str) -> None:
    arm = tmp_path / "odd"
    shutil.copytree(tiny_run / "odd", arm)
    content = bytearray((arm / name).read_bytes())
    content[-1] ^= 1 if name != "retort.json" else 0
    (arm / name).write_bytes(content if name != "retort.json" else content + b" ")
    ended = retort("predict", "--model", arm, "a good bus")
    assert ended.code == 4
    assert name in ended.error
    assert "changed since" in ended.error
