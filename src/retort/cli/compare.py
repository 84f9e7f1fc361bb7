"""`retort compare`: one command from comments to a report."""

import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retort.cli.gates import gates_of, held, refuse_missed, show_gates
from retort.cli.options import Gates, Json, TaskFile, reads_a_file, require_data
from retort.errors import ConfigError, RunError

if TYPE_CHECKING:
    from retort.recipes.gates.gate import Gate

_RUNS = Path("runs")


@reads_a_file
def compare(
    preset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="See `retort presets`; quickstart when not given.", show_default=False),
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Settings as TOML.", show_default=False)] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one setting, e.g. student.epochs=5; repeatable."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Comments to learn from: CSV, TSV, Parquet or JSONL, also .gz.", show_default=False
        ),
    ] = None,
    validation: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A separate validation file.", show_default=False)
    ] = None,
    test: Annotated[Path | None, typer.Option(metavar="FILE", help="A separate test file.", show_default=False)] = None,
    unlabelled: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Comments without labels: students also learn the teacher's outputs for them.",
            show_default=False,
        ),
    ] = None,
    augment: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Add sentences that mention people harmlessly to the training comments: neutral.",
            show_default=False,
        ),
    ] = None,
    task: TaskFile = None,
    base: Annotated[
        str | None,
        typer.Option(metavar="NAME|DIR|HUB_ID", help="A BERT; `minilm` is the packaged one.", show_default=False),
    ] = None,
    teacher: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A classifier already fine-tuned, used as the teacher.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the run [runs/PRESET-TIME].", show_default=False),
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            metavar="TARGET",
            help="What decision thresholds are chosen for, on validation: f1, 0.5 (fixed), precision=0.9, recall=0.8, "
            "false-alarms=0.01, budget=20 (flagged of 1,000) or cost=10 (of a missed comment, in false alarms) [f1].",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Seed of the training: new weights, order, dropout. The draw and split of the comments use data.seed.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(metavar="N", help="Train every arm N times on the same split.", show_default=False),
    ] = None,
    resplits: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Draw and split the comments N times, and train every seed on each.", show_default=False
        ),
    ] = None,
    extend: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Add seeds or resplits to a finished run, complete it where a seed failed, or judge it again.",
            show_default=False,
        ),
    ] = None,
    keep_all: Annotated[
        bool, typer.Option("--keep-all", help="Keep the models of all seeds, not only those of the first.")
    ] = False,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=NUMBER",
            help="Do not recommend models above it, e.g. latency_ms=10; also size_mb and memory_mb; repeatable.",
        ),
    ] = None,
    tune: Annotated[
        int | None,
        typer.Option(
            metavar="TRIALS",
            help="Search each model's learning rate, and an adapter's rank, on validation: TRIALS for each model.",
            show_default=False,
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at any warning of the checks before and during training.")
    ] = False,
    no_texts: Annotated[bool, typer.Option("--no-texts", help="Keep no texts of comments in the run.")] = False,
    track: Annotated[
        str | None, typer.Option(metavar="NAME", help="Also log to a tracker: tensorboard.", show_default=False)
    ] = None,
    gate: Gates = None,
    as_json: Json = False,
    *,
    columns: dict[str, str],
) -> None:
    """Train teacher, students and LoRA, judge them, and write the report.

    Example: retort compare --preset seed --data train.csv --base ./bert-base-uncased
    """
    from retort.recipes.experiment import resolve
    from retort.tasks import read_task

    if extend is not None:
        _require_only_extending(
            preset=preset, config=config, set=set_, task=task, base=base, teacher=teacher, out=out, seed=seed,
            threshold=threshold, tune=tune, no_texts=no_texts, track=track, augment=augment, strict=strict,
        )  # fmt: skip
    files = {"train_file": data, "validation_file": validation, "test_file": test, "unlabelled_file": unlabelled}
    changes: dict[str, Any] = {"base": base, "teacher_folder": teacher, "seed": seed, "tune": tune}
    if base is not None:
        changes["base_revision"] = None
    changes = {key: value for key, value in changes.items() if value is not None or key == "base_revision"}
    changes["data"] = {key: value for key, value in files.items() if value is not None}
    changes["data"] |= {"columns": columns}
    if strict:
        changes["strict"] = True
    if augment is not None:
        changes["data"] |= {"augment": augment}
    changes["evaluation"] = {} if threshold is None else {"threshold": threshold}
    if task is not None:
        changes["task"] = read_task(task).as_dict()
    if data is not None:
        changes["data"] |= {"source": "file", "official_splits": False}
    if limit:
        changes["evaluation"] |= {"limits": _limits(limit)}
    gates = gates_of(gate)
    if extend is not None:
        _extended(extend, seeds, resplits, changes, keep_all, gates, as_json)
        return
    changes |= {key: value for key, value in {"seeds": seeds, "resplits": resplits}.items() if value is not None}
    settings = resolve(preset, config, set_ or (), changes)
    if not settings.data.has_headers:
        require_data(settings.data.columns, data)
    if gates:
        from retort.recipes.gates.check import require_comparable

        require_comparable(gates, settings.arms, settings.task.names)
    folder = out or _RUNS / f"{settings.preset}-{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}"

    from retort.cli.progress import TerminalReporter
    from retort.whole_folder import is_writer, refuse_existing

    refuse_existing(folder)
    with TerminalReporter(quiet=not is_writer()) as reporter:
        reporter.stage("loading")
        from retort.recipes.compare import compare as run

        comparison = run(settings, folder, reporter, keep_texts=not no_texts, keep_all=keep_all, track=track)
    _print(comparison, folder, gates, as_json)


