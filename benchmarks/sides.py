"""What the side-by-side benchmarks share: the same comments and models for both sides, turns, medians, and the table.

A ratio is that of two medians, and both medians come from measurements that took turns in one run.
"""

import argparse
import contextlib
import csv
import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import psutil
import serving

from retort import runs
from retort.bench.bystanders import Bystanders
from retort.errors import INTERRUPTED, DataError, RetortError, RunError
from retort.inference.onnx_predictor import INT8

if TYPE_CHECKING:
    import pandas as pd

# Names the folder of real comments; without it the embedded sample is read.
REAL_DATA = "RETORT_REAL_DATA"
# Tokens, [CLS] and [SEP] included, that either side reads at once.
MAX_LENGTH = 128
PRIMARY = "toxicity"
_TERMINATED = 143
_TAIL = 15
# With more of the machine in other programs' hands, times mean nothing.
_QUIET = 0.05


# ---------------------------------------------------------------------------------------------- results


@dataclass(frozen=True)
class Side:
    """One side's measurements, all of one unit: s, ms, comments/s, or whatever it says."""

    name: str
    values: tuple[float, ...]
    unit: str = "s"

    @property
    def median(self) -> float:
        """NaN of no measurement."""
        return serving.middle(self.values)

    def __str__(self) -> str:
        unit = self.unit if math.isfinite(self.median) else ""
        return " ".join(part for part in (self.name, number(self.median), unit) if part)


@dataclass(frozen=True)
class Row:
    """One line of the table. met: None for a figure that has no goal. value, limit: of a ratio, for drawing it."""

    what: str
    measured: str
    goal: str = ""
    met: bool | None = None
    value: float | None = None
    limit: float | None = None
    at_least: bool = True
    sides: tuple[Side, ...] = ()

    @property
    def medians(self) -> str:
        """Both sides in words."""
        return ", ".join(str(side) for side in self.sides)

    def as_json(self) -> dict[str, Any]:
        """For programs; a number that is none is null."""
        told: dict[str, Any] = _without_nan(
            dataclasses.asdict(self) | {"medians": [side.median for side in self.sides]}
        )
        return told

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Row":
        """The row of which `as_json` told."""
        both = (
            Side(side["name"], tuple(math.nan if one is None else one for one in side["values"]), side["unit"])
            for side in told["sides"]
        )
        return cls(**{key: value for key, value in told.items() if key != "medians"} | {"sides": tuple(both)})


def times_faster(what: str, ours: Side, theirs: Side, goal: float) -> Row:
    """Sides that took seconds: how many times longer theirs did, and whether that is at least `goal`."""
    value = _quotient(theirs.median, ours.median)
    return _ratio(what, value, goal, True, times(value), f">= {times(goal)}", ours, theirs)


def times_the_rate(what: str, ours: Side, theirs: Side, goal: float | None) -> Row:
    """Sides that say how much they do in a second: how many times as much ours does; no goal, no verdict."""
    value = _quotient(ours.median, theirs.median)
    if goal is None:
        return Row(what, times(value), sides=(ours, theirs))
    return _ratio(what, value, goal, True, times(value), f">= {times(goal)}", ours, theirs)


def share_of_the_rate(what: str, ours: Side, ceiling: Side, goal: float | None) -> Row:
    """What share (0 to 1) of a ceiling is reached.

    A ceiling is the highest rate of all rounds, not their median: whatever disturbs a matrix product makes it slower,
    and a ceiling that was disturbed would flatter us.
    """
    highest = Side(f"{ceiling.name}, highest of {len(ceiling.values)}", (max(ceiling.values, default=math.nan),))
    highest = dataclasses.replace(highest, unit=ceiling.unit)
    value = _quotient(ours.median, highest.median)
    if goal is None:
        return Row(what, percent(value), sides=(ours, highest))
    return _ratio(what, value, goal, True, percent(value), f">= {percent(goal)}", ours, highest)


