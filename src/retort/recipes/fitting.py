"""Fits the arms of a run one after the other: trains, saves, loads again and predicts.

Predictions come from the saved folder, loaded again, so that exactly what was saved is judged.
"""

import dataclasses
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from retort import runs, text
from retort.bench.peak_memory import PeakMemory
from retort.errors import RunError
from retort.evaluation.predictions import as_saved, write_predictions
from retort.inference.folders import SCHEMA
from retort.inference.golden import write_golden
from retort.inference.predictor import Classifier
from retort.models.layer_strategies import layer_indices
from retort.recipes import arm_checks
from retort.recipes.arms import Kind
from retort.recipes.context import Arm, Context, TeacherModel
from retort.recipes.decision import decide_on_validation
from retort.recipes.experiment import ExperimentSettings
from retort.recipes.steps import base_provenance, fitted_teacher, judging_device, teacher_indices
from retort.recipes.tune import tuned
from retort.training.objective import Objective
from retort.training.teacher_outputs import TeacherOutputs, teacher_outputs
from retort.training.warm_up import warm_up
from retort.whole_folder import is_writer


@dataclasses.dataclass
class Fits:
    """The arms in the order they were fitted, what was computed for several of them, and on what.

    settings: those given, with what searches chose; tuning: {arm: its search}, see `Search.record`. device, precision
    and processes are those of the Accelerator.
    """

    settings: ExperimentSettings
    device: str
    precision: str
    processes: int
    arms: dict[str, Arm] = dataclasses.field(default_factory=dict)
    costs: dict[str, float] = dataclasses.field(default_factory=dict)
    tuning: dict[str, Any] = dataclasses.field(default_factory=dict)


def fit_arms(
    context: Context, names: Sequence[str], stage: Callable[[str], None], say: Callable[[str], None]
) -> Iterator[Fits]:
    """Fits the arms `names`, where the teacher comes first, each after its search where the settings ask for one.

    Yields all that is done, at first and after each arm.
    """
    engine = context.accelerator
    fits = Fits(context.settings, str(engine.device), engine.mixed_precision, engine.num_processes)
    yield fits
    warm_up(engine)
    for name in names:
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
        if context.settings.tune is not None and name in context.settings.searched:
            search = tuned(context, name, say)
            fits.settings, fits.tuning[name] = search.settings, search.record
            context = dataclasses.replace(context, settings=search.settings)
        fits.arms[name] = arm = _fitted(context, name)
        for finding in arm.findings:
            say(f"warning: {name}: {finding}")
        if arm.teacher is not None:
            context = dataclasses.replace(context, teacher=arm.teacher)
        yield fits


def _outputs(context: Context, teacher: TeacherModel) -> TeacherOutputs:
    """The frozen teacher's outputs for every training comment, with the features that any arm compares."""
    settings, depth = context.settings, teacher.layers
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
    model = teacher.load().to(context.accelerator.device)
    return teacher_outputs(model, tokens, features, cache, context.accelerator.autocast)


def _fitted(context: Context, name: str) -> Arm:
    """Trains (or loads) one arm, writes its model folder and makes its predictions."""
    kind = context.settings.kind_of(name)
    arm = Arm(name, context.folder / name)
    arm.folder.mkdir()
    try:
        began = time.perf_counter()
        with PeakMemory(str(context.accelerator.device)) as memory:
            kind.fit(context, arm)
        arm.cost.setdefault("train_seconds", time.perf_counter() - began)
        arm.cost |= {"peak_train_memory_bytes": memory.bytes, "memory_kind": memory.kind}
        if is_writer():
            _write_about(context, kind, arm)
            _predict(context, kind, arm)
            kind.check(context, arm)
            _check_saved(context, arm)
            _write_outcome(context, arm)
    except BaseException:
        # Finished arms may be kept; an unfinished one is of no use.
        shutil.rmtree(arm.folder, ignore_errors=True)
        raise
    return arm


def _check_saved(context: Context, arm: Arm) -> None:
    """Adds what the folder shows to the arm's findings. Raises RunError for any finding in a strict run."""
    if arm.layer_indices is not None:
        arm.findings += arm_checks.saved_otherwise(arm.folder, len(arm.layer_indices))
    if arm.trained is not None and arm.uncalibrated:
        arm.findings += arm_checks.judged_otherwise(arm.trained, arm.uncalibrated["validation"])
    if arm.findings and context.settings.strict:
        raise RunError(f"arm {arm.name}: {arm.findings[0]}. Mend it, or compare without --strict")


def _predict(context: Context, kind: Kind, arm: Arm) -> None:
    """Decides calibration and thresholds on validation, records them, and rates both splits with the saved model."""
    if kind.LOADER is None:
        return
    validation, test = context.inputs.validation, context.inputs.test
    # Dropped again: nothing of this arm is in memory while the next one is measured.
    model = Classifier.load(arm.folder, device=judging_device(context))
    own = model.probabilities(validation.texts)  # nothing is calibrated yet
    arm.decision = decide_on_validation(own, validation.labels, context.inputs.attributes, context.settings)
    _update_about(arm.folder, arm.decision.as_json())
    model = Classifier.load(arm.folder, device=judging_device(context))
    arm.uncalibrated = {"validation": own, "test": model.uncalibrated(test.texts)}
    arm.predictions = {which: as_saved(model.calibration(rows)) for which, rows in arm.uncalibrated.items()}
    write_golden(arm.folder, context.inputs.attributes, model.probabilities)


def _write_outcome(context: Context, arm: Arm) -> None:
    """Writes history, predictions, costs and manifest: all that depends on no other arm."""
    parts = [("validation", context.inputs.validation), ("test", context.inputs.test)]
    ids = [identifier for _, part in parts for identifier in part.ids]
    split = [which for which, part in parts for _ in part.ids]
    rows = np.concatenate([arm.predictions[which] for which, _ in parts])
    own = np.concatenate([arm.uncalibrated[which] for which, _ in parts]) if arm.uncalibrated else None
    write_predictions(arm.folder / runs.PREDICTIONS, ids, split, rows, context.inputs.attributes, own)
    lines = "".join(json.dumps(row, allow_nan=False) + "\n" for row in arm.history)
    (arm.folder / runs.HISTORY).write_text(lines, "utf-8")
    write_training(context.settings.seed, arm)
    runs.write_manifest(arm.folder)


def write_training(seed: int, arm: Arm) -> None:
    """Writes training.json: what is known of an arm besides its model, its history and its predictions."""
    record: dict[str, Any] = {
        "seed": seed,
        "best_epoch": arm.best_epoch,
        "parameters": arm.parameters,
        "cost": arm.cost,
    }
    record["findings"] = [finding.as_dict() for finding in arm.findings]
    runs.write_json(arm.folder / runs.TRAINING, record)


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


def _update_about(folder: Path, decided: dict[str, Any]) -> None:
    """Adds what validation decided to retort.json, that of a merged adapter included."""
    for place in (folder, folder / runs.MERGED):
        if place.is_dir():
            runs.write_json(place / runs.RETORT, runs.read_about(place) | decided)
