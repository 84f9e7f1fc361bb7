"""The other side of the comparison must do the same job, and do it fairly: else its ratio is worth nothing."""

import argparse
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import BertForSequenceClassification

from retort.config import DistillationSettings, resolve
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base, save_classifier
from retort.models.layers import student_from_teacher
from retort.training.objectives import Batch, Objective

SCRIPTS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a script as one started beside it would."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield importlib.import_module
    for name in ("usual_way", "train_compare", "sides", "side_comments", "side_models", "side_script", "serving"):
        sys.modules.pop(name, None)


@pytest.fixture
def parts(script: Any, tmp_path: Path, tiny_comments: Path) -> Any:
    """24 comments to learn from, and 12 each to validate and to test."""
    frame = pd.read_csv(tiny_comments)[["id", "text", "toxicity"]]
    paths = []
    for name, begin, end in (("train", 0, 24), ("validation", 24, 36), ("test", 36, 48)):
        paths.append(tmp_path / f"{name}.csv")
        frame[begin:end].to_csv(paths[-1], index=False)
    rows = {"train": 24, "validation": 12, "test": 12}
    return script("side_comments").Parts(*paths, rows, 0.6, "tiny comments")


def test_every_arm_of_the_usual_way_trains_predicts_and_saves(
    script: Any, parts: Any, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare, usual = script("train_compare"), script("usual_way")
    settings = resolve("seed", None, compare.assignments(["max_length=32"]), {"base": str(tiny_bert)})
    for arm in ("teacher", "odd", "lora"):
        out = tmp_path / "usual" / arm
        out.mkdir(parents=True)
        told = compare.arguments(arm, tiny_bert, settings, 4, parts, tmp_path / "usual")
        monkeypatch.setattr(sys, "argv", ["usual_way.py", "train", *map(str, told), "--cpu"])
        assert usual.main() == 0
        result = json.loads((out / "result.json").read_text())
        assert len(result["test"]) == 12
        assert all(0 < one < 1 for one in result["test"])
        assert result["train_seconds"] > 0
    layers = {
        arm: BertForSequenceClassification.from_pretrained(tmp_path / "usual" / arm).config.num_hidden_layers
        for arm in ("teacher", "odd")
    }
    assert layers == {"teacher": 4, "odd": 2}
    assert (tmp_path / "usual" / "lora" / "adapter_model.safetensors").is_file()
    # r=8 on query and value of 4 layers of width 32, and a head of 33.
    assert result["trainable"] == 4 * 2 * 2 * 8 * 32 + 33


def test_both_sides_are_told_the_same(script: Any, parts: Any, tiny_bert: Path, tmp_path: Path) -> None:
    compare = script("train_compare")
    settings = resolve("seed", None, compare.assignments([]), {"base": str(tiny_bert), "seed": 7})
    assert settings.arms == compare.ARMS
    told = compare.arguments("even", tiny_bert, settings, 12, parts, tmp_path)
    options = dict(zip(told[1::2], map(str, told[2::2]), strict=True))
    training, weights = settings.training_of("even"), settings.distillation_of("even")
    assert told[0] == "student"
    assert options["--layers"] == "1,3,5,7,9,11"
    assert options["--entries"] == "2,4,6,8,10,12"
    assert (float(options["--learning-rate"]), int(options["--batch-size"])) == (training.learning_rate, 16)
    assert (int(options["--epochs"]), int(options["--max-length"]), int(options["--seed"])) == (1, 128, 7)
    for name in ("temperature", "hard", "soft", "hidden"):
        assert float(options[f"--{name}"]) == getattr(weights, name)
    assert options["--teacher"] == str(tmp_path / "teacher")
    adapter = compare.arguments("lora", tiny_bert, settings, 12, parts, tmp_path)
    assert [str(part) for part in adapter[-6:]] == ["--lora-r", "8", "--lora-alpha", "32", "--lora-dropout", "0.05"]


def test_the_usual_ways_student_starts_as_ours_does(script: Any, tiny_bert: Path) -> None:
    teacher = classifier_from_base(resolve_base(str(tiny_bert)), ("toxicity",), seed=0).eval()
    theirs, ours = script("usual_way")._student(teacher, [1, 3]).state_dict(), student_from_teacher(teacher, (1, 3))
    assert theirs.keys() == ours.state_dict().keys()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.state_dict().items())


