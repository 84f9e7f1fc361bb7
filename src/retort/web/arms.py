"""Which arms a folder holds, and how each is loaded and checked before it answers anyone."""

import logging
from collections.abc import Callable
from pathlib import Path

from retort import runs
from retort.config import ServeSettings, nearest
from retort.errors import ConfigError, ModelError
from retort.inference.golden import check_golden
from retort.inference.predictor import Classifier
from retort.web.service import Service

log = logging.getLogger("retort.web")

# Quicker, smaller, and loaded without torch: an arm's export answers in its place when it is there.
EXPORT = "onnx"
_ABOUT = (runs.RETORT, "config.json")


def service_of(folder: Path, settings: ServeSettings, arm: str | None = None) -> Service:
    """The service for a run folder (all its arms) or a model folder (that one).

    `arm` answers requests that name none; without it `settings.default_arm`, or the first there is. Raises
    ModelError for a folder that holds no model, ConfigError for an arm that the run lacks.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such folder; give a run or the folder of a model, for example RUN/odd")
    if not (folder / runs.COMPARISON).is_file():
        return _one_model(folder, settings)
    folders = _arms_of_run(folder)
    if arm is not None and arm not in folders:
        known = ", ".join(folders)
        raise ConfigError(f"--arm {arm}: the run has no such arm{nearest(arm, folders)}; it has {known}")
    default = arm or (settings.default_arm if settings.default_arm in folders else next(iter(folders)))
    return Service({name: _opener(path) for name, path in folders.items()}, default, settings, folder)


def _arms_of_run(run: Path) -> dict[str, Path]:
    """Every arm with a model, in the run's order; `majority` says the same of every comment and is none."""
    comparison = runs.read_json(run / runs.COMPARISON, "a finished run has one")
    arms = [name for name, arm in comparison["arms"].items() if arm["kind"] != "majority"]
    found = {name: _exported(run / name) for name in arms if (run / name / runs.RETORT).is_file()}
    if not found:
        raise ModelError(f"{run}: a run without any model; take a whole copy of it")
    return found


def _one_model(folder: Path, settings: ServeSettings) -> Service:
    if not any((folder / name).is_file() for name in _ABOUT):
        raise ModelError(f"{folder}: neither a run nor a model; give a run, or a folder such as RUN/odd")
    chosen = _exported(folder)
    name = folder.name
    if (folder / runs.RETORT).is_file():
        name = str(runs.read_json(folder / runs.RETORT, "an arm has one").get("arm", name))
    return Service({name: _opener(chosen)}, name, settings, folder)


def _exported(folder: Path) -> Path:
    return folder / EXPORT if (folder / EXPORT / runs.MANIFEST).is_file() else folder


def _opener(folder: Path) -> Callable[[], Classifier]:
    def open_checked() -> Classifier:
        classifier = Classifier.load(folder)
        if (folder / runs.GOLDEN).is_file():
            check_golden(classifier, folder)
        if not (folder / runs.MANIFEST).is_file():
            log.warning("%s has no %s: nothing says whether it is whole", folder, runs.MANIFEST)
        return classifier

    return open_checked
