"""Scoring a file: `retort score` of an exported 6-layer student against `transformers.pipeline`.

Against the pipeline on the student's 12-layer teacher, and on the student itself. The pipeline takes the better of
batches of 1 and 32, found out on some of the comments beforehand, and is timed from when it is loaded; retort is
timed as a whole command, start included, on a file of the same comments several times over, because files are what
starting up is for. Its rate without the start is told beside it. Both read the first 128 tokens of a comment
(`--truncate`); what it takes retort to read long ones to their end, as it does unless told otherwise, is told too.

The weights are random, which costs the same time. Quality is how far the two sides' probabilities for the
student are apart, on comments that either reads whole.

Example: python benchmarks/score_file.py
"""

import argparse
import functools
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import serving
import side_comments
import side_models
import side_script
import sides

from retort.errors import RunError
from retort.inference.onnx_predictor import FP32, INT8

TEACHER_GOAL, SAME_GOAL = 10.0, 5.0
_BATCHES = (1, 32)
_PROBED = 64
_QUICK = 40


@dataclass(frozen=True)
class Files:
    """The comments once, several times over, and one alone; texts: of the first."""

    once: Path
    many: Path
    single: Path
    texts: list[str]
    times: int

    @property
    def rows(self) -> int:
        """Of the file of many."""
        return len(self.texts) * self.times


@dataclass(frozen=True)
class Seconds:
    """What every side took, round by round. whole, starts: by format, on the file of many and on that of one;
    unabridged: int8 on the file of many, long comments read to their end. pipelines: by model, on the comments once.
    """

    whole: dict[str, list[float]]
    starts: dict[str, list[float]]
    unabridged: list[float]
    pipelines: dict[str, list[float]]


def main() -> int:
    options = side_script.parser(__doc__ or "", "40 comments, tiny models", rounds=3)
    options.add_argument(
        "--comments", type=side_script.positive, default=1000, metavar="N", help="different ones [1000]"
    )
    options.add_argument("--times", type=side_script.positive, default=4, metavar="N", help="over in retort's file [4]")
    given = options.parse_args()
    with side_script.workshop(given) as folder, sides.watched() as others:
        models = side_models.models(given, folder)
        files = write_files(folder, _QUICK if given.quick else given.comments, given.times, given.seed)
        formats, refused = exported(models)
        seconds, batches, said = measured(given, folder, models, files, formats)
    best = min(formats, key=lambda form: serving.middle(seconds.whole[form]))
    rows = speed(seconds, batches, best, files, models)
    rows += [steady(form, seconds, files) for form in formats]
    rows.append(to_the_end(seconds, files))
    rows += [
        sides.figure(f"  retort's start, {form}", serving.middle(seconds.starts[form]), "s (a file of one row)")
        for form in formats
    ]
    alike = read_alike(files.texts)
    rows += [quality(form, said[form][: len(files.texts)], said["student"], alike) for form in formats]
    rows.append(sides.bystanders(others.share))
    notes = [
        f"{models.shape.name}, random weights; the gate of `retort export` holds their verdicts, not their quality",
        f"retort's file: {files.rows:,} rows, the {len(files.texts):,} comments {files.times} times",
        f"both sides compared on the {len(alike):,} comments that hide no word",
        *refused,
    ]
    figures = {
        "whole_seconds": seconds.whole,
        "start_seconds": seconds.starts,
        "int8_to_the_end_seconds": seconds.unabridged,
        "pipeline_seconds": seconds.pipelines,
        "batch": batches,
    }
    data = f"{side_comments.source().origin}: {len(files.texts):,}"
    return sides.tell(given, rows, data=data, notes=notes, figures=figures)


def write_files(folder: Path, count: int, times: int, seed: int) -> Files:
    """CSV files of the drawn comments."""
    texts = side_comments.drawn_texts(count, seed)
    return Files(
        side_comments.write_texts(folder / "once.csv", texts),
        side_comments.write_texts(folder / "many.csv", texts * times),
        side_comments.write_texts(folder / "single.csv", texts[:1]),
        texts,
        times,
    )


def exported(models: side_models.Models) -> tuple[dict[str, Path], list[str]]:
    """The student's formats that pass the gate, and a line for each that does not."""
    formats: dict[str, Path] = {}
    refused = []
    for form in (INT8, FP32):
        try:
            formats[form] = models.exported(form)
        except RunError as error:
            refused.append(f"{form} was not exported: {error}")
    if INT8 not in formats:
        raise RunError(refused[0])
    return formats, refused