def test_both_sides_minimise_the_same(script: Any, tiny_bert: Path, tmp_path: Path) -> None:
    usual = script("usual_way")
    teacher = classifier_from_base(resolve_base(str(tiny_bert)), ("toxicity",), seed=0).eval()
    student = student_from_teacher(teacher, (0, 2))
    with torch.no_grad():  # a teacher of another opinion
        teacher.classifier.weight *= -30
        teacher.classifier.bias += 2
    for dropout in (module for module in student.modules() if isinstance(module, torch.nn.Dropout)):
        dropout.p = 0.0
    student.train()
    weights = DistillationSettings(hard=0.7, soft=0.4, hidden=1.3, temperature=3.0)
    ids = torch.randint(5, 100, (4, 9), generator=torch.Generator().manual_seed(0))
    mask = (torch.arange(9) < torch.tensor([9, 4, 6, 2])[:, None]).long()
    labels = torch.tensor([[1.0], [0.0], [0.0], [1.0]])
    entries = (2, 4)
    given = argparse.Namespace(
        entries=list(entries), temperature=weights.temperature, hard=weights.hard, soft=weights.soft,
        hidden=weights.hidden,
    )  # fmt: skip
    settings = usual.TrainingArguments(output_dir=str(tmp_path), report_to="none", use_cpu=True)
    trainer = usual.Distilling(model=student, args=settings, teacher=teacher, given=given)
    their_loss = trainer.compute_loss(student, {"input_ids": ids, "attention_mask": mask, "labels": labels})
    their_loss.backward()
    theirs = [parameter.grad.clone() for parameter in student.parameters() if parameter.grad is not None]
    student.zero_grad()
    with torch.no_grad():
        said = teacher(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    hidden = torch.stack([said.hidden_states[entry] for entry in entries], dim=1)
    output = student(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    objective = Objective(weights)
    terms = objective.terms(output.logits, output.hidden_states, Batch(ids, mask, labels, said.logits, hidden))
    our_loss = sum(objective.weight(name) * term / 4 for name, term in terms.items())
    torch.testing.assert_close(our_loss, their_loss, rtol=1e-5, atol=1e-6)
    our_loss.backward()
    ours = [parameter.grad for parameter in student.parameters() if parameter.grad is not None]
    assert len(ours) == len(theirs) > 10
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-6)


def test_the_pipeline_is_timed_once_loaded_and_gives_every_row_its_probability(
    script: Any, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, side_comments = script("usual_way"), script("side_comments")
    model = classifier_from_base(resolve_base(str(tiny_bert)), ("toxicity",), seed=0).eval()
    with torch.no_grad():  # an opinion that hangs on every token
        model.classifier.weight *= 30
    save_classifier(model, tiny_bert, 16, tmp_path / "model")
    texts = ["the mayor opened the bridge today", "a comment", "what is this\nthing, and that", "of a bank " * 20]
    file = side_comments.write_texts(tmp_path / "texts.csv", texts)
    arguments = ["score", "--model", tmp_path / "model", "--texts", file, "--out", tmp_path / "out.json"]
    arguments += ["--batch-size", "2", "--max-length", "16"]
    monkeypatch.setattr(sys, "argv", ["usual_way.py", *map(str, arguments)])
    assert usual.main() == 0
    result = json.loads((tmp_path / "out.json").read_text())
    tokenizer = usual.AutoTokenizer.from_pretrained(tmp_path / "model")
    with torch.inference_mode():
        expected = [
            float(torch.sigmoid(model(**tokenizer(t, truncation=True, max_length=16, return_tensors="pt")).logits))
            for t in texts
        ]
    np.testing.assert_allclose(result["probabilities"], expected, atol=1e-5)


def test_a_side_that_ranks_worse_is_shown_and_two_that_rank_alike_are_not(script: Any, parts: Any) -> None:
    compare = script("train_compare")
    frame = pd.concat([pd.read_csv(parts.test)] * 20)
    frame.to_csv(parts.test, index=False)
    toxic = (frame["toxicity"] >= 0.6).to_numpy(float)
    generator = np.random.default_rng(0)
    good, noise = 0.2 + 0.6 * toxic + 0.1 * generator.random(len(toxic)), generator.random(len(toxic))

    def met(mine: Any, other: Any) -> list[bool | None]:
        sides = ({"test": {arm: list(one) for arm in compare.ARMS}} for one in (mine, other))
        return [row.met for row in compare.quality(parts, *sides)]

    assert met(noise, good) == [False] * 4
    assert met(good, noise) == [True] * 4
    assert met(good, good) in ([True] * 4, [None] * 4)