def share_of_the_time(what: str, ours: Side, theirs: Side, goal: float) -> Row:
    """What share of their time ours takes, and whether that is at most `goal`."""
    value = _quotient(ours.median, theirs.median)
    return _ratio(what, value, goal, False, times(value), f"<= {times(goal)}", ours, theirs)


def figure(what: str, measured: float | str, unit: str = "", sides: Sequence[Side] = ()) -> Row:
    """A figure that is told, and that nothing hangs on."""
    said = measured if isinstance(measured, str) else " ".join(part for part in (number(measured), unit) if part)
    return Row(what, said, sides=tuple(sides))


def required(what: str, measured: str, goal: str, met: bool, sides: Sequence[Side] = ()) -> Row:
    """A condition that is no ratio: equal quality, for example."""
    return Row(what, measured, goal, met, sides=tuple(sides))


def _ratio(
    what: str, value: float, limit: float, at_least: bool, measured: str, goal: str, ours: Side, theirs: Side
) -> Row:
    # NaN compares as false, so it meets no goal.
    met = value >= limit if at_least else value <= limit
    return Row(what, measured, goal, met, value, limit, at_least, (ours, theirs))


def _quotient(above: float, below: float) -> float:
    return above / below if below else math.nan


def number(value: float) -> str:
    """Three digits that count, no more."""
    if not math.isfinite(value):
        return "not measured"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def times(ratio: float) -> str:
    """A ratio."""
    return f"{number(ratio)} x" if math.isfinite(ratio) else "not measured"


def percent(share: float) -> str:
    """A share of 0 to 1."""
    return f"{100 * share:.1f} %".replace(".0 %", " %") if math.isfinite(share) else "not measured"


