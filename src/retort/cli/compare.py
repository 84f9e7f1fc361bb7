"""`retort compare`: one command from comments to a report."""

import datetime
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from retort.cli.options import Json, TaskFile, reads_a_file, require_data

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
            metavar="FILE", help="Further comments, for the terms that compare with the teacher.", show_default=False
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
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Seed of drawn rows, splits and new weights.", show_default=False)
    ] = None,
    no_texts: Annotated[bool, typer.Option("--no-texts", help="Keep no texts of comments in the run.")] = False,
    track: Annotated[
        str | None, typer.Option(metavar="NAME", help="Also log to a tracker: tensorboard.", show_default=False)
    ] = None,
    as_json: Json = False,
    *,
    columns: dict[str, str],
) -> None:
    """Train teacher, students and LoRA, judge them, and write the report.

    Example: retort compare --preset seed --data train.csv --base ./bert-base-uncased
    """
    from retort.recipes.experiment import resolve
    from retort.tasks import read_task

    files = {"train_file": data, "validation_file": validation, "test_file": test, "unlabelled_file": unlabelled}
    changes: dict[str, Any] = {"base": base, "teacher_folder": teacher, "seed": seed}
    if base is not None:
        changes["base_revision"] = None
    changes = {key: value for key, value in changes.items() if value is not None or key == "base_revision"}
    changes["data"] = {key: value for key, value in files.items() if value is not None}
    changes["data"] |= {"columns": columns}
    if task is not None:
        changes["task"] = read_task(task).as_dict()
    if data is not None:
        changes["data"] |= {"source": "file", "official_splits": False}
    settings = resolve(preset, config, set_ or (), changes)
    if not settings.data.has_headers:
        require_data(settings.data.columns, data)
    folder = out or _RUNS / f"{settings.preset}-{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}"

    from retort import runs
    from retort.cli.progress import TerminalReporter
    from retort.whole_folder import is_writer, refuse_existing

    refuse_existing(folder)
    with TerminalReporter(quiet=not is_writer()) as reporter:
        reporter.stage("loading")
        from retort.recipes.compare import compare as run

        comparison = run(settings, folder, reporter, keep_texts=not no_texts, track=track)
    if comparison is None:  # another process reports
        return
    if as_json:
        typer.echo(json.dumps(comparison, allow_nan=False))
        return
    from retort.cli.tables import print_comparison

    print_comparison(comparison)
    typer.echo(f"\nReport: {folder / runs.REPORT}\nTable:  {folder / runs.COMPARISON_TABLE}")
