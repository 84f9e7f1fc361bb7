"""Further seeds and further draws of a run that is whole: each is added as a folder of its own when it is finished."""

import contextlib
import itertools
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from retort import runs
from retort.errors import ConfigError, DataError, RunError
from retort.models.bases import Base, resolve_base
from retort.provenance import utc_now
from retort.recipes.context import Arm, Material
from retort.recipes.experiment import ExperimentSettings, resolve
from retort.recipes.inputs import AUGMENT, Inputs, read_inputs
from retort.recipes.judgement import own_figures, read_splits
from retort.recipes.training import Reporter, train, write_inputs, write_run, write_settings
from retort.recipes.trainings import Training, draw_folder, is_done, trainings, write_failures
from retort.recipes.usable_models import require_models
from retort.strict import validated
from retort.whole_folder import disk_errors, is_writer, written_whole

# What is kept of an arm whose model is not.
_KEPT = (runs.RETORT, runs.TRAINING, runs.HISTORY, runs.PREDICTIONS, runs.METRICS)


def settings_of_run(run: Path, changes: Mapping[str, Any]) -> ExperimentSettings:
    """The settings that a run records, with `changes` laid over them: where its files are now, and limits.

    Raises ConfigError when `run` is no finished run, or one that records too little to be extended.
    """
    for name in (runs.COMPARISON, runs.EXPERIMENT):
        if not (run / name).is_file():
            raise ConfigError(f"{run}: no finished run ({name} is missing); name the folder of one")
    settings = resolve(file=run / runs.EXPERIMENT, overrides=changes)
    for arm in settings.arms:
        if not (run / arm / runs.TRAINING).is_file():
            raise ConfigError(f"{run / arm}: no {runs.TRAINING}, an earlier retort made the run; compare again")
    return settings


def extended(settings: ExperimentSettings, seeds: int | None, resplits: int | None) -> ExperimentSettings:
    """The settings of a run with more seeds or draws: its own, then the numbers that follow the largest.

    Raises ConfigError when fewer are wanted than there are (nothing is taken away), or when the experiment cannot have
    several.
    """
    changes: dict[str, object] = {}
    if seeds is not None:
        if seeds < len(settings.seeds):
            raise ConfigError(f"--seeds {seeds}: the run has {len(settings.seeds)} already; give as many or more")
        following = itertools.count(max(settings.seeds) + 1)
        changes["seeds"] = (*settings.seeds, *itertools.islice(following, seeds - len(settings.seeds)))
    if resplits is not None:
        if resplits < settings.resplits:
            raise ConfigError(f"--resplits {resplits}: the run has {settings.resplits} already; give as many or more")
        changes["resplits"] = resplits
    tables = settings.model_dump() | {"task": settings.task.as_dict()} | changes
    return validated(ExperimentSettings, tables, "--extend")


def train_further(
    settings: ExperimentSettings,
    run: Path,
    reporter: Reporter,
    *,
    keep_all: bool = False,
    material: Material | None = None,
) -> None:
    """Trains what a whole run lacks of its settings; `material` is that of its first draw, where it is at hand.

    A training that fails is recorded in failed.json with its reason, and the others go on. Raises ConfigError before
    any training when comments or base are not those of the run. What is finished stays when it is interrupted.
    """
    missing = [training for training in trainings(run, settings) if not is_done(training)]
    if not missing:
        return
    if settings.resplits > 1 and (run / runs.TUNING).is_file():
        raise ConfigError(
            f"{run}: its settings were searched on its own draw, which has seen test comments of others; "
            "leave out --resplits"
        )
    base = resolve_base(settings.base, settings.base_revision) if material is None else material.base
    attributes = require_models(settings, base)
    _require_base(run, settings, base)
    failures: dict[str, str] = {}
    with naming_what_is_kept(run):
        for number, group in itertools.groupby(missing, lambda training: training.draw):
            todo = list(group)
            try:
                if number or material is None:
                    inputs = read_inputs(settings.at(settings.seed, number), attributes)
                    _require_same_splits(draw_folder(run, number), settings, inputs)
                    material = Material(base, inputs, settings.max_length)
            except DataError as error:
                failures |= dict.fromkeys((training.title for training in todo), str(error))
                continue
            failures |= _train_draw(settings, todo, run, material, reporter, keep_all)
    if is_writer():
        with disk_errors(run):
            write_failures(run, failures)