def table(rows: Sequence[Row]) -> str:
    """`what | goal | measured | medians | met`, in columns."""
    words = {True: "yes", False: "NO", None: ""}
    cells = [("what", "goal", "measured", "medians", "met")]
    cells += [(row.what, row.goal, row.measured, row.medians, words[row.met]) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(5)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join([lines[0], "-+-".join("-" * width for width in widths), *lines[1:]])


def verdict(rows: Sequence[Row]) -> int:
    """The exit code: 0 when every goal is met."""
    return serving.MISSED if any(row.met is False for row in rows) else 0


def tell(
    given: argparse.Namespace,
    rows: Sequence[Row],
    *,
    data: str,
    notes: Sequence[str] = (),
    figures: Mapping[str, Any] | None = None,
) -> int:
    """Prints the result with where it comes from, and returns the exit code. data: which comments they were."""
    if given.json:
        settings = {name: str(value) if isinstance(value, Path) else value for name, value in vars(given).items()}
        told = {
            "benchmark": Path(sys.argv[0]).stem,
            "time": runs.utc_now(),
            "data": data,
            "settings": settings,
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "rows": [row.as_json() for row in rows],
            "notes": list(notes),
            "figures": _without_nan(dict(figures or {})),
            "provenance": runs.provenance(),
        }
        print(json.dumps(told, indent=1, allow_nan=False))
    else:
        print(table(rows))
        print("\n".join(f"- {line}" for line in (data, *notes)))
    return verdict(rows)


def _without_nan(content: Any) -> Any:
    if isinstance(content, float) and not math.isfinite(content):
        return None
    if isinstance(content, Mapping):
        return {str(key): _without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_nan(value) for value in content]
    return content


# ------------------------------------------------------------------------------------------------ turns


def alternated(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What every side measured of itself, `rounds` times, in turns.

    Every second round goes backwards, so that neither side always has the machine as the other left it.
    """
    measured: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds):
        for name in list(sides)[:: -1 if turn % 2 else 1]:
            measured[name].append(sides[name]())
            serving.note(f"round {turn + 1} of {rounds}: {name}: {number(measured[name][-1])}")
    return measured


def seconds_of(call: Callable[[], object]) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def timed(command: Sequence[str | Path], log: Path) -> float:
    """Seconds from the start to the end of a process, whose output goes to the file `log`.

    Raises RunError with the end of what it said when it fails.
    """
    with log.open("wb") as output:
        began = time.perf_counter()
        ended = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(),
            check=False,
        )
        seconds = time.perf_counter() - began
    if ended.returncode:
        said = " / ".join(log.read_text("utf-8", "replace").split("\n")[-_TAIL:]).strip()
        shown = " ".join(Path(part).name if os.sep in str(part) else str(part) for part in command[:4])
        raise RunError(f"{shown} ended with {ended.returncode}: {said}")
    return seconds


def retort(*arguments: str | Path) -> list[str | Path]:
    """The command as a user starts it."""
    command = Path(sys.executable).with_name("retort")
    return [command, *arguments] if command.is_file() else [sys.executable, "-m", "retort", *arguments]


def usual_way(*arguments: str | Path) -> list[str | Path]:
    """What people do today, as a process (usual_way.py)."""
    return [sys.executable, Path(__file__).with_name("usual_way.py"), *arguments]


def environment() -> dict[str, str]:
    """Of the processes of both sides: all models are on disk, so that nobody waits for a network."""
    return dict(os.environ) | {"HF_HUB_OFFLINE": "1"}


def watched() -> Bystanders:
    """How much of the machine neither this process nor its ended children use."""

    def own_seconds() -> float:
        used = psutil.Process().cpu_times()
        return float(used.user + used.system + used.children_user + used.children_system)

    return Bystanders(own_seconds)


def bystanders(share: float) -> Row:
    """The line that says how quiet the machine was, and whether that was quiet enough for figures to mean anything."""
    loud = f", over {percent(_QUIET)}: measure again when they are done" if share > _QUIET else ""
    return figure("other programs' share of the machine", f"{percent(share)}{loud}")


# ---------------------------------------------------------------------------------------- command line


def parser(about: str, quick: str, *, rounds: int) -> argparse.ArgumentParser:
    """The options of every script; `about` is its docstring, `quick` what --quick does less of."""
    first, _, rest = about.partition("\n")
    options = argparse.ArgumentParser(description=first, epilog=rest.strip())
    options.formatter_class = argparse.RawDescriptionHelpFormatter
    options.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options.add_argument("--quick", action="store_true", help=f"a short try, whose figures mean nothing: {quick}")
    options.add_argument("--seed", type=int, default=0, metavar="N", help="of everything that is drawn [0]")
    options.add_argument("--rounds", type=positive, default=rounds, metavar="N", help=f"turns of each side [{rounds}]")
    options.add_argument(
        "--folder", type=Path, metavar="DIR", help="where models and files are made, kept and found again [temporary]"
    )
    return options


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: give a number of at least 1")
    return value


def ended(main: Callable[[], int]) -> NoReturn:
    """Runs a script's `main` and turns what went wrong into one line and retort's exit codes."""
    # Read when huggingface_hub is first imported; without it a load that misses a file waits for a network.
    os.environ["HF_HUB_OFFLINE"] = "1"
    keep_to_same_cores()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    try:
        sys.exit(main())
    except RetortError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("error: interrupted; nothing was written", file=sys.stderr)
        sys.exit(INTERRUPTED)


def keep_to_same_cores() -> None:
    """Keeps this process, and all that it starts, on as many cores as OMP_NUM_THREADS says.

    torch and the matrix rates heed that variable, onnxruntime does not: without this one side would have a core, the
    other all of them.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if asked.isdecimal() and int(asked) and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(asked)])


@contextlib.contextmanager
def workshop(given: argparse.Namespace) -> Iterator[Path]:
    """The folder that `--folder` names, made when it is not there, or one that is removed afterwards."""
    if given.folder is not None:
        given.folder.mkdir(parents=True, exist_ok=True)
        yield given.folder
        return
    with tempfile.TemporaryDirectory(prefix="retort-bench-") as folder:
        yield Path(folder)


