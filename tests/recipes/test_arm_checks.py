"""Bugs that made results worthless in programs for this job, put in one by one: each is found while an arm is fitted.

What cannot be put in is held by construction: numbers of plots come from the run's files (tests/test_known_bugs.py),
each training makes a schedule of its own and keeps its epoch by validation (tests/training), and every table has the
baseline that never says toxic (tests/test_known_bugs.py, tests/recipes/preflight).
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base, save_classifier
from retort.models.layers import student_from_teacher
from retort.recipes import arm_checks, compare, steps
from retort.recipes.arm_checks import Sample, Weights, judged_otherwise, not_copied, not_moved, saved_otherwise
from retort.recipes.context import Arm
from retort.training import loop
from tests.command import QUICK, retort
from tests.recipes.test_steps import context


@pytest.fixture
def teacher(tiny_bert: Path) -> torch.nn.Module:
    """A teacher whose layers differ from each other."""
    model = classifier_from_base(resolve_base(str(tiny_bert)), ("toxicity",), 0)
    shaken = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.bert.encoder.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=shaken))
    return model


def checks(findings):
    return [finding.check for finding in findings]


def test_nothing_is_found_where_every_weight_moved(teacher):
    before = Weights.of(teacher)
    with torch.no_grad():
        for parameter in teacher.parameters():
            parameter.add_(0.01)
    assert not_moved(before, Weights.of(teacher)) == []


def test_a_head_that_did_not_move_is_found(teacher):
    before = Weights.of(teacher)
    with torch.no_grad():
        for parameter in teacher.bert.parameters():
            parameter.add_(0.01)
    assert checks(not_moved(before, Weights.of(teacher))) == ["frozen_head"]


def test_a_head_that_is_not_trained_at_all_is_found(teacher):
    """LoRA for another kind of task freezes the head with the rest."""
    teacher.classifier.requires_grad_(False)
    before = Weights.of(teacher)
    with torch.no_grad():
        for parameter in teacher.bert.parameters():
            parameter.add_(0.01)
    findings = not_moved(before, Weights.of(teacher))
    assert checks(findings) == ["frozen_head"]
    assert "is not trained" in findings[0].found


def test_a_rate_that_moves_nothing_is_found(teacher):
    before = Weights.of(teacher)
    assert checks(not_moved(before, Weights.of(teacher))) == ["dead_rate"]


def test_layers_as_asked_for_are_in_order(teacher):
    assert not_copied(student_from_teacher(teacher, (0, 2)), teacher, (0, 2)) == []


@pytest.mark.parametrize("indices", [(1, 3), (2, 0), (-1, 1)])
def test_other_layers_than_asked_for_are_found(teacher, indices):
    """(-1, 1) is what 2 * i - 1 gives for the first two."""
    findings = not_copied(student_from_teacher(teacher, (0, 2)), teacher, indices)
    assert checks(findings) == ["not_copied"]


def test_a_student_into_which_nothing_was_copied_is_found(tiny_bert, tmp_path, monkeypatch):
    of = context(tiny_bert, tmp_path)
    right = student_from_teacher

    def copies_nothing(source, indices, **options):
        return right(source, indices, **options | {"random_layers_seed": 1})

    arm = Arm("odd", tmp_path / "odd")
    steps.copied(of, arm, steps.start_of(of, arm))
    assert arm.findings == []
    monkeypatch.setattr(steps, "student_from_teacher", copies_nothing)
    steps.copied(of, arm, steps.start_of(of, arm))
    assert checks(arm.findings) == ["not_copied"]


def test_a_random_start_is_no_fault(tiny_bert, tmp_path):
    of = context(tiny_bert, tmp_path)
    arm = Arm("odd-random", tmp_path / "odd-random")
    steps.copied(of, arm, steps.start_of(of, arm))
    assert arm.findings == []


def test_a_configuration_with_other_layers_than_the_weights_is_found(teacher, tiny_bert, tmp_path):
    student = student_from_teacher(teacher, (0, 2))
    save_classifier(student, tiny_bert, 32, tmp_path)
    assert saved_otherwise(tmp_path, 2) == []
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 4}), "utf-8")
    assert checks(saved_otherwise(tmp_path, 2)) == ["config_unlike_weights"]


def test_a_model_that_says_something_else_when_it_is_loaded_is_found():
    trained = Sample(np.array([2, 0]), np.array([[0.9], [0.1]]))
    assert judged_otherwise(trained, np.array([[0.1], [0.5], [0.9]])) == []
    assert checks(judged_otherwise(trained, np.array([[0.1], [0.5], [0.8]]))) == ["saved_otherwise"]


def initialised_again(model, tokenizer_folder, max_length, folder):
    """Saves a model of the same shape, with the weights of its initialiser and the trained head's bias."""
    fresh = type(model)(model.config)
    with torch.no_grad():
        fresh.classifier.bias.copy_(model.classifier.bias)
    save_classifier(fresh, tokenizer_folder, max_length, folder)


