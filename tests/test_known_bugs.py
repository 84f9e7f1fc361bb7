"""The bugs of programs that did this job before, each of which makes the result worthless, and what catches it here.

Every one of them was put in once, and the tests named beside it were seen to fail.
"""

import ast
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from retort.config import PRESETS, DistillationSettings, resolve
from retort.data.batches import encode
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base, load_tokenizer
from retort.models.layers import hidden_state_targets, student_from_teacher
from retort.report.curves import distillation_terms, learning_curves, validation_curves
from retort.report.source import Run, read_run
from retort.report.style import LIGHT
from retort.training.objectives import Batch, Objective
from retort.training.teacher_outputs import teacher_outputs
from tests.conftest import tiny_rows

COMPARE = "recipes/test_compare.py"
RUN_ARMS = "recipes/test_arms.py"
CAUGHT_BY: dict[str, tuple[tuple[str, str], ...]] = {
    "the teacher's head is never trained before distilling": (
        (RUN_ARMS, "test_the_teachers_head_was_trained_before_anyone_learnt_from_it"),
    ),
    "copied layers never reach the student's encoder": (
        ("models/test_layers.py", "test_every_student_layer_holds_the_weights_of_its_teacher_layer"),
        (RUN_ARMS, "test_the_students_first_epoch_begins_where_the_teacher_ended_and_not_at_random"),
    ),
    "2*i-1 puts layer -1 first": (
        ("models/test_layers.py", "test_even_student_starts_from_teacher_layers_1_3_5"),
        (RUN_ARMS, "test_odd_keeps_layers_0_2_and_even_1_3_of_four"),
    ),
    "the learning-rate schedule is used up before the second student starts": (
        ("training/test_loop.py", "test_every_arm_gets_a_schedule_of_its_own"),
        (COMPARE, "test_an_arm_does_not_depend_on_which_others_run_beside_it"),
    ),
    "LoRA as CAUSAL_LM, so that the head stays frozen and random": (
        ("models/test_adapters.py", "test_adapters_on_query_and_value_and_the_head_learn_and_nothing_else"),
        ("models/test_adapters.py", "test_the_task_is_sequence_classification_so_that_the_head_learns"),
        (RUN_ARMS, "test_the_adapters_head_was_trained_and_is_the_one_that_predicts"),
    ),
    "trained students are re-initialised on save": (
        ("models/test_classifier.py", "test_saved_then_loaded_is_unchanged"),
        (COMPARE, "test_the_epoch_kept_is_the_best_on_validation"),
    ),
    "students are saved with a 12-layer config": (
        ("models/test_layers.py", "test_every_student_layer_holds_the_weights_of_its_teacher_layer"),
        (RUN_ARMS, "test_the_config_of_a_saved_model_says_as_many_layers_as_its_weights_hold"),
    ),
    "the best checkpoint is chosen on the test set": (
        (COMPARE, "test_no_test_label_is_used_before_the_judgement"),
        (COMPARE, "test_the_epoch_kept_is_the_best_on_validation"),
    ),
    "train, validation and test are the same rows": (
        (COMPARE, "test_no_text_stands_in_two_splits_however_it_is_written"),
        (COMPARE, "test_no_test_label_is_used_before_the_judgement"),
        ("data/test_splits.py", "test_texts_that_fold_to_the_same_never_stand_in_two_splits"),
    ),
    "train loss (distillation sum) is compared with validation loss (hard labels)": (
        ("training/test_loop.py", "test_train_and_validation_loss_are_the_same_quantity"),
        ("training/test_loop.py", "test_validation_loss_of_a_distilled_arm_is_the_hard_term_not_the_sum"),
        ("report/test_tables.py", "test_seed_table_holds_the_last_epoch_and_compares_the_same_quantity"),
        ("test_known_bugs.py", "test_the_learning_curves_draw_the_runs_own_hard_terms"),
    ),
    "plotted numbers are typed by hand": (
        ("test_known_bugs.py", "test_the_learning_curves_draw_the_runs_own_hard_terms"),
        ("test_known_bugs.py", "test_the_other_curves_draw_the_runs_own_numbers"),
    ),
    "student layer i is matched with the wrong teacher state": (
        ("models/test_layers.py", "test_source_match_compares_with_the_output_of_the_layer_copied"),
        ("models/test_layers.py", "test_hidden_state_of_entry_i_plus_1_is_the_output_of_layer_i"),
        ("test_known_bugs.py", "test_a_whole_copy_of_the_teacher_has_no_hidden_loss_layer_by_layer"),
    ),
    "96 % accuracy is reported where 'never toxic' has 96 %": (
        ("report/test_observations.py", "test_the_original_assignment_is_called_what_it_is"),
        ("report/test_page.py", "test_the_seed_report_leads_with_what_its_accuracy_is_worth"),
        ("test_known_bugs.py", "test_every_preset_puts_the_majority_beside_its_models"),
    ),
}