# --------------------------------------------------------------------------------------------- comments


@dataclass(frozen=True)
class Source:
    """A file of labelled comments, and what it is in words."""

    path: Path
    origin: str

    def frame(self) -> "pd.DataFrame":
        """Its usable comments: id, text and a column of ratings per attribute."""
        return self.comments().frame

    def comments(self) -> Any:
        """As retort itself reads it."""
        from retort.config import ColumnNames
        from retort.data.sources import read_file

        return read_file(self.path, ColumnNames(), source=self.path.name)


def source() -> Source:
    """The real comments when RETORT_REAL_DATA names their folder, else the embedded sample.

    Raises DataError for a folder without them: nobody is to take the sample for real comments.
    """
    named = os.environ.get(REAL_DATA)
    if not named:
        sample = resources.files("retort.data").joinpath("sample", "comments.csv")
        return Source(Path(str(sample)), f"comments of the embedded sample ({REAL_DATA} names no real ones)")
    path = Path(named) / "civil_comments" / "train.csv"
    if not path.is_file():
        raise DataError(f"{REAL_DATA}={named}: no civil_comments/train.csv in it; name the folder that has it, or none")
    return Source(path, "real comments (civil_comments/train.csv)")


def drawn_texts(count: int, seed: int, *, where: Source | None = None) -> list[str]:
    """`count` comments in an order drawn from the seed; from the first again where there are not so many."""
    texts = (where or source()).frame()["text"].tolist()
    order = np.random.default_rng(seed).permutation(len(texts))
    return [texts[order[place % len(texts)]] for place in range(count)]


@dataclass(frozen=True)
class Parts:
    """Three files (id, text, toxicity) that both sides learn from and are judged on; rows: of each."""

    train: Path
    validation: Path
    test: Path
    rows: dict[str, int]
    label_threshold: float
    origin: str

    def __str__(self) -> str:
        counts = ", ".join(f"{count:,} {name}" for name, count in self.rows.items())
        return f"{self.origin}: {counts}"


def write_parts(folder: Path, count: int, seed: int) -> Parts:
    """Draws `count` comments (all, where there are fewer) and writes train, validation and test, 70, 15 and 15 %."""
    from retort.config import DataSettings
    from retort.data.splits import make_splits
    from retort.inference.predictor import default_setting

    where = source()
    comments = where.comments()
    there = len(comments.frame)
    threshold = default_setting("label_threshold")
    splits = make_splits(comments, DataSettings(comments=count if count < there else None), seed, threshold)
    folder.mkdir(parents=True, exist_ok=True)
    rows, paths = {}, {}
    for name in runs.SPLIT_NAMES:
        part = splits.part(name)
        rows[name], paths[name] = len(part), folder / f"{name}.csv"
        part[["id", "text", PRIMARY]].to_csv(paths[name], index=False)
    origin = where.origin if there >= count else f"{where.origin}, all {there:,}, for {count:,} are not there"
    return Parts(paths["train"], paths["validation"], paths["test"], rows, threshold, origin)


