"""One training of all arms with one seed, and what is written with it."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import tomli_w

from retort import runs
from retort.provenance import provenance, utc_now
from retort.recipes.context import Context, Material
from retort.recipes.experiment import ExperimentSettings
from retort.recipes.fitting import Fits, fit_arms
from retort.recipes.inputs import Inputs
from retort.recipes.preflight import Finding
from retort.recipes.usable_models import in_training_order
from retort.training.engine import make_accelerator
from retort.training.loop import TrainingProgress
from retort.whole_folder import is_writer, keep_on_failure, written_aside


class Reporter(TrainingProgress, Protocol):
    """Callbacks as the comparison proceeds: lines of text, stages, steps and epochs."""

    def say(self, line: str) -> None: ...

    def stage(self, name: str) -> None: ...


def train(
    settings: ExperimentSettings,
    material: Material,
    folder: Path,
    names: Sequence[str],
    run_id: str,
    reporter: Reporter,
    *,
    keep_arms: bool = False,
    track: str | None = None,
) -> Fits:
    """Fits the arms `names` with `settings.seed`, each into a folder of its own in `folder`, which is being written.

    run_id: the name of the run, recorded in the models. With `keep_arms` the arms that are finished are kept when a
    later one fails. Returns the arms in the order of `names`.
    """
    accelerator = make_accelerator(settings.precision, track, folder / runs.TRACKING, compiled=settings.compile)
    reporter.say(f"device: {accelerator.device.type} to train and to judge, cpu to measure speed")
    with _scratch_dir(folder) as scratch:
        context = Context(settings, material, accelerator, folder, scratch, run_id, reporter)
        for fits in fit_arms(context, in_training_order(settings, names), reporter.stage, reporter.say):
            if keep_arms:
                keep_on_failure(folder, list(fits.arms))
            if fits.tuning and is_writer():
                runs.write_json(folder / runs.TUNING, {"trials": settings.tune, "arms": fits.tuning})
    accelerator.end_training()
    fits.arms = {name: fits.arms[name] for name in names}
    return fits


def write_settings(settings: ExperimentSettings, run: Path) -> None:
    """Writes experiment.toml, which `--config` and `--extend` read, in one step."""
    tables = _without_null(settings.model_dump(mode="json")) | {"task": settings.task.as_dict()}
    with written_aside(run / runs.EXPERIMENT) as aside:
        aside.write_text(tomli_w.dumps(tables), "utf-8")


def _without_null(tables: dict[str, Any]) -> dict[str, Any]:
    """TOML has no null; the settings read an empty text as "not set"."""
    return {
        key: _without_null(value) if isinstance(value, dict) else "" if value is None else value
        for key, value in tables.items()
    }


def write_run(
    settings: ExperimentSettings,
    inputs: Inputs,
    fits: Fits,
    started: str,
    folder: Path,
    findings: Sequence[Finding] = (),
) -> None:
    """Writes run.json: what was trained, with what, on what, and at which cost beyond that of the arms.

    findings: of the checks before training.
    """
    record = provenance() | {
        "seed": settings.seed,
        "data_seed": settings.data.seed,
        "device": fits.device,
        "precision": fits.precision,
        "processes": fits.processes,
        "data": inputs.reports,
        "duplicates": inputs.splits.duplicates,
        "notes": inputs.notes,
        "preflight": [finding.as_dict() for finding in findings],
        "costs": fits.costs,
        "started": started,
        "ended": utc_now(),
        "state": "done",
    }
    runs.write_json(folder / runs.RUN, record)


def write_inputs(inputs: Inputs, folder: Path, keep_texts: bool) -> None:
    """Writes the splits, and the texts where they are to be kept."""
    frame = inputs.splits.frame
    columns = ["id", "text_sha256", "split", *inputs.splits.attributes, *inputs.splits.identities]
    frame[columns].to_parquet(folder / runs.SPLITS, index=False)
    if keep_texts:
        frame[["id", "text"]].to_parquet(folder / runs.COMMENTS, index=False)


@contextlib.contextmanager
def _scratch_dir(folder: Path) -> Iterator[Path]:
    """A folder for large intermediate data, such as the teacher's hidden states; removed when all arms are fitted."""
    scratch = Path(tempfile.mkdtemp(prefix="scratch-", dir=folder))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