@pytest.mark.parametrize("bug", CAUGHT_BY)
def test_the_tests_that_catch_a_known_bug_are_there(bug: str) -> None:
    for file, name in CAUGHT_BY[bug]:
        tree = ast.parse((Path(__file__).parent / file).read_text("utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{file}::{name}"


@pytest.mark.parametrize("cached", [True, False])
def test_a_whole_copy_of_the_teacher_has_no_hidden_loss_layer_by_layer(
    tiny_bert: Path, tmp_path: Path, cached: bool
) -> None:
    """Entry 0 of hidden_states is the embeddings: a pairing that is off by one has a loss here, the right one none."""
    teacher = classifier_from_base(resolve_base(str(tiny_bert)), ("toxicity",), seed=0).eval()
    # Layers drawn by BERT's initialiser change next to nothing: these are to differ from each other.
    shaken = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in teacher.bert.encoder.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=shaken))
    copied = student_from_teacher(teacher, range(4)).eval()
    tokens = encode([text for _, text, *_ in tiny_rows()[:8]], load_tokenizer(tiny_bert), 32)
    objective = Objective(DistillationSettings(hard=0, soft=0, hidden=1))
    rows = np.arange(8)
    ids, mask = (torch.from_numpy(array) for array in tokens.padded(rows))

    def loss(student: torch.nn.Module, entries: tuple[int, ...]) -> float:
        said = teacher_outputs(teacher, tokens, entries, tmp_path / "cache.npy")
        said = said if cached else dataclasses.replace(said, hidden=None)
        targets = said.hidden_states(rows, entries, ids, mask)
        with torch.no_grad():
            output = student(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        batch = Batch(ids, mask, torch.zeros(8, 1), teacher_hidden=targets)
        return float(objective.terms(output.logits, output.hidden_states, batch)["hidden"]) / 8

    right = hidden_state_targets(range(4), 4, "source")
    assert loss(copied, right) < 1e-5
    assert loss(copied, tuple(entry - 1 for entry in right)) > 0.05
    assert loss(copied, right[::-1]) > 0.05
    # Of a student with the first half, each layer does what the teacher's does.
    assert loss(student_from_teacher(teacher, (0, 1)).eval(), hidden_state_targets((0, 1), 4, "source")) < 1e-5


@pytest.fixture(scope="module")
def run(tiny_run: Path) -> Run:
    return read_run(tiny_run)


def drawn(axis: object) -> list[list[float]]:
    """The curves of a plot: every line with a point per epoch."""
    return [[float(y) for y in line.get_ydata()] for line in axis.get_lines() if len(set(line.get_xdata())) > 1]  # type: ignore[attr-defined]


def test_the_learning_curves_draw_the_runs_own_hard_terms(run: Run) -> None:
    figure = learning_curves(run, LIGHT, False)
    assert figure
    arms = [arm for arm, facts in run.arms.items() if facts["history"]]
    assert len(arms) == 7
    for arm, axis in zip(arms, figure.axes, strict=False):
        history = run.arms[arm]["history"]
        train, validation = drawn(axis)
        assert train == [row["train_loss"]["hard"] for row in history], arm
        assert validation == [row["validation_loss"] for row in history], arm


def test_the_other_curves_draw_the_runs_own_numbers(run: Run) -> None:
    figure = validation_curves(run, LIGHT, False)
    assert figure
    histories = [facts["history"] for facts in run.arms.values() if facts["history"]]
    for axis, metric in zip(figure.axes, ("accuracy", "average_precision"), strict=False):
        expected = [[row["validation"][metric] for row in history] for history in histories]
        assert [line for line in drawn(axis) if line in expected] == expected
    terms = distillation_terms(run, LIGHT, False)
    assert terms
    for axis, term in zip(terms.axes, ("soft", "hidden"), strict=False):
        distilled = [h for h in histories if h[0]["train_loss"][term] is not None]
        assert drawn(axis) == [[row["train_loss"][term] for row in history] for history in distilled]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_puts_the_majority_beside_its_models(preset: str) -> None:
    assert {"majority", "tfidf"} <= set(resolve(preset).arms)