def _extended(
    folder: Path,
    seeds: int | None,
    resplits: int | None,
    changes: dict[str, Any],
    keep_all: bool,
    gates: "Sequence[Gate]",
    as_json: bool,
) -> None:
    from retort.cli.progress import TerminalReporter
    from retort.whole_folder import is_writer

    with TerminalReporter(quiet=not is_writer()) as reporter:
        reporter.stage("loading")
        from retort.recipes.compare import extend
        from retort.recipes.further import extended, settings_of_run

        settings = extended(settings_of_run(folder, changes), seeds, resplits)
        comparison = extend(settings, folder, reporter, keep_all=keep_all)
    _print(comparison, folder, gates, as_json)


def _require_only_extending(**given: Any) -> None:
    """Raises ConfigError for an option that --extend cannot change: a run has one set of settings."""
    for name, value in given.items():
        if value is not None and value is not False and value != []:
            raise ConfigError(
                f"--{name.replace('_', '-')}: --extend goes on with the settings of the run; leave it out, or start "
                "another run"
            )


def _limits(texts: list[str]) -> dict[str, str]:
    """{key: number as text} of KEY=NUMBER texts. Raises ConfigError for any other text."""
    pairs = [text.partition("=") for text in texts]
    for text, (key, separator, number) in zip(texts, pairs, strict=True):
        if not (key and separator and number):
            raise ConfigError(f"--limit {text!r}: not KEY=NUMBER; write for example --limit latency_ms=10")
    return {key: number for key, _, number in pairs}


def _print(comparison: dict[str, Any] | None, folder: Path, gates: "Sequence[Gate]", as_json: bool) -> None:
    """The comparison on stdout. Raises RunError when some of its trainings or gates failed."""
    from retort import runs

    if comparison is None:  # another process reports
        return
    comparison = held(gates, folder / runs.COMPARISON, comparison)
    if as_json:
        typer.echo(json.dumps(comparison, allow_nan=False))
    else:
        from retort.cli.tables import print_comparison

        print_comparison(comparison)
        typer.echo(f"\nReport: {folder / runs.REPORT}\nTable:  {folder / runs.COMPARISON_TABLE}")
    show_gates(comparison, as_json)
    if failed := comparison["failed_seeds"]:
        title, why = next(iter(failed.items()))
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise RunError(
            f"{title}{more}: {why}; the others are judged in {folder}, try again: retort compare --extend {folder}"
        )
    refuse_missed(comparison, folder)
