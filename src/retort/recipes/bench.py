"""How fast every format of every arm is on this machine, and how fast it could be: what `retort bench` runs."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from retort import runs
from retort.bench.bystanders import Bystanders
from retort.bench.ceilings import (
    Rate,
    has_int8_instructions,
    measure_ceilings,
    measure_gpu_ceilings,
    usable_cores,
)
from retort.bench.cost import Turns, speed, take_turns
from retort.bench.flops import forward_flops
from retort.bench.formats import Format, formats_of, open_format, precision, shape_of, window_lengths
from retort.bench.resident import measure_resident
from retort.config import ColumnNames
from retort.data.sources import read_file, read_sample
from retort.errors import ConfigError, ModelError, ResourceError
from retort.inference.predictor import Classifier, model_sha256
from retort.report.bench_plot import write_drawings
from retort.report.bench_table import verdict
from retort.report.formats import percent

# Called with what is being done, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]

RESULT = "bench.json"
# From this share of the machine on, used by others, times mean little.
_BUSY = 0.05


@dataclass(frozen=True)
class Effort:
    """comments: how many are rated when nobody says. ceiling_seconds: how long matrices are multiplied."""

    comments: int
    ceiling_seconds: float


FULL, QUICK = Effort(128, 3.0), Effort(16, 0.5)


@dataclass(frozen=True)
class Texts:
    """What is rated, and what that is in words."""

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
    columns: ColumnNames,
    comments: int | None,
    effort: Effort,
    progress: Progress,
) -> dict[str, Any]:
    """Measures and writes bench.json and its drawing to `out`; returns what bench.json holds.

    folder: a run, or a model. comments: how many are rated; `effort.comments` at most without. Raises ModelError
    for a folder that is neither, ConfigError when more comments are asked for than there are, DataError when
    `data` cannot be used. Nothing is left in `out` then.
    """
    runs.refuse_existing(out)
    forms, left_out = _formats(folder)
    texts = _chosen(_texts(folder, data, columns), comments, effort)
    threads = usable_cores()
    with runs.written_whole(out) as partial:
        with Bystanders() as beside_ceilings:
            ceilings = _ceilings(threads, effort.ceiling_seconds, progress)
        opened, unfit = _opened(forms, threads, progress)
        with Bystanders() as beside_speed:
            turns = take_turns(
                {one.form.key: one.classifier.probabilities for one in opened},
                texts.texts,
                len(texts.texts),
                lambda done, total: progress("measuring speed", done, total),
            )
        result: dict[str, Any] = {
            "schema": 1,
            "time": runs.utc_now(),
            "of": folder.resolve().name,
            "threads": threads,
            "comments": {"count": len(texts.texts), "origin": texts.origin},
            "ceilings": ceilings,
            "int8_instructions": has_int8_instructions(),
            "other_programs": {"ceilings": beside_ceilings.share, "speed": beside_speed.share},
            "formats": [_measured(one, texts.texts, turns[one.form.key], ceilings) for one in opened],
            "left_out": left_out | unfit,
        }
        # Afterwards: each of these processes would have been somebody else's to the times above.
        for number, (one, row) in enumerate(zip(opened, result["formats"], strict=True)):
            progress("measuring memory", number, len(opened))
            row["memory_bytes"] = _memory(one.form, texts.texts, threads)
        result |= {"warnings": _warnings(result), "verdict": verdict(result), "made_by": runs.provenance()}
        progress("drawing", 0, 1)
        runs.write_json(partial / RESULT, result)
        write_drawings(result, partial)
    return result


def _formats(folder: Path) -> tuple[list[Format], dict[str, str]]:
    """What a run or model folder holds, and which arms were left out, with the reason."""
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such folder; give a run or the folder of a model, for example RUN/odd")
    if (folder / runs.COMPARISON).is_file():
        comparison = runs.read_json(folder / runs.COMPARISON, "a finished run has one")
        found, left_out = [], {}
        for arm, facts in comparison["arms"].items():
            if facts.get("kind") == "majority":
                continue
            if not (folder / arm / runs.RETORT).is_file():
                left_out[arm] = f"no {runs.RETORT} in {folder / arm}; take a whole copy of the run"
            else:
                found += formats_of(arm, folder / arm)
    elif any((folder / name).is_file() for name in (runs.RETORT, runs.CONFIG)):
        found, left_out = formats_of(_name(folder), folder), {}
    else:
        raise ModelError(f"{folder}: neither a run nor a model; give a run, or a folder such as RUN/odd")
    if not found:
        raise ModelError(f"{folder}: holds no model that can be asked; take a whole copy, or name another folder")
    return found, left_out


def _name(folder: Path) -> str:
    if (folder / runs.RETORT).is_file():
        about = runs.read_json(folder / runs.RETORT, "an arm has one")
        if isinstance(about, dict) and about.get("arm"):
            return str(about["arm"])
    return folder.resolve().name


def _texts(folder: Path, data: Path | None, columns: ColumnNames) -> Texts:
    """The comments of `data`, else the test comments of the run that `folder` is or stands in, else the sample's."""
    if data is not None:
        return Texts(read_file(data, columns, labelled=False).frame["text"].tolist(), f"comments of {data.name}")
    whole = folder.resolve()
    run = next((place for place in (whole, *whole.parents[:2]) if (place / runs.SPLITS).is_file()), None)
    if run is not None and (run / runs.COMMENTS).is_file():
        splits = pd.read_parquet(run / runs.SPLITS, columns=["id", "split"])
        kept = pd.read_parquet(run / runs.COMMENTS)
        test = splits[splits["split"] == "test"].merge(kept, on="id", validate="one_to_one")
        if len(test):
            return Texts(test["text"].tolist(), "test comments of the run")
    return Texts(read_sample().frame["text"].tolist(), "comments of the embedded sample")


