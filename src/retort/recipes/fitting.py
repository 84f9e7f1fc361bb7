"""Fits the arms of a run one after the other: trains, saves, loads again and predicts.

Predictions come from the saved folder, loaded again, so that exactly what was saved is judged.
"""

import dataclasses
import json
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from retort import runs, text
from retort.bench.cost import PeakMemory
from retort.evaluation.predictions import as_saved, write_predictions
from retort.inference.folders import SCHEMA
from retort.inference.golden import write_golden
from retort.inference.predictor import Classifier
from retort.models.layer_strategies import layer_indices
from retort.recipes.arms import Kind
from retort.recipes.context import Arm, Context, TeacherModel
from retort.recipes.preflight import in_training_order
from retort.recipes.steps import base_provenance, fitted_teacher, teacher_indices
from retort.training.objective import Objective
from retort.training.teacher_outputs import TeacherOutputs, teacher_outputs
from retort.whole_folder import is_writer


@dataclasses.dataclass
class Fits:
    """The arms in the order they were fitted, and what was computed for several of them."""

    arms: dict[str, Arm] = dataclasses.field(default_factory=dict)
    costs: dict[str, float] = dataclasses.field(default_factory=dict)


def fit_arms(context: Context, stage: Callable[[str], None]) -> Iterator[Fits]:
    """Fits every arm of the settings; yields all that is done after each."""
    fits = Fits()
    for name in in_training_order(context.settings):
        objective = Objective.of(context.settings.distillation_of(name))
        if objective.uses_teacher and fitted_teacher(context).outputs is None:
            stage("teacher outputs")
            began = time.perf_counter()
            outputs = _outputs(context, fitted_teacher(context))
            context = dataclasses.replace(
                context, teacher=dataclasses.replace(fitted_teacher(context), outputs=outputs)
            )
            fits.costs["teacher_outputs_seconds"] = time.perf_counter() - began
        stage(name)
        fits.arms[name] = arm = _fitted(context, name)
        if arm.teacher is not None:
            context = dataclasses.replace(context, teacher=arm.teacher)
        yield fits


def _outputs(context: Context, teacher: TeacherModel) -> TeacherOutputs:
    """The frozen teacher's outputs for every training comment, with the features that any arm compares."""
    settings, depth = context.settings, teacher.model.config.num_hidden_layers
    features = []
    for name in settings.arms:
        objective = Objective.of(settings.distillation_of(name))
        if objective.uses_teacher:
            layers = context.base.layers if settings.arm[name].start == "base" else depth
            indices = layer_indices(settings.arm[name].layers, layers)
            pairs = objective.pairs(len(indices), teacher_indices(context, name, indices), depth)
            features += [target for _, target in pairs]
    tokens, _ = context.tokens.of(teacher.tokenizer_folder)
    cache = context.scratch / f"teacher-features-{context.accelerator.process_index}.npy"
    model = teacher.model.to(context.accelerator.device)
    return teacher_outputs(model, tokens, features, cache, context.accelerator.autocast)


def _fitted(context: Context, name: str) -> Arm:
    """Trains (or loads) one arm, writes its model folder and makes its predictions."""
    kind = context.settings.kind_of(name)
    arm = Arm(name, context.folder / name)
    arm.folder.mkdir()
    try:
        began = time.perf_counter()
        with PeakMemory() as memory:
            kind.fit(context, arm)
        arm.cost.setdefault("train_seconds", time.perf_counter() - began)
        arm.cost["peak_train_memory_bytes"] = memory.bytes
        if is_writer():
            _write_about(context, kind, arm)
            _predict(context, kind, arm)
            kind.check(context, arm)
            _write_outcome(context, arm)
    except BaseException:
        # Finished arms may be kept; an unfinished one is of no use.
        shutil.rmtree(arm.folder, ignore_errors=True)
        raise
    return arm


def _predict(context: Context, kind: Kind, arm: Arm) -> None:
    if kind.LOADER is None:
        return
    arm.scorer = Classifier.load(arm.folder).probabilities
    arm.predictions = {
        "validation": as_saved(arm.scorer(context.inputs.validation.texts)),
        "test": as_saved(arm.scorer(context.inputs.test.texts)),
    }


def _write_outcome(context: Context, arm: Arm) -> None:
    """Writes history, predictions, golden scores and manifest: all that depends on no other arm."""
    parts = [("validation", context.inputs.validation), ("test", context.inputs.test)]
    ids = [identifier for _, part in parts for identifier in part.ids]
    split = [which for which, part in parts for _ in part.ids]
    rows = np.concatenate([arm.predictions[which] for which, _ in parts])
    write_predictions(arm.folder / runs.PREDICTIONS, ids, split, rows, context.inputs.attributes)
    lines = "".join(json.dumps(row, allow_nan=False) + "\n" for row in arm.history)
    (arm.folder / runs.HISTORY).write_text(lines, "utf-8")
    if arm.scorer is not None:
        write_golden(arm.folder, context.inputs.attributes, arm.scorer)
    runs.write_manifest(arm.folder)


def facts_of(context: Context, kind: Kind, name: str) -> dict[str, Any]:
    """What is recorded of an arm, so that readers of a run or a model folder need not know its kind."""
    settings = context.settings.arm[name]
    return {
        "kind": settings.kind,
        "role": kind.ROLE,
        "loader": kind.LOADER,
        "title": kind.TITLE,
        "description": kind.DESCRIPTION,
        "start": settings.start if kind.TAKES_TEACHER else None,
        "distilled": settings.distilled if kind.TAKES_TEACHER else None,
    }


def _write_about(context: Context, kind: Kind, arm: Arm) -> None:
    settings, attributes = context.settings, context.inputs.attributes
    about = {
        "schema": SCHEMA,
        "arm": arm.name,
        **facts_of(context, kind, arm.name),
        "task": settings.task.as_dict(),
        "attributes": list(attributes),
        "label_threshold": settings.label_threshold,
        "thresholds": dict.fromkeys(attributes, settings.decision_threshold),
        "layer_indices": arm.layer_indices,
        "teacher_layers": arm.teacher_layers,
        "max_length": settings.max_length,
        "normaliser_version": text.VERSION,
        "parent_run": context.run_id,
        "base": arm.base or base_provenance(context)(),
    }
    runs.write_json(arm.folder / runs.RETORT, about)
    if (arm.folder / runs.MERGED).is_dir():
        # The merged model can be used without the adapter, as a plain classifier.
        runs.write_json(arm.folder / runs.MERGED / runs.RETORT, about | {"merged": True, "loader": "transformers"})
