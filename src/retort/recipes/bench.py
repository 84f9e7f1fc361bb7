"""The job of `retort bench`: speed and memory of every format of every arm, next to this machine's limits."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retort import runs
from retort.bench.ceilings import Rate, has_int8_instructions, measure_ceilings, measure_gpu_ceilings
from retort.bench.cost import Turns, speed, take_turns
from retort.bench.flops import forward_flops
from retort.bench.model_formats import Format, formats_of, open_format, precision, shape_of, window_lengths
from retort.bench.other_load import OtherLoad
from retort.bench.resident import measure_resident
from retort.data.run_comments import keeps_texts, run_above, split_with_texts
from retort.data.sources import read_file, read_sample
from retort.errors import ConfigError, ModelError, ResourceError
from retort.inference.folders import is_model, is_run, model_name, model_sha256
from retort.inference.predictor import Classifier
from retort.machine import usable_threads
from retort.progress import StageProgress
from retort.provenance import provenance, utc_now
from retort.report.bench.drawing import write_drawings
from retort.report.bench.verdict import verdict, warnings
from retort.tasks import default_task
from retort.whole_folder import refuse_existing, written_whole

RESULT = "bench.json"


@dataclass(frozen=True)
class Effort:
    """comments: how many are rated by default. ceiling_seconds: time for the matrix products."""

    comments: int
    ceiling_seconds: float


FULL, QUICK = Effort(128, 3.0), Effort(16, 0.5)


@dataclass(frozen=True)
class Texts:
    """The comments to rate; `origin` describes them in words."""

    texts: list[str]
    origin: str


@dataclass(frozen=True)
class _Opened:
    form: Format
    classifier: Classifier


def bench(
    folder: Path,
    out: Path,
    *,
    data: Path | None,
    columns: Mapping[str, str],
    comments: int | None,
    effort: Effort,
    progress: StageProgress,
) -> dict[str, Any]:
    """Measures, writes bench.json and its drawing to `out`, and returns the content of bench.json.

    folder: a run or a model. comments: how many are rated, by default up to `effort.comments`. Raises ModelError
    for a folder that is neither, and for a model of another task than its run's; ConfigError when there are fewer
    comments than requested, DataError when `data` cannot be used; `out` is left empty then.
    """
    refuse_existing(out)
    forms, left_out = _formats(folder)
    _require_task_of_run(folder, forms)
    texts = _chosen(_texts(folder, data, columns), comments, effort)
    with written_whole(out) as partial:
        facts = {"schema": 1, "time": utc_now(), "of": folder.resolve().name}
        result = facts | _result(forms, left_out, texts, effort, progress)
        result |= {"warnings": warnings(result), "verdict": verdict(result), "made_by": provenance()}
        progress("drawing", 0, 1)
        runs.write_json(partial / RESULT, result)
        write_drawings(result, partial)
    return result


def _result(
    forms: list[Format], left_out: dict[str, str], texts: Texts, effort: Effort, progress: StageProgress
) -> dict[str, Any]:
    """All measurements: first the ceilings, then every format's speed in turns, then memory."""
    threads = usable_threads()
    with OtherLoad() as ceilings_load:
        ceilings = _ceilings(threads, effort.ceiling_seconds, progress)
    opened, unfit = _opened(forms, threads, progress)
    with OtherLoad() as speed_load:
        turns = take_turns(
            {one.form.key: one.classifier.probabilities for one in opened},
            texts.texts,
            len(texts.texts),
            lambda done, total: progress("measuring speed", done, total),
        )
    rows = [_measured(one, texts.texts, turns[one.form.key], ceilings) for one in opened]
    # Last: these processes would be other load to the measurements above.
    for number, (one, row) in enumerate(zip(opened, rows, strict=True)):
        progress("measuring memory", number, len(opened))
        row["memory_bytes"] = _memory(one.form, texts.texts, threads)
    return {
        "threads": threads,
        "comments": {"count": len(texts.texts), "origin": texts.origin},
        "ceilings": ceilings,
        "int8_instructions": has_int8_instructions(),
        "other_programs": {"ceilings": ceilings_load.share, "speed": speed_load.share},
        "formats": rows,
        "left_out": left_out | unfit,
    }


def _formats(folder: Path) -> tuple[list[Format], dict[str, str]]:
    """All formats in a run or model folder; and the arms left out, with the reason."""
    left_out: dict[str, str] = {}
    if is_run(folder):
        found = []
        for arm, facts in runs.read_comparison(folder)["arms"].items():
            if facts["loader"] is None:
                continue
            if (folder / arm / runs.RETORT).is_file():
                found += formats_of(arm, folder / arm)
            else:
                left_out[arm] = f"no {runs.RETORT} in {folder / arm}; take a whole copy of the run"
    else:
        found = formats_of(model_name(folder), folder)
    if not found:
        raise ModelError(f"{folder}: holds no model to measure; take a whole copy, or name another folder")
    return found, left_out


def _require_task_of_run(folder: Path, forms: list[Format]) -> None:
    """Raises ModelError when a format in a run was made for another task than the run."""
    run = run_above(folder)
    if run is None:
        return
    for form in forms:
        runs.require_task_of_run(form.folder, run)