def _chosen(texts: Texts, comments: int | None, effort: Effort) -> Texts:
    """So many of them, at even distances."""
    there = len(texts.texts)
    if comments is not None and comments > there:
        raise ConfigError(f"--comments {comments}: there are {there:,} {texts.origin}; ask for fewer, or name --data")
    count = comments or min(there, effort.comments)
    places = np.linspace(0, there - 1, count).round().astype(int)
    return Texts([texts.texts[place] for place in places], texts.origin)


def _ceilings(threads: int, seconds: float, progress: Progress) -> dict[str, Any]:
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


def _opened(forms: list[Format], threads: int, progress: Progress) -> tuple[list[_Opened], dict[str, str]]:
    """The models, and why any of several was left out. A model that is the only one must be fit."""
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
    measured = speed(turns, len(texts))
    row: dict[str, Any] = {
        "arm": one.form.arm,
        "format": one.form.name,
        "sha256": one.classifier.sha256,
        "gate": _gate(one.form),
        **measured,
    }
    shape, kind = shape_of(one.form, one.classifier), precision(one.classifier)
    lengths = window_lengths(one.classifier, texts)
    if shape is None or kind is None or lengths is None:
        why = "it is no BERT: there are no matrix products to count"
        return row | {
            "precision": None,
            "flop_per_comment": None,
            "tokens_per_comment": None,
            "useful": None,
            "why": why,
        }
    # No more of the last layer than the head reads: whoever computes all of it does so for nothing.
    flop = forward_flops(shape, lengths, first_token=True)
    ceiling = ceilings["all"][kind]["flop_per_second"]
    # Every comment was asked about once alone.
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
    """Whether an export passed its parity gate, and on how many rows; None for what exports are held against.

    `retort export` leaves nothing behind that missed the gate, so what is there passed it, unless the model that
    it was made of has changed since. rows and weak are None where the export does not say.
    """
    if not form.is_export:
        return None
    parity = form.about.get("parity") or {}
    return {"passed": not _outdated(form), "rows": parity.get("rows"), "weak": parity.get("weak")}


def _outdated(form: Format) -> bool:
    """Whether the model in the folder above is another one than the export was made of."""
    above = form.folder.resolve().parent
    if "source_sha256" not in form.about or not any((above / name).is_file() for name in (runs.RETORT, runs.CONFIG)):
        return False
    return bool(model_sha256(above) != form.about["source_sha256"])


def _warnings(result: dict[str, Any]) -> list[str]:
    warnings = [f"{name} is left out: {why}" for name, why in result["left_out"].items()]
    share = max(result["other_programs"].values())
    if share > _BUSY:
        warnings.append(
            f"other programs used {percent(share, 0)} of the machine meanwhile; measure again when it is quiet"
        )
    if any((row["useful"] or {}).get("many", {}).get("of_ceiling", 0) > 1 for row in result["formats"]):
        warnings.append("a model was faster than the ceiling: the machine was slower while the ceiling was measured")
    if result["int8_instructions"] is False:
        warnings.append(f"this processor has no VNNI, without which int8 need not be faster; {_int8_or_not(result)}")
    return warnings


def _int8_or_not(result: dict[str, Any]) -> str:
    """Which of an arm's exact and int8 formats was faster with many comments, as measured here."""
    said = []
    for arm in dict.fromkeys(row["arm"] for row in result["formats"]):
        rows = [row for row in result["formats"] if row["arm"] == arm and row["precision"] is not None]
        if len({row["precision"] for row in rows}) > 1:
            said.append(f"of {arm}, {max(rows, key=lambda row: row['comments_per_second'])['format']} was faster here")
    return "; ".join(said) or "no arm has both to compare"
