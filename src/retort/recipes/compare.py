"""A comparison from start to end: comments, splits, teacher, students and LoRA, judgement, report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retort import runs
from retort.bench.cost import measure_speed
from retort.bench.resident import serving_memory
from retort.inference.golden import TEXTS as GOLDEN_TEXTS
from retort.inference.predictor import Classifier
from retort.models.bases import resolve_base
from retort.provenance import utc_now
from retort.recipes.context import Arm, Material
from retort.recipes.experiment import ExperimentSettings
from retort.recipes.fitting import write_training
from retort.recipes.further import naming_what_is_kept, train_further
from retort.recipes.inputs import Inputs, read_inputs
from retort.recipes.judgement import comparison_of
from retort.recipes.preflight import Finding, findings_of, refuse_findings
from retort.recipes.training import Reporter, train, write_inputs, write_run, write_settings
from retort.recipes.trainings import trainings
from retort.recipes.tune import require_searchable
from retort.recipes.usable_models import require_models
from retort.report.cards import model_card
from retort.report.page import write_report
from retort.whole_folder import disk_errors, is_writer, refuse_existing, written_aside, written_whole


def compare(
    settings: ExperimentSettings,
    folder: Path,
    reporter: Reporter,
    *,
    keep_texts: bool = True,
    keep_all: bool = False,
    track: str | None = None,
) -> dict[str, Any] | None:
    """Fits and judges every arm of `settings` and writes the run to `folder`; returns comparison.json.

    Everything that can be refused is refused before the first training step. The run is whole once its first seed is
    judged; further seeds and draws are then added to it (`recipes/further.py`). A first seed that fails or is
    interrupted keeps the arms that are finished, in `FOLDER.partial`; without any it leaves nothing. With `keep_all`
    the models of all seeds are kept, not only those of the first. Of several processes (torchrun) only the first judges
    and writes; the others take part in training and return None.
    """
    started = utc_now()
    refuse_existing(folder)
    base = resolve_base(settings.base, settings.base_revision)
    attributes = require_models(settings, base)
    reporter.stage("comments")
    inputs = read_inputs(settings, attributes)
    for line in [*inputs.lines, *inputs.notes]:
        reporter.say(line)
    findings = findings_of(settings, inputs)
    for finding in findings:
        reporter.say(f"warning: {finding}")
    if settings.strict:
        refuse_findings(findings)
    require_searchable(settings, inputs)
    material = Material(base, inputs, settings.max_length)
    with written_whole(folder) as partial:
        settings, comparison = _first(
            settings, material, findings, partial, folder.name, reporter, keep_texts, track, started
        )
    if len(trainings(folder, settings)) == 1:
        return comparison
    train_further(settings, folder, reporter, keep_all=keep_all, material=material)
    return judge_again(settings, folder, reporter)


def extend(
    settings: ExperimentSettings, folder: Path, reporter: Reporter, *, keep_all: bool = False
) -> dict[str, Any] | None:
    """Trains what the run in `folder` lacks of `settings` (see `further.extended`), and judges all of it again."""
    reporter.stage("comments")
    train_further(settings, folder, reporter, keep_all=keep_all)
    return judge_again(settings, folder, reporter)


def judge_again(settings: ExperimentSettings, folder: Path, reporter: Reporter) -> dict[str, Any] | None:
    """Judges all that is trained in a whole run, and replaces its comparison.json and report."""
    if not is_writer():
        return None
    reporter.stage("judgement")
    with naming_what_is_kept(folder), disk_errors(folder):
        comparison = comparison_of(folder, settings, _resident_bytes(folder, settings))
        write_settings(settings, folder)
        with written_aside(folder / runs.COMPARISON) as aside:
            runs.write_json(aside, comparison)
        reporter.stage("report")
        write_report(folder)
    return comparison


def _first(
    settings: ExperimentSettings,
    material: Material,
    findings: Sequence[Finding],
    folder: Path,
    run_id: str,
    reporter: Reporter,
    keep_texts: bool,
    track: str | None,
    started: str,
) -> tuple[ExperimentSettings, dict[str, Any] | None]:
    """Trains the first seed into `folder` and judges it; returns the settings with what was searched, too."""
    if is_writer():
        write_settings(settings, folder)
        write_inputs(material.inputs, folder, keep_texts)
    fits = train(settings, material, folder, settings.arms, run_id, reporter, keep_arms=True, track=track)
    settings = fits.settings.model_copy(update={"tune": None})
    if not is_writer():
        return settings, None
    if fits.tuning:
        # A run with these settings searches no more, and trains the same.
        write_settings(settings, folder)
    reporter.stage("speed")
    _measure_speed(fits.arms, material.inputs, settings)
    for arm in fits.arms.values():
        write_training(settings.seed, arm)
    write_run(settings, material.inputs, fits, started, folder, findings)
    reporter.stage("judgement")
    comparison = comparison_of(folder, settings.alone(), _resident_bytes(folder, settings))
    _write_judgement(fits.arms, comparison)
    runs.write_json(folder / runs.COMPARISON, comparison)
    reporter.stage("report")
    write_report(folder)
    return settings, comparison


def _measure_speed(arms: Mapping[str, Arm], inputs: Inputs, settings: ExperimentSettings) -> None:
    """Loads all models again and measures them on the CPU, where they are compared, wherever they were trained."""
    models = [name for name in arms if settings.kind_of(name).LOADER is not None]
    callers = {name: Classifier.load(arms[name].folder, device="cpu").probabilities for name in models}
    texts = inputs.test.texts[: settings.evaluation.speed_comments]
    for name, speed in measure_speed(callers, texts, settings.evaluation.latency_comments).items():
        arms[name].cost |= speed | {"device": "cpu"}


def _resident_bytes(folder: Path, settings: ExperimentSettings) -> dict[str, int]:
    """The memory of a process that serves an arm, by arm; measured only where it is limited, since it takes long."""
    if "memory_mb" not in settings.evaluation.limits:
        return {}
    models = [name for name in settings.arms if settings.kind_of(name).LOADER is not None]
    return {name: serving_memory(folder / name, GOLDEN_TEXTS) for name in models}


def _write_judgement(arms: Mapping[str, Arm], comparison: dict[str, Any]) -> None:
    """Writes figures and card of every model: its own, of the one seed that it is of."""
    for name, arm in arms.items():
        runs.write_json(arm.folder / runs.METRICS, comparison["arms"][name]["test"])
        (arm.folder / runs.MODEL_CARD).write_text(model_card(comparison, name), "utf-8")
        runs.write_manifest(arm.folder)
