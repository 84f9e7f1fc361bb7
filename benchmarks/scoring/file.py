"""Scoring a file: `retort score` of an exported 6-layer student against `transformers.pipeline`.

The pipeline runs the student's 12-layer teacher, and the student itself, and is timed after loading. retort is timed
as a whole command, on a file with the same comments several times over. Both read the first 128 tokens of a comment
(`--truncate`); a further row shows the cost of reading long ones to their end, retort's default.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.shared import comments, models, processes, results, script
from benchmarks.shared.results import Row, Side
from retort.errors import RunError
from retort.inference.onnx_predictor import FP32, INT8
from retort.text import normalised_text

TEACHER_GOAL, SAME_GOAL = 10.0, 5.0
_BATCHES = (1, 32)
_PROBED = 64


@dataclass(frozen=True)
class Files:
    """The texts once, `times` times over, and the first one alone."""

    once: Path
    many: Path
    single: Path
    texts: list[str]
    times: int

    @property
    def rows(self) -> int:
        """Of the file `many`."""
        return len(self.texts) * self.times


@dataclass(frozen=True)
class Measured:
    """Seconds of every round: of the pipelines for the file `once` (teacher, student), of retort for `many` (by
    format), its start for `single` (FORMAT, start), and without --truncate (to the end). batches: of the pipelines.
    """

    formats: Sequence[str]
    seconds: dict[str, list[float]]
    batches: dict[str, int]


def main() -> int:
    sizes = {
        "rounds": (3, 3, "of each side"), "comments": (1000, 40, "different ones"), "times": (4, 4, "in retort's file"),
    }  # fmt: skip
    given = script.parsed(models.parser(__doc__, **sizes))
    with models.prepared(given) as made, processes.other_load() as load:
        files = write_files(made.folder, given.comments, given.times, given.seed)
        formats, refused = exported(made)
        found, probabilities = measured(made, files, formats, given.rounds)
    alike = read_alike(files.texts)
    rows = speed(found, files, made.size.layers)
    for form in formats:
        ours, theirs = probabilities[form][: len(files.texts)], probabilities["student"]
        rows.append(agreement(f"  {form} and pipeline, same model", ours, theirs, alike, exact=form == FP32))
    notes = [
        f"{made.size.name}, random weights; the gate of `retort export` compares their verdicts, not their quality",
        f"retort's file: {files.rows:,} rows, the {len(files.texts):,} comments {files.times} times",
        f"probabilities compared on the {len(alike):,} comments without disguised words",
        *refused,
    ]
    data, figures = comments.source().described(len(files.texts)), {"seconds": found.seconds, "batch": found.batches}
    return script.finish(given, [*rows, processes.load_row(load.share)], data=data, notes=notes, figures=figures)


def write_files(folder: Path, count: int, times: int, seed: int) -> Files:
    """CSV files of randomly drawn comments."""
    texts = comments.drawn_texts(count, seed)
    contents = {"once": texts, "many": texts * times, "single": texts[:1]}
    paths = {name: comments.write_texts(folder / f"{name}.csv", content) for name, content in contents.items()}
    return Files(**paths, texts=texts, times=times)


def exported(made: models.Models) -> tuple[dict[str, Path], list[str]]:
    """The student in int8 and, where it passes the parity gate, in fp32; otherwise a note."""
    formats = {INT8: made.exported(INT8)}
    try:
        return formats | {FP32: made.exported(FP32)}, []
    except RunError as error:
        return formats, [f"{FP32} was not exported: {error}"]


def measured(
    made: models.Models, files: Files, formats: dict[str, Path], rounds: int
) -> tuple[Measured, dict[str, Any]]:
    """All sides in turns; and the probabilities by format and model."""
    pipelines, folder = {"teacher": made.teacher(), "student": made.student()}, made.folder
    probe = comments.write_texts(folder / "probe.csv", files.texts[:_PROBED])
    batches = {name: fastest_batch(name, model, probe, folder) for name, model in pipelines.items()}
    probabilities: dict[str, Any] = {}

    def pipeline(name: str) -> float:
        seconds, probabilities[name] = pipeline_score(pipelines[name], files.once, batches[name], folder)
        return seconds

    def scored(form: str) -> float:
        seconds, probabilities[form] = retort_score(formats[form], files.many, folder, truncate=True)
        return seconds

    def start(form: str) -> float:
        return retort_score(formats[form], files.single, folder, truncate=True)[0]

    turns: dict[str, Callable[[], float]] = {name: functools.partial(pipeline, name) for name in pipelines}
    for form in formats:
        start(form)  # reads the model into the file cache
        turns |= {f"{form}, start": functools.partial(start, form), form: functools.partial(scored, form)}
    turns["to the end"] = lambda: retort_score(formats[INT8], files.many, folder, truncate=False)[0]
    return Measured(tuple(formats), processes.alternated(turns, rounds), batches), probabilities


def fastest_batch(name: str, model: Path, texts: Path, folder: Path) -> int:
    """The batch size with which the pipeline is faster."""
    seconds = {size: pipeline_score(model, texts, size, folder)[0] for size in _BATCHES}
    script.note(f"pipeline on the {name}: seconds by batch size {seconds}")
    return min(seconds, key=seconds.__getitem__)


def pipeline_score(model: Path, texts: Path, batch_size: int, folder: Path, **further: Any) -> tuple[float, Any]:
    """Seconds after loading, and probabilities; `further` are further settings of usual_way.py."""
    settings = {"model": model, "texts": texts, "batch_size": batch_size, "max_length": models.MAX_LENGTH}
    _, result = processes.usual_way("score", settings | further, folder / "pipeline")
    return float(result["seconds"]), np.array(result["probabilities"])


def retort_score(model: Path, texts: Path, folder: Path, *, truncate: bool) -> tuple[float, Any]:
    """Seconds of the whole command, and probabilities in the order of the rows."""
    out = folder / "scored.csv"
    out.unlink(missing_ok=True)
    flags = ["--truncate"] if truncate else []
    seconds = processes.timed(processes.retort("score", texts, out, "--model", model, *flags), folder / "score.log")
    return seconds, pd.read_csv(out)[comments.LABEL].to_numpy()


def speed(found: Measured, files: Files, layers: int) -> list[Row]:
    """The two ratios with goals, of whole commands; then rates without start, to the end, and the starts themselves.

    layers: of the teacher.
    """
    starts = {form: results.median(found.seconds[f"{form}, start"]) for form in found.formats}

    def pipeline(model: str, layers: int) -> Side:
        name = f"pipeline, {layers} layers, batch {found.batches[model]}"
        return _rate(name, len(files.texts), found.seconds[model])

    def ours(form: str, what: str = "") -> Side:
        return _rate(f"retort score, {what or form}", files.rows, found.seconds[form])

    def without_start(form: str) -> Side:
        return _rate(f"retort score, {form}", files.rows - 1, [one - starts[form] for one in found.seconds[form]])

    best = min(found.formats, key=lambda form: results.median(found.seconds[form]))
    teacher, same = pipeline("teacher", layers), pipeline("student", layers // 2)
    windows = ours("to the end", "int8, all windows"), ours(INT8, "int8, beginnings")
    ratio = results.times_the_rate
    return [
        ratio("scoring a file, int8 student / pipeline on its teacher", ours(INT8), teacher, TEACHER_GOAL),
        ratio(f"scoring a file, best format ({best}) / pipeline, same model", ours(best), same, SAME_GOAL),
        *(ratio(f"  without its start, {form}", without_start(form), same) for form in found.formats),
        ratio("  long comments read to their end", *windows),
        *(results.figure(f"  retort's start, {form}", s, "s (a file of one row)") for form, s in starts.items()),
    ]


def agreement(what: str, ours: Any, theirs: Any, alike: Sequence[int], *, exact: bool = False) -> Row:
    """The difference between the probabilities of one model, on the rows `alike`.

    The goal is a largest difference of 0.0001 when `exact`, else at most 1 % of verdicts flipped.
    """
    rows = list(alike)
    if not rows:
        return results.figure(what, "no comment that both sides read alike")
    largest = float(np.abs(ours[rows] - theirs[rows]).max())
    flipped = int(np.count_nonzero((ours[rows] >= 0.5) != (theirs[rows] >= 0.5)))
    measured = f"probabilities at most {largest:.2g} apart, {flipped} of {len(rows):,} verdicts flipped"
    if exact:
        return results.required(what, measured, "<= 0.0001 apart", largest <= 1e-4)
    limit = max(len(rows) // 100, 2)
    return results.required(what, measured, f"<= {limit} flipped", flipped <= limit)


def read_alike(texts: Sequence[str]) -> list[int]:
    """The comments that both sides read as the same tokens: those that retort's normalisation leaves unchanged."""
    return [place for place, text in enumerate(texts) if normalised_text(text) == text]


def _rate(name: str, rows: int, seconds: Sequence[float]) -> Side:
    # On a busy machine, tiny files can take longer to start than to score as a whole.
    return Side(name, tuple(rows / took if took > 0 else math.nan for took in seconds), "comments/s")


if __name__ == "__main__":
    script.run(main)