def measured(
    given: argparse.Namespace, folder: Path, models: side_models.Models, files: Files, formats: dict[str, Path]
) -> tuple[Seconds, dict[str, int], dict[str, Any]]:
    """Seconds of every side in turns, the pipelines' batch sizes, and what was said last."""
    said: dict[str, Any] = {}
    pipelines = {"teacher": models.teacher(), "student": models.student()}
    probe = side_comments.write_texts(folder / "probe.csv", files.texts[:_PROBED])
    batches = {}
    for name, model in pipelines.items():
        probed = {size: pipeline_score(model, probe, size, folder)["seconds"] for size in _BATCHES}
        batches[name] = min(probed, key=probed.__getitem__)
        serving.note(f"pipeline on the {name}: seconds by batch size {probed}")

    def asked(name: str) -> float:
        result = pipeline_score(pipelines[name], files.once, batches[name], folder)
        said[name] = np.array(result["probabilities"])
        return float(result["seconds"])

    def scored(form: str, texts: Path) -> float:
        seconds, found = retort_score(formats[form], texts, folder, truncate=True)
        if texts == files.many:
            said[form] = found
        return seconds

    turns: dict[str, Callable[[], float]] = {name: functools.partial(asked, name) for name in pipelines}
    for form, texts in itertools.product(formats, (files.single, files.many)):
        turns[f"{form} {texts.stem}"] = functools.partial(scored, form, texts)
    turns["to the end"] = lambda: retort_score(formats[INT8], files.many, folder, truncate=False)[0]
    # The first of all reads model files into the machine's memory.
    for form in formats:
        scored(form, files.single)
    found = sides.alternated(turns, given.rounds)
    seconds = Seconds(
        {form: found[f"{form} many"] for form in formats},
        {form: found[f"{form} single"] for form in formats},
        found["to the end"],
        {name: found[name] for name in pipelines},
    )
    return seconds, batches, said


def pipeline_score(model: Path, texts: Path, batch_size: int, folder: Path) -> dict[str, Any]:
    """What usual_way.py says: load_seconds, seconds, probabilities."""
    out = folder / "pipeline.json"
    command = sides.usual_way("score", "--model", model, "--texts", texts, "--out", out)
    command += ["--batch-size", str(batch_size), "--max-length", str(side_models.MAX_LENGTH)]
    sides.timed(command, folder / "pipeline.log")
    result: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return result


def retort_score(model: Path, texts: Path, folder: Path, *, truncate: bool) -> tuple[float, Any]:
    """Seconds of the whole command, and its probabilities in the order of the rows."""
    out = folder / "scored.csv"
    out.unlink(missing_ok=True)
    further = ["--truncate"] if truncate else []
    seconds = sides.timed(sides.retort("score", texts, out, "--model", model, *further), folder / "score.log")
    return seconds, pd.read_csv(out)[side_comments.PRIMARY].to_numpy()


def speed(
    seconds: Seconds, batches: dict[str, int], best: str, files: Files, models: side_models.Models
) -> list[sides.Row]:
    """The two ratios that have goals; rates of the whole command, start included."""
    layers = {"teacher": models.shape.layers, "student": models.shape.layers // 2}
    rates = {
        name: sides.Side(
            f"pipeline, {layers[name]} layers, batch {batches[name]}", _rates(len(files.texts), took), "comments/s"
        )
        for name, took in seconds.pipelines.items()
    }

    def ours(form: str) -> sides.Side:
        return sides.Side(f"retort score, {form}", _rates(files.rows, seconds.whole[form]), "comments/s")

    return [
        sides.times_the_rate(
            "scoring a file, int8 student / pipeline on its teacher", ours(INT8), rates["teacher"], TEACHER_GOAL
        ),
        sides.times_the_rate(
            f"scoring a file, best format ({best}) / pipeline, same model", ours(best), rates["student"], SAME_GOAL
        ),
    ]


def steady(form: str, seconds: Seconds, files: Files) -> sides.Row:
    """The rate without the start, beside the pipeline on the same model."""
    start = serving.middle(seconds.starts[form])
    took = [one - start for one in seconds.whole[form]]
    ours = sides.Side(f"retort score, {form}", _rates(files.rows - 1, took), "comments/s")
    theirs = sides.Side("pipeline, same model", _rates(len(files.texts), seconds.pipelines["student"]), "comments/s")
    return sides.times_the_rate(f"  without its start, {form}", ours, theirs, None)


def to_the_end(seconds: Seconds, files: Files) -> sides.Row:
    """int8 reading long comments in windows, beside int8 reading their beginnings; whole commands."""
    ours = sides.Side("retort score, int8, all windows", _rates(files.rows, seconds.unabridged), "comments/s")
    theirs = sides.Side("retort score, int8, beginnings", _rates(files.rows, seconds.whole[INT8]), "comments/s")
    return sides.times_the_rate("  long comments read to their end", ours, theirs, None)


def quality(form: str, ours: Any, theirs: Any, alike: Sequence[int]) -> sides.Row:
    """How far the probabilities of one model are apart on the rows `alike`."""
    rows = list(alike)
    if not rows:
        return sides.figure(f"  {form} and pipeline, same model", "no comment that both read alike")
    apart = np.abs(ours[rows] - theirs[rows])
    flipped = int(np.count_nonzero((ours[rows] >= 0.5) != (theirs[rows] >= 0.5)))
    said = f"probabilities at most {apart.max():.2g} apart, {flipped} of {len(rows):,} verdicts flipped"
    if form == FP32:
        return sides.required(f"  {form} and pipeline, same model", said, "<= 0.0001 apart", bool(apart.max() <= 1e-4))
    most = max(len(rows) // 100, 2)
    return sides.required(f"  {form} and pipeline, same model", said, f"<= {most} flipped", flipped <= most)


def read_alike(texts: Sequence[str]) -> list[int]:
    """The comments that both sides read as the same tokens: those in which retort undoes no disguise."""
    from retort.text import normalised_text

    return [place for place, text in enumerate(texts) if normalised_text(text) == text]


def _rates(rows: int, seconds: Sequence[float]) -> tuple[float, ...]:
    # A file of one row can take longer than one of many tiny comments on a busy machine.
    return tuple(rows / took if took > 0 else float("nan") for took in seconds)


if __name__ == "__main__":
    side_script.ended(main)