def with_layers_of_the_teacher(model, tokenizer_folder, max_length, folder):
    """Saves a student of two layers with the teacher's configuration, as if all four were there."""
    save_classifier(model, tokenizer_folder, max_length, folder)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"num_hidden_layers": 4}), "utf-8")


@pytest.mark.slow
def test_a_run_finds_a_model_that_was_initialised_again_and_stops_when_it_is_strict(
    tiny_bert, tiny_comments, tmp_path, monkeypatch
):
    monkeypatch.setattr(compare, "findings_of", lambda *_: [])
    monkeypatch.setattr(steps, "save_classifier", initialised_again)
    given = ("compare", "--base", tiny_bert, "--data", tiny_comments, *QUICK, "--set", "arms=[teacher]")
    ended = retort(*given, "--out", tmp_path / "run")
    assert ended.code == 0, ended.err
    training = json.loads((tmp_path / "run/teacher/training.json").read_text("utf-8"))
    assert [finding["check"] for finding in training["findings"]] == ["saved_otherwise"]
    strict = retort(*given, "--strict", "--out", tmp_path / "strict")
    assert strict.code == 6
    assert "arm teacher: loaded from its folder" in strict.err
    assert not (tmp_path / "strict").exists()


@pytest.mark.slow
def test_a_run_stops_at_a_student_that_was_saved_with_the_teachers_configuration(
    tiny_bert, tiny_comments, tmp_path, monkeypatch
):
    monkeypatch.setattr(steps, "save_classifier", with_layers_of_the_teacher)
    given = ("compare", "--base", tiny_bert, "--data", tiny_comments, *QUICK, "--set", "arms=[odd-base]")
    ended = retort(*given, "--out", tmp_path / "run")
    assert ended.code == 4
    assert "config.json names bert.encoder.layer.2" in ended.err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_warns_of_a_dead_rate_records_it_and_stops_when_it_is_strict(
    tiny_bert, tiny_comments, tmp_path, monkeypatch
):
    """The schedule of a former training, used up: a factor of 0 from the first step on."""

    def used_up(optimizer, *_):
        return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _step: 0.0)

    monkeypatch.setattr(loop, "get_linear_schedule_with_warmup", used_up)
    given = ("compare", "--base", tiny_bert, "--data", tiny_comments, *QUICK, "--set", "arms=[teacher]")
    ended = retort(*given, "--out", tmp_path / "run")
    assert ended.code == 0, ended.err
    assert "warning: teacher: none of the" in ended.err
    training = json.loads((tmp_path / "run/teacher/training.json").read_text("utf-8"))
    assert [finding["check"] for finding in training["findings"]] == ["dead_rate"]
    record = json.loads((tmp_path / "run/run.json").read_text("utf-8"))
    assert {finding["check"] for finding in record["preflight"]} == {"few_positives"}
    page = (tmp_path / "run/report.html").read_text("utf-8")
    assert "used up before the training began" in page

    strict = retort(*given, "--strict", "--out", tmp_path / "strict")
    assert strict.code == 3
    assert "positive test comments" in strict.err
    assert not (tmp_path / "strict").exists()


def test_every_finding_says_what_and_why(teacher):
    before = Weights.of(teacher)
    for finding in [*not_moved(before, before), *not_copied(teacher, teacher, (-1,))]:
        assert finding.found
        assert finding.explanation[0].isupper()
        assert str(finding).count(". ") == 1
    assert arm_checks.not_copied(teacher, teacher, ()) == []
