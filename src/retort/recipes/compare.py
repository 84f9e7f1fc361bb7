"""The whole story in order: comments, splits, teacher, students and LoRA, judgement, report."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tomli_w
from accelerate import Accelerator

from retort import runs
from retort.attributes import PRIMARY
from retort.bench.cost import measure_speed
from retort.config import ExperimentSettings
from retort.evaluation.predictions import write_predictions
from retort.evaluation.statistics import judge
from retort.inference.golden import write_golden
from retort.models.bases import resolve_base
from retort.recipes.arms import Arm, Workbench
from retort.recipes.inputs import Inputs, read_inputs
from retort.recipes.preflight import in_training_order, require_models
from retort.report.cards import model_card
from retort.report.choice import verdict
from retort.report.page import write_report
from retort.training.engine import make_accelerator
from retort.training.loop import Progress


class Reporter(Progress, Protocol):
    """Told what happens; draws it on a terminal, prints plain lines, or keeps silent."""

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

    Everything that can be refused is refused before the first training step. A run that fails or is
    interrupted leaves nothing behind. Of several processes (torchrun) the first alone judges and writes;
    the others train along and return None.
    """
    started = runs.utc_now()
    runs.refuse_existing(folder)
    base = resolve_base(settings.base, settings.base_revision)
    attributes = require_models(settings, base)
    reporter.stage("comments")
    inputs = read_inputs(settings, attributes)
    for line in [*inputs.lines, *inputs.notes]:
        reporter.say(line)
    with runs.written_whole(folder) as partial:
        accelerator = make_accelerator(settings.precision, track, partial / "tracking", compiled=settings.compile)
        if runs.is_writer():
            _write_inputs(settings, inputs, partial, keep_texts)
        scratch = Path(tempfile.mkdtemp(prefix="scratch-", dir=partial))
        bench = Workbench(settings, inputs, base, accelerator, partial, scratch, reporter, folder.name)
        arms = {}
        for name in in_training_order(settings):
            reporter.stage(name)
            arms[name] = bench.fit_arm(name)
        # The teacher's hidden states are as large as the data; no arm asks for them any more.
        shutil.rmtree(scratch)
        accelerator.end_training()
        if not runs.is_writer():
            return None
        arms = {name: arms[name] for name in settings.arms}
        reporter.stage("speed")
        _measure_speed(arms, inputs, settings)
        reporter.stage("judgement")
        comparison = _comparison(settings, inputs, arms)
        _write_arms(inputs, arms, comparison)
        runs.write_json(partial / runs.COMPARISON, comparison)
        reporter.stage("report")
        _write_run(settings, inputs, accelerator, started, partial)
        write_report(partial)
    return comparison


def _write_inputs(settings: ExperimentSettings, inputs: Inputs, folder: Path, keep_texts: bool) -> None:
    (folder / runs.EXPERIMENT).write_text(tomli_w.dumps(_without_null(settings.model_dump(mode="json"))), "utf-8")
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


def _comparison(settings: ExperimentSettings, inputs: Inputs, arms: dict[str, Arm]) -> dict[str, Any]:
    tests, pairs = judge(
        inputs.test.labels,
        {name: arm.predictions["test"] for name, arm in arms.items()},
        inputs.attributes,
        settings.decision_threshold,
        samples=settings.evaluation.bootstrap_samples,
        seed=settings.seed,
        tie_margin=settings.evaluation.tie_margin,
    )
    shares = inputs.splits.shares(inputs.attributes, settings.label_threshold)
    comparison = {
        "schema": 1,
        "preset": settings.preset,
        "seed": settings.seed,
        "base": settings.base,
        "attributes": list(inputs.attributes),
        "primary": PRIMARY,
        "label_threshold": settings.label_threshold,
        "decision_threshold": settings.decision_threshold,
        "data": {
            "rows": {name: share["rows"] for name, share in shares.items()},
            "shares": shares,
            "source": inputs.reports["comments"]["source"],
            "duplicates": inputs.splits.duplicates,
            "dropped": {name: report["dropped"] for name, report in inputs.reports.items()},
        },
        "notes": inputs.notes,
        "arms": {name: _arm(arm, tests[name]) for name, arm in arms.items()},
        "pairs": pairs,
    }
    return comparison | {"verdict": verdict(comparison)}


def _arm(arm: Arm, test: dict[str, Any]) -> dict[str, Any]:
    speed_missing = {"latency_ms": {"p50": None, "p95": None}, "comments_per_second": None}
    return {
        "kind": arm.kind,
        "layer_indices": None if arm.layer_indices is None else list(arm.layer_indices),
        "teacher_layers": arm.teacher_layers,
        "parameters": arm.parameters,
        "history": arm.history,
        "best_epoch": arm.best_epoch,
        "test": test,
        "cost": speed_missing | arm.cost,
    }


def _write_arms(inputs: Inputs, arms: dict[str, Arm], comparison: dict[str, Any]) -> None:
    parts = [("validation", inputs.validation), ("test", inputs.test)]
    for name, arm in arms.items():
        ids = [i for _, part in parts for i in part.ids]
        split = [which for which, part in parts for _ in part.ids]
        rows = np.concatenate([arm.predictions[which] for which, _ in parts])
        write_predictions(arm.folder / runs.PREDICTIONS, ids, split, rows, inputs.attributes)
        _write_lines(arm.folder / runs.HISTORY, arm.history)
        runs.write_json(arm.folder / runs.METRICS, comparison["arms"][name]["test"])
        (arm.folder / runs.MODEL_CARD).write_text(model_card(comparison, name), "utf-8")
        if arm.scorer is not None:
            write_golden(arm.folder, inputs.attributes, arm.scorer)
        runs.write_manifest(arm.folder)


def _write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, allow_nan=False) + "\n" for row in rows), "utf-8")


def _write_run(
    settings: ExperimentSettings, inputs: Inputs, accelerator: Accelerator, started: str, folder: Path
) -> None:
    record = runs.provenance() | {
        "seed": settings.seed,
        "device": str(accelerator.device),
        "precision": accelerator.mixed_precision,
        "processes": accelerator.num_processes,
        "data": inputs.reports,
        "duplicates": inputs.splits.duplicates,
        "notes": inputs.notes,
        "started": started,
        "ended": runs.utc_now(),
        "state": "done",
    }
    runs.write_json(folder / runs.RUN, record)
