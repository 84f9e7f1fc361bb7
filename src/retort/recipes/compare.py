"""A comparison from start to end: comments, splits, teacher, students and LoRA, judgement, report."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import tomli_w
from accelerate import Accelerator

from retort import runs
from retort.bench.cost import measure_speed
from retort.evaluation.statistics import judge
from retort.models.bases import resolve_base
from retort.provenance import provenance, utc_now
from retort.recipes.context import Arm, Context, TokenizedInputs
from retort.recipes.experiment import ExperimentSettings
from retort.recipes.fitting import Fits, facts_of, fit_arms
from retort.recipes.inputs import Inputs, read_inputs
from retort.recipes.preflight import require_models
from retort.report.cards import model_card
from retort.report.choice import verdict
from retort.report.page import write_report
from retort.training.engine import make_accelerator
from retort.training.loop import TrainingProgress
from retort.training.terms import loss_titles
from retort.whole_folder import is_writer, keep_on_failure, refuse_existing, written_whole


class Reporter(TrainingProgress, Protocol):
    """Callbacks as the comparison proceeds: lines of text, stages, steps and epochs."""

    def say(self, line: str) -> None: ...

    def stage(self, name: str) -> None: ...


def compare(
    settings: ExperimentSettings,
    folder: Path,
    reporter: Reporter,
    *,
    keep_texts: bool = True,
    track: str | None = None,
) -> dict[str, Any] | None:
    """Fits and judges every arm of `settings` and writes the run to `folder`; returns comparison.json.

    Everything that can be refused is refused before the first training step. A run that fails or is interrupted
    keeps the arms that are finished, in `FOLDER.partial`; without any it leaves nothing. Of several processes
    (torchrun) only the first judges and writes; the others take part in training and return None.
    """
    started = utc_now()
    refuse_existing(folder)
    base = resolve_base(settings.base, settings.base_revision)
    attributes = require_models(settings, base)
    reporter.stage("comments")
    inputs = read_inputs(settings, attributes)
    for line in [*inputs.lines, *inputs.notes]:
        reporter.say(line)
    with written_whole(folder) as partial:
        accelerator = make_accelerator(settings.precision, track, partial / runs.TRACKING, compiled=settings.compile)
        if is_writer():
            _write_inputs(settings, inputs, partial, keep_texts)
        with _scratch_dir(partial) as scratch:
            tokens = TokenizedInputs(inputs, settings.max_length)
            context = Context(settings, inputs, base, accelerator, partial, scratch, folder.name, tokens, reporter)
            fits = Fits()
            for fits in fit_arms(context, reporter.stage):
                keep_on_failure(partial, list(fits.arms))
        accelerator.end_training()
        if not is_writer():
            return None
        fits.arms = {name: fits.arms[name] for name in settings.arms}
        reporter.stage("speed")
        _measure_speed(fits.arms, inputs, settings)
        reporter.stage("judgement")
        comparison = _comparison(context, fits)
        _write_judgement(fits.arms, comparison)
        runs.write_json(partial / runs.COMPARISON, comparison)
        reporter.stage("report")
        _write_run(settings, inputs, accelerator, started, partial)
        write_report(partial)
    return comparison


@contextlib.contextmanager
def _scratch_dir(folder: Path) -> Iterator[Path]:
    """A folder for large intermediate data, such as the teacher's hidden states; removed when all arms are fitted."""
    scratch = Path(tempfile.mkdtemp(prefix="scratch-", dir=folder))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _write_inputs(settings: ExperimentSettings, inputs: Inputs, folder: Path, keep_texts: bool) -> None:
    tables = _without_null(settings.model_dump(mode="json")) | {"task": settings.task.as_dict()}
    (folder / runs.EXPERIMENT).write_text(tomli_w.dumps(tables), "utf-8")
    frame = inputs.splits.frame
    columns = ["id", "text_sha256", "split", *inputs.splits.attributes, *inputs.splits.identities]
    frame[columns].to_parquet(folder / runs.SPLITS, index=False)
    if keep_texts:
        frame[["id", "text"]].to_parquet(folder / runs.COMMENTS, index=False)


