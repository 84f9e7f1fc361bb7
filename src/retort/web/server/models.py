"""The models in a folder, and how each is loaded and checked before it answers."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from retort import runs
from retort.config import ServeSettings
from retort.errors import ConfigError, ModelError
from retort.inference.folders import is_run, model_name
from retort.inference.golden import check_golden
from retort.inference.predictor import Classifier
from retort.strict import nearest
from retort.tasks import Task
from retort.web.server.service import Service

log = logging.getLogger("retort.web")


def service_of(folder: Path, settings: ServeSettings, model: str | None = None) -> Service:
    """The service for a run folder (all its models) or a model folder (that one).

    `model` answers requests that name none; by default `settings.default_model`, or the first there is. Raises
    ModelError for a folder without a model, or whose models have different tasks, ConfigError for a model that
    the run lacks.
    """
    if not is_run(folder):
        name, path = model_name(folder), _preferred(folder)
        task = runs.recorded_task_of(path)
        return Service({name: _opener(path, task, settings)}, name, settings, task, folder)
    task, folders = _models_of_run(folder)
    if model is not None and model not in folders:
        known = ", ".join(folders)
        raise ConfigError(f"--model {model}: the run has no such model{nearest(model, folders)}; it has {known}")
    default = model or (settings.default_model if settings.default_model in folders else next(iter(folders)))
    return Service(
        {name: _opener(path, task, settings) for name, path in folders.items()}, default, settings, task, folder
    )


def _models_of_run(run: Path) -> tuple[Task, dict[str, Path]]:
    """The run's task, and the folder of every arm that has a model, in the run's order."""
    comparison = runs.read_comparison(run)
    task = runs.recorded_task_of(run)
    names = [name for name, facts in comparison.get("arms", {}).items() if facts["loader"] is not None]
    found = {name: _preferred(run / name) for name in names if (run / name / runs.RETORT).is_file()}
    if not found:
        raise ModelError(f"{run}: a run without any model; take a whole copy of it")
    for path in found.values():
        runs.require_task_of_run(path, run)
    return task, found


def _preferred(folder: Path) -> Path:
    """The model's export when there is one: quicker, smaller, and loaded without torch."""
    return folder / runs.ONNX if (folder / runs.ONNX / runs.MANIFEST).is_file() else folder


def _opener(folder: Path, task: Task, settings: ServeSettings) -> Callable[[], Classifier]:
    """Loads and checks the model; it answers in the words of `task`, which may differ from those in its folder."""

    def open_checked() -> Classifier:
        classifier = Classifier.load(folder, device="cpu")
        if (folder / runs.GOLDEN).is_file():
            check_golden(classifier, folder)
        if not (folder / runs.MANIFEST).is_file():
            log.warning("%s has no %s: its files cannot be checked", folder, runs.MANIFEST)
        classifier = replace(classifier, task=task)
        return classifier if settings.review is None else classifier.reviewing(settings.review)

    return open_checked
