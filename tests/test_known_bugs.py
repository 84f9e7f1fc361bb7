"""Bugs of programs that did this job before: three of them that no test of one module alone would catch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from retort.data.batches import encode
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base, load_tokenizer
from retort.models.features import Feature, FeaturePair, captured
from retort.models.layers import student_from_teacher
from retort.recipes.experiment import PRESETS, resolve
from retort.report.run_folder import Run, read_run
from retort.report.sections.learning import learning_curves, loss_terms, validation_curves
from retort.report.style import LIGHT
from retort.training.teacher_outputs import teacher_outputs
from retort.training.terms import hidden
from tests.conftest import tiny_rows


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
    rows = np.arange(8)
    ids, mask = (torch.from_numpy(array) for array in tokens.padded(rows))

    def loss(student: torch.nn.Module, pairs: Sequence[FeaturePair]) -> float:
        targets = [target for _, target in pairs]
        outputs = teacher_outputs(teacher, tokens, targets, tmp_path / "cache.npy" if cached else None)
        with torch.no_grad(), captured(student, [own for own, _ in pairs]) as features_of:
            own = features_of(student(input_ids=ids, attention_mask=mask, output_hidden_states=True))
        return hidden.hidden_state_loss(own, outputs.of(rows, targets, ids, mask), mask).mean().item()

    def source(*layers: int) -> tuple[FeaturePair, ...]:
        return hidden.pairs(len(layers), layers, 4, hidden.Settings(hidden_match="source"))

    right = source(0, 1, 2, 3)
    assert loss(copied, right) < 1e-5
    assert loss(copied, [(own, Feature("hidden", target.index - 1)) for own, target in right]) > 0.05
    assert loss(copied, [(own, target) for (own, _), (_, target) in zip(right, right[::-1], strict=True)]) > 0.05
    # Of a student with the first half, each layer does what the teacher's does.
    assert loss(student_from_teacher(teacher, (0, 1)).eval(), source(0, 1)) < 1e-5


@pytest.fixture(scope="module")
def run(tiny_run: Path) -> Run:
    return read_run(tiny_run)


def drawn(axis: object) -> list[list[float]]:
    """The curves of a plot: every line with a point per epoch."""
    return [[float(y) for y in line.get_ydata()] for line in axis.get_lines() if len(set(line.get_xdata())) > 1]  # type: ignore[attr-defined]


def test_the_learning_curves_draw_the_runs_own_losses(run: Run) -> None:
    figure = learning_curves(run, LIGHT, False)
    assert figure
    arms = [arm for arm in run.comparison.arms if run.comparison.history(arm)]
    assert len(arms) == 9
    for arm, axis in zip(arms, figure.axes, strict=False):
        history = run.comparison.history(arm)
        train, validation = drawn(axis)
        assert train == [row["label_loss"] for row in history], arm
        assert validation == [row["validation_loss"] for row in history], arm


def test_the_other_curves_draw_the_runs_own_numbers(run: Run) -> None:
    figure = validation_curves(run, LIGHT, False)
    assert figure
    histories = [history for arm in run.comparison.arms if (history := run.comparison.history(arm))]
    for axis, metric in zip(figure.axes, ("accuracy", "average_precision"), strict=False):
        expected = [[row["validation"][metric] for row in history] for history in histories]
        assert [line for line in drawn(axis) if line in expected] == expected
    terms = loss_terms(run, LIGHT, False)
    assert terms
    for axis, term in zip(terms.axes, ("hard", "soft", "hidden"), strict=False):
        distilled = [h for h in histories if h[0]["train_loss"][term] is not None]
        assert drawn(axis) == [[row["train_loss"][term] for row in history] for history in distilled]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_compares_its_models_with_both_baselines(preset: str) -> None:
    assert {"majority", "tfidf"} <= set(resolve(preset).arms)