def _without_null(tables: dict[str, Any]) -> dict[str, Any]:
    """TOML has no null; the settings read an empty text as "not set"."""
    return {
        key: _without_null(value) if isinstance(value, dict) else "" if value is None else value
        for key, value in tables.items()
    }


def _measure_speed(arms: dict[str, Arm], inputs: Inputs, settings: ExperimentSettings) -> None:
    callers = {name: arm.scorer for name, arm in arms.items() if arm.scorer is not None}
    texts = inputs.test.texts[: settings.evaluation.speed_comments]
    for name, speed in measure_speed(callers, texts, settings.evaluation.latency_comments).items():
        arms[name].cost |= speed


def _comparison(context: Context, fits: Fits) -> dict[str, Any]:
    settings, inputs = context.settings, context.inputs
    tests, pairs = judge(
        inputs.test.labels,
        {name: arm.predictions["test"] for name, arm in fits.arms.items()},
        inputs.attributes,
        settings.decision_threshold,
        samples=settings.evaluation.bootstrap_samples,
        seed=settings.seed,
        tie_margin=settings.evaluation.tie_margin,
        primary=settings.task.primary,
    )
    comparison = {
        "schema": 2,
        "preset": settings.preset,
        "seed": settings.seed,
        "base": settings.base,
        "task": settings.task.as_dict(),
        "attributes": list(inputs.attributes),
        "primary": settings.task.primary,
        "label_threshold": settings.label_threshold,
        "decision_threshold": settings.decision_threshold,
        "terms": {name: {"title": title} for name, title in loss_titles().items()},
        "data": _data(settings, inputs),
        "notes": inputs.notes,
        "costs": fits.costs,
        "arms": {name: _entry(context, arm, tests[name]) for name, arm in fits.arms.items()},
        "pairs": pairs,
    }
    return comparison | {"verdict": verdict(comparison)}


def _data(settings: ExperimentSettings, inputs: Inputs) -> dict[str, Any]:
    shares = inputs.splits.shares(inputs.attributes, settings.label_threshold)
    return {
        "rows": {name: share["rows"] for name, share in shares.items()},
        "shares": shares,
        "source": inputs.reports["comments"]["source"],
        "duplicates": inputs.splits.duplicates,
        "dropped": {name: report["dropped"] for name, report in inputs.reports.items()},
    }


def _entry(context: Context, arm: Arm, test: dict[str, Any]) -> dict[str, Any]:
    no_speed = {"latency_ms": {"p50": None, "p95": None}, "comments_per_second": None}
    return {
        **facts_of(context, context.settings.kind_of(arm.name), arm.name),
        "layer_indices": None if arm.layer_indices is None else list(arm.layer_indices),
        "teacher_layers": arm.teacher_layers,
        "parameters": arm.parameters,
        "history": arm.history,
        "best_epoch": arm.best_epoch,
        "test": test,
        "cost": no_speed | arm.cost,
    }


def _write_judgement(arms: Mapping[str, Arm], comparison: dict[str, Any]) -> None:
    for name, arm in arms.items():
        runs.write_json(arm.folder / runs.METRICS, comparison["arms"][name]["test"])
        (arm.folder / runs.MODEL_CARD).write_text(model_card(comparison, name), "utf-8")
        runs.write_manifest(arm.folder)


def _write_run(
    settings: ExperimentSettings, inputs: Inputs, accelerator: Accelerator, started: str, folder: Path
) -> None:
    record = provenance() | {
        "seed": settings.seed,
        "device": str(accelerator.device),
        "precision": accelerator.mixed_precision,
        "processes": accelerator.num_processes,
        "data": inputs.reports,
        "duplicates": inputs.splits.duplicates,
        "notes": inputs.notes,
        "started": started,
        "ended": utc_now(),
        "state": "done",
    }
    runs.write_json(folder / runs.RUN, record)
