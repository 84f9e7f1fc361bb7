"""`retort compare`: one command from comments to a report."""

import datetime
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from retort.cli.options import Json, reads_a_file
from retort.config import ColumnNames

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
        Path | None, typer.Option(metavar="FILE", help="Validation comments of their own.", show_default=False)
    ] = None,
    test: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Test comments of their own.", show_default=False)
    ] = None,
    unlabelled: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Further comments for the soft and hidden terms.", show_default=False),
    ] = None,
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
        typer.Option(metavar="DIR", help="Where the run goes [runs/PRESET-TIME].", show_default=False),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Draws rows, splits and weights.", show_default=False)
    ] = None,
    no_texts: Annotated[bool, typer.Option("--no-texts", help="Keep no comment's text in the run.")] = False,
    track: Annotated[
        str | None, typer.Option(metavar="NAME", help="Also log to a tracker: tensorboard.", show_default=False)
    ] = None,
    as_json: Json = False,
    *,
    columns: ColumnNames,
) -> None:
    """Train teacher, students and LoRA, judge them, and write the report.

    Example: retort compare --preset seed --data train.csv --base ./bert-base-uncased
    """
    from retort.config import resolve

    files = {"train_file": data, "validation_file": validation, "test_file": test, "unlabelled_file": unlabelled}
    changes: dict[str, Any] = {"base": base, "teacher_folder": teacher, "seed": seed}
    if base is not None:
        changes["base_revision"] = None
    changes = {key: value for key, value in changes.items() if value is not None or key == "base_revision"}
    changes["data"] = {key: value for key, value in files.items() if value is not None}
    changes["data"] |= {"columns": columns.model_dump(exclude_none=True)}
    if data is not None:
        changes["data"] |= {"source": "file", "official_splits": False}
    settings = resolve(preset, config, set_ or (), changes)
    folder = out or _RUNS / f"{settings.preset}-{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}"

    from retort import runs
    from retort.cli.progress import TerminalReporter

    runs.refuse_existing(folder)
    with TerminalReporter(quiet=not runs.is_writer()) as reporter:
        reporter.stage("loading")
        from retort.recipes.compare import compare as run

        comparison = run(settings, folder, reporter, keep_texts=not no_texts, track=track)
    if comparison is None:  # another process prints
        return
    if as_json:
        typer.echo(json.dumps(comparison, allow_nan=False))
        return
    from retort.cli.tables import print_comparison

    print_comparison(comparison)
    typer.echo(f"\nReport: {folder / runs.REPORT}\nTable:  {folder / runs.COMPARISON_TABLE}")