@contextlib.contextmanager
def naming_what_is_kept(run: Path) -> Iterator[None]:
    """Adds to an exception, an interruption included, that the run is there and how it is continued."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"finished trainings are kept; go on with: retort compare --extend {run}")
        raise


def _train_draw(
    settings: ExperimentSettings,
    todo: Sequence[Training],
    run: Path,
    material: Material,
    reporter: Reporter,
    keep_all: bool,
) -> dict[str, str]:
    """Trains one draw with the seeds of `todo`; returns why those failed that did."""
    failures: dict[str, str] = {}
    for place, training in enumerate(todo):
        reporter.say(f"{training.title} ({place + 1} of {len(todo)})" if len(todo) > 1 else training.title)
        try:
            _train_one(settings, training, run, material, reporter, keep_all)
        except RunError as error:
            failures[training.title] = str(error)
            reporter.say(f"{training.title} failed: {error}")
            if training.first:  # its splits are in the folder that is missing now
                failures |= dict.fromkeys((one.title for one in todo[place + 1 :]), "the draw's first seed failed")
                break
    return failures


def _train_one(
    settings: ExperimentSettings,
    training: Training,
    run: Path,
    material: Material,
    reporter: Reporter,
    keep_all: bool,
) -> None:
    """Trains the arms into a folder that appears when it is whole."""
    started, own = utc_now(), settings.at(training.seed, training.draw)
    names = [name for name in settings.arms if training.first or settings.is_seeded(name)]
    with written_whole(training.folder) as partial:
        if is_writer():
            # Before the training, so that an interrupted extension can go on with what was asked for.
            write_settings(settings, run)
        fits = train(own, material, partial, names, run.name, reporter)
        if not is_writer():
            return
        if training.first:
            write_inputs(material.inputs, partial, keep_texts=False)
        for arm in fits.arms.values():
            _write_figures(arm, material.inputs)
            if keep_all:
                runs.write_manifest(arm.folder)
            else:
                _remove_model(arm.folder)
        write_run(own, material.inputs, fits, started, partial)


def _write_figures(arm: Arm, inputs: Inputs) -> None:
    thresholds = runs.read_about(arm.folder)["thresholds"]
    figures = own_figures(inputs.test.labels, arm.predictions["test"], inputs.attributes, thresholds)
    runs.write_json(arm.folder / runs.METRICS, figures)


def _remove_model(arm: Path) -> None:
    for path in arm.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in _KEPT:
            path.unlink()


def _require_base(run: Path, settings: ExperimentSettings, base: Base) -> None:
    """Raises ConfigError when the base is not the one that the run's arms were made of."""
    for name in settings.arms:
        recorded = runs.read_about(run / name).get("base") or {}
        if recorded.get("id") == base.id and recorded.get("sha256") != base.sha256:
            raise ConfigError(
                f"{run}: base {base.id} has changed since the run was made; restore it, or start another run"
            )


def _require_same_splits(folder: Path, settings: ExperimentSettings, inputs: Inputs) -> None:
    """Raises ConfigError when the comments are not split as they were; a draw without splits yet is fine."""
    if not (folder / runs.SPLITS).is_file():
        return
    columns = ["id", "text_sha256", "split"]
    before = read_splits(folder, settings).frame[columns]
    now = inputs.splits.frame[columns].astype({"id": str})
    if not before.reset_index(drop=True).equals(now.reset_index(drop=True)):
        raise ConfigError(f"{folder / runs.SPLITS}: the comments are not those of the run; give the same data")
    recorded = runs.read_json(folder / runs.RUN, "a finished run has one")["data"]
    if recorded.get(AUGMENT) != inputs.reports.get(AUGMENT):
        raise ConfigError(
            f"{folder / runs.RUN}: the sentences that data.augment adds are not those of the run; compare again, or "
            "extend it with the version of retort that made it"
        )