def _texts(folder: Path, data: Path | None, columns: Mapping[str, str]) -> Texts:
    """The comments of `data`; without it the test comments of the run around `folder`; else the embedded sample."""
    if data is not None:
        comments = read_file(data, runs.recorded_task_of(folder), columns, labelled=False)
        return Texts(comments.frame["text"].tolist(), f"comments of {data.name}")
    run = run_above(folder)
    if run is not None and keeps_texts(run):
        test = split_with_texts(run, "test")
        if len(test):
            return Texts(test["text"].tolist(), "test comments of the run")
    return Texts(read_sample(default_task()).frame["text"].tolist(), "comments of the embedded sample")


def _chosen(texts: Texts, comments: int | None, effort: Effort) -> Texts:
    """`comments` of the texts, evenly spaced; by default up to `effort.comments`."""
    available = len(texts.texts)
    if comments is not None and comments > available:
        raise ConfigError(
            f"--comments {comments}: there are {available:,} {texts.origin}; ask for fewer, or name --data"
        )
    count = comments or min(available, effort.comments)
    places = np.linspace(0, available - 1, count).round().astype(int)
    return Texts([texts.texts[place] for place in places], texts.origin)


def _ceilings(threads: int, seconds: float, progress: StageProgress) -> dict[str, Any]:
    """{"all": {"threads", "fp32": {"flop_per_second", "engine"}, …}, "one": the same, "gpu": where there is one}."""
    progress("measuring the machine", 0, 2)
    every = measure_ceilings(threads, seconds)
    progress("measuring the machine", 1, 2)
    one = every if threads == 1 else measure_ceilings(1, seconds)
    found: dict[str, Any] = {"all": {"threads": threads} | _rates(every), "one": {"threads": 1} | _rates(one)}
    gpu = measure_gpu_ceilings(seconds)
    return found | ({"gpu": _rates(gpu)} if gpu else {})


def _rates(rates: Mapping[str, Rate]) -> dict[str, Any]:
    return {name: asdict(rate) for name, rate in rates.items()}


def _opened(forms: list[Format], threads: int, progress: StageProgress) -> tuple[list[_Opened], dict[str, str]]:
    """The loaded models; and the formats that cannot be loaded, with the reason.

    Raises ModelError when none can be loaded.
    """
    opened, unfit = [], {}
    for number, form in enumerate(forms):
        progress("loading", number, len(forms))
        try:
            opened.append(_Opened(form, open_format(form.folder, threads)))
        except ModelError as error:
            if len(forms) == 1:
                raise
            unfit[form.key] = str(error)
    if not opened:
        raise ModelError(next(iter(unfit.values())))
    return opened, unfit


def _measured(one: _Opened, texts: list[str], turns: Turns, ceilings: dict[str, Any]) -> dict[str, Any]:
    """A format's entry in bench.json, without memory."""
    row: dict[str, Any] = {
        "arm": one.form.arm,
        "format": one.form.name,
        "sha256": one.classifier.sha256,
        "gate": _gate(one.form),
        **speed(turns, len(texts)),
    }
    shape, kind = shape_of(one.form, one.classifier), precision(one.classifier)
    lengths = window_lengths(one.classifier, texts)
    if shape is None or kind is None or lengths is None:
        unknown = dict.fromkeys(("precision", "flop_per_comment", "tokens_per_comment", "useful"))
        return row | unknown | {"why": "not a BERT: there are no matrix products to count"}
    # Only what the head needs of the last layer is useful work.
    flop = forward_flops(shape, lengths, first_token=True)
    ceiling = ceilings["all"][kind]["flop_per_second"]
    # In `alone_ms` every comment occurs once.
    rates = {"one": flop / (sum(turns.alone_ms) / 1000), "many": flop / len(texts) * row["comments_per_second"]}
    return row | {
        "precision": kind,
        "layers": shape.num_hidden_layers,
        "flop_per_comment": flop / len(texts),
        "tokens_per_comment": float(lengths.sum()) / len(texts),
        "useful": {which: {"flop_per_second": rate, "of_ceiling": rate / ceiling} for which, rate in rates.items()},
    }


def _memory(form: Format, texts: list[str], threads: int) -> dict[str, Any]:
    try:
        return asdict(measure_resident(form.folder, texts, threads))
    except ResourceError as error:
        return {"loaded": None, "after": None, "peak": None, "why": str(error)}


def _gate(form: Format) -> dict[str, Any] | None:
    """Whether an export passed its parity gate, and on how many rows; None for a format that is no export.

    `retort export` writes no folder that failed the gate, so an export has passed, unless its model has changed
    since. rows and weak are None where the export does not record them.
    """
    if not form.is_export:
        return None
    parity = form.about.get("parity") or {}
    return {"passed": not _outdated(form), "rows": parity.get("rows"), "weak": parity.get("weak")}


def _outdated(form: Format) -> bool:
    """Whether the model in the folder above differs from the one that was exported."""
    above = form.folder.resolve().parent
    if "source_sha256" not in form.about or not is_model(above):
        return False
    return bool(model_sha256(above) != form.about["source_sha256"])