def write_texts(path: Path, texts: Sequence[str]) -> Path:
    """A CSV with the one column `text`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text"])
        writer.writerows([text] for text in texts)
    return path


# ----------------------------------------------------------------------------------------------- models


@dataclass(frozen=True)
class Shape:
    """The size of a BERT. The students have half of its layers."""

    name: str
    layers: int
    width: int
    heads: int


BERT_BASE = Shape("bert-base size", 12, 768, 12)
TINY = Shape("tiny", 4, 64, 2)


@dataclass(frozen=True)
class Models:
    """Models of one size with random weights, made when first asked for and kept in `folder`.

    Random weights take as long as trained ones. What they say means nothing, so that quality can be compared
    between two ways of running one model, not judged. Every comment gets a probability near 0.1.
    """

    folder: Path
    shape: Shape
    seed: int = 0

    def base(self) -> Path:
        """A BERT without a head, with MiniLM's tokenizer, as a pre-trained one lies on disk."""
        return self._once("base", self._write_base)

    def teacher(self) -> Path:
        """A classifier of all layers."""
        return self._once("teacher", lambda out: self._write_classifier(out, range(self.shape.layers)))

    def student(self) -> Path:
        """A classifier of the teacher's layers 0, 2, 4, …"""
        return self._once("student", lambda out: self._write_classifier(out, range(0, self.shape.layers, 2)))

    def exported(self, form: str) -> Path:
        """The student as `retort export` writes it. Raises RunError when it does not pass the gate.

        The gate reads comments of which none is labelled toxic: with random weights average precision is
        chance, so that fp32 is held to its probabilities and int8 to its verdicts.
        """
        student = self.student()

        def write(out: Path) -> None:
            checked = self.folder / "gate.csv"
            texts = drawn_texts(128 if self.shape.width > TINY.width else 32, self.seed)
            rows = [{"id": number, "text": text, PRIMARY: 0} for number, text in enumerate(texts)]
            with checked.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, ["id", "text", PRIMARY])
                writer.writeheader()
                writer.writerows(rows)
            flags = ["--int8"] if form == INT8 else []
            timed(retort("export", student, "--out", out, "--data", checked, *flags), self.folder / "export.log")

        return self._once(form.replace(" ", "-"), write)

    def _once(self, name: str, write: Callable[[Path], None]) -> Path:
        folder = self.folder / f"{self.shape.name.replace(' ', '-')}-{self.seed}" / name
        if not folder.is_dir():
            serving.note(f"making the {self.shape.name} {name}")
            folder.parent.mkdir(parents=True, exist_ok=True)
            with runs.written_whole(folder) as partial:
                write(partial)
        return folder

    def _write_base(self, out: Path) -> None:
        import torch
        from transformers import BertConfig, BertModel
        from transformers.utils import logging as transformers_logging

        from retort.models.bases import resolve_base
        from retort.models.classifier import save_tokenizer

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = BertModel(
                BertConfig(
                    hidden_size=self.shape.width,
                    num_hidden_layers=self.shape.layers,
                    num_attention_heads=self.shape.heads,
                    intermediate_size=4 * self.shape.width,
                )
            )
        transformers_logging.disable_progress_bar()
        model.save_pretrained(out)
        save_tokenizer(resolve_base("minilm").folder, model.config.max_position_embeddings, out)

    def _write_classifier(self, out: Path, layers: Sequence[int]) -> None:
        from retort import text
        from retort.models.bases import resolve_base
        from retort.models.classifier import classifier_from_base, save_classifier
        from retort.models.layers import student_from_teacher

        base = resolve_base(str(self.base()))
        whole = classifier_from_base(base, (PRIMARY,), self.seed, [0.1])
        save_classifier(student_from_teacher(whole, tuple(layers)), base.folder, MAX_LENGTH, out)
        about = {
            "schema": 1,
            "arm": out.name.removesuffix(".partial"),
            "kind": "student" if len(layers) < self.shape.layers else "teacher",
            "attributes": [PRIMARY],
            "label_threshold": 0.6,
            "thresholds": {PRIMARY: 0.5},
            "layer_indices": list(layers),
            "teacher_layers": self.shape.layers,
            "max_length": MAX_LENGTH,
            "normaliser_version": text.VERSION,
            "parent_run": None,
            "base": {"id": "random", "revision": None, "sha256": base.sha256},
        }
        runs.write_json(out / runs.RETORT, about)
        runs.write_manifest(out)


def models(given: argparse.Namespace, folder: Path) -> Models:
    """Of bert-base's size, or tiny ones for --quick."""
    return Models(folder, TINY if given.quick else BERT_BASE, given.seed)
