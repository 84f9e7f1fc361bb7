"""The steps that kinds of arm share: what a student starts from."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base, save_classifier, set_dropout
from retort.models.layers import Dropout
from retort.recipes import steps
from retort.recipes.context import Arm, TeacherModel
from retort.recipes.experiment import resolve


def context(tiny_bert: Path, run: Path, *assignments: str, weights_added: float = 0.0) -> Any:
    """A run's context after its teacher was trained without dropout; `weights_added` to all of its weights."""
    base = resolve_base(str(tiny_bert))
    teacher = classifier_from_base(base, ("toxicity",), 0)
    own = Dropout.of(teacher.config)
    set_dropout(teacher, 0.0)
    with torch.no_grad():
        for parameter in teacher.parameters():
            parameter.add_(weights_added)
    save_classifier(teacher, tiny_bert, 128, run / "teacher")
    labels = np.array([[1.0], [0.0]], np.float32)
    return SimpleNamespace(
        settings=resolve(overrides={"base": str(tiny_bert)}, assignments=assignments),
        base=base,
        folder=run,
        inputs=SimpleNamespace(attributes=("toxicity",), train=SimpleNamespace(labels=labels, fractions=labels)),
        teacher=TeacherModel("teacher", run / "teacher", tiny_bert, 4, own),
    )


def dropouts(model: torch.nn.Module) -> set[float]:
    return {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)}


def student(of: Any, name: str) -> Any:
    arm = Arm(name, Path("run") / name)
    model, _ = steps.copied(of, arm, steps.start_of(of, arm))
    steps.make_trainable(of, arm, model)
    return model


def test_a_student_without_dropout_of_its_own_has_the_bases_not_the_teachers(tiny_bert: Path, tmp_path: Path) -> None:
    of = context(tiny_bert, tmp_path, "teacher.dropout=0", 'student.dropout=""')
    assert dropouts(of.teacher.load()) == {0.0}
    for name in ("odd", "odd-random", "odd-base"):
        model = student(of, name)
        assert dropouts(model) == {0.1}, name
        assert model.config.hidden_dropout_prob == model.config.attention_probs_dropout_prob == 0.1
    assert dropouts(student(context(tiny_bert, tmp_path, "student.dropout=0.3"), "odd")) == {0.3}


def test_only_arms_that_start_from_the_base_have_its_layers(tiny_bert: Path, tmp_path: Path) -> None:
    of = context(tiny_bert, tmp_path, weights_added=1.0)
    base = classifier_from_base(of.base, ("toxicity",), 0).bert.encoder.layer
    trained = of.teacher.load().bert.encoder.layer

    def first_of_second_layer(layers: Any, index: int) -> torch.Tensor:
        return layers[index].attention.self.query.weight

    alone, labels = student(of, "odd-base").bert.encoder.layer, student(of, "odd-labels").bert.encoder.layer
    assert torch.equal(first_of_second_layer(alone, 1), first_of_second_layer(base, 2))
    assert torch.equal(first_of_second_layer(labels, 1), first_of_second_layer(trained, 2))
