"""The models that both sides of a benchmark run (random weights, bert-base's size or tiny), and the machine's limit."""

import argparse
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import BertConfig, BertModel
from transformers.utils import logging as transformers_logging

from benchmarks.shared import comments, processes, script
from benchmarks.shared.results import Side
from retort import runs, text
from retort.bench.ceilings import measure_ceilings
from retort.inference.onnx_predictor import INT8
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base, save_classifier, save_tokenizer
from retort.models.layers import student_from_teacher
from retort.whole_folder import written_whole

# Tokens of one input on both sides, including [CLS] and [SEP].
MAX_LENGTH = 128


@dataclass(frozen=True)
class Size:
    """The size of a BERT teacher. Its students have half of its layers."""

    name: str
    layers: int
    width: int
    heads: int


BERT_BASE = Size("bert-base size", 12, 768, 12)
TINY = Size("tiny", 4, 64, 2)


@dataclass(frozen=True)
class Models:
    """Models of one size, created on first use and kept in `folder`.

    Random weights take as long as trained ones. Their probabilities, all near 0.1, allow a comparison of two ways
    to run one model, but no judgement of quality.
    """

    folder: Path
    size: Size
    seed: int = 0

    def base(self) -> Path:
        """A BERT without a head, with MiniLM's tokenizer, in the layout of a pre-trained one."""
        return self._once("base", self._write_base)

    def teacher(self) -> Path:
        """A classifier with all layers."""
        return self._once("teacher", lambda out: self._write_classifier(out, range(self.size.layers)))

    def student(self) -> Path:
        """A classifier with the teacher's layers 0, 2, 4, …"""
        return self._once("student", lambda out: self._write_classifier(out, range(0, self.size.layers, 2)))

    def exported(self, form: str) -> Path:
        """The student as exported by `retort export`. Raises RunError when it fails the parity gate.

        The gate reads comments without a positive label, because random weights have no average precision to
        compare: fp32 must agree in probabilities, int8 in verdicts.
        """
        student, out = self.student(), self._place(form.replace(" ", "-"))
        if not out.is_dir():
            texts = comments.drawn_texts(128 if self.size.width > TINY.width else 32, self.seed)
            data = comments.write_labelled(self.folder / "gate.csv", texts, [0.0] * len(texts))
            flags = ["--int8"] if form == INT8 else []
            command = processes.retort("export", student, "--out", out, "--data", data, *flags)
            processes.timed(command, self.folder / "export.log")
        return out

    def described(self, part: float = 1) -> str:
        """The size, for notes. part: of the teacher's layers."""
        return f"{self.size.name}, {int(self.size.layers * part)} layers, random weights"

    def _place(self, name: str) -> Path:
        return self.folder / f"{self.size.name.replace(' ', '-')}-{self.seed}" / name

    def _once(self, name: str, write: Callable[[Path], None]) -> Path:
        folder = self._place(name)
        if not folder.is_dir():
            script.note(f"making the {self.size.name} {name}")
            folder.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(folder) as partial:
                write(partial)
        return folder

    def _write_base(self, out: Path) -> None:
        config = BertConfig(
            hidden_size=self.size.width, intermediate_size=4 * self.size.width,
            num_hidden_layers=self.size.layers, num_attention_heads=self.size.heads,
        )  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = BertModel(config)
        transformers_logging.disable_progress_bar()
        model.save_pretrained(out)
        save_tokenizer(resolve_base("minilm").folder, config.max_position_embeddings, out)

    def _write_classifier(self, out: Path, layers: Sequence[int]) -> None:
        base, task, label = resolve_base(str(self.base())), comments.TASK, comments.LABEL
        teacher = classifier_from_base(base, (label,), self.seed, [0.1])
        save_classifier(student_from_teacher(teacher, tuple(layers)), base.folder, MAX_LENGTH, out)
        role = "student" if len(layers) < self.size.layers else "teacher"
        about = {
            "schema": 2, "arm": out.name.removesuffix(".partial"), "kind": role, "role": role,
            "loader": "transformers", "task": task.as_dict(), "attributes": [label],
            "label_threshold": task.label_threshold, "thresholds": {label: 0.5},
            "layer_indices": list(layers), "teacher_layers": self.size.layers, "max_length": MAX_LENGTH,
            "normaliser_version": text.VERSION, "parent_run": None,
            "base": {"id": "random", "revision": None, "sha256": base.sha256},
        }  # fmt: skip
        runs.write_json(out / runs.RETORT, about)
        runs.write_manifest(out)


class Ceiling:
    """The machine's rate of matrix products in one precision, measured for `seconds` at each call."""

    def __init__(self, precision: str, seconds: float) -> None:
        self.precision, self._seconds, self._engine = precision, seconds, ""

    def __call__(self) -> float:
        """Operations per second."""
        rate = measure_ceilings(seconds=self._seconds)[self.precision]
        self._engine = rate.engine
        return rate.flop_per_second

    def side(self, rates: Sequence[float], unit: str) -> Side:
        """The measured rates, in 1e9 operations."""
        name = f"{self.precision} matrices ({self._engine})"
        return Side(name, tuple(rate / 1e9 for rate in rates), unit)


def parser(about: str | None, **sizes: script.Size) -> argparse.ArgumentParser:
    """The options of every script with models; see `script.parser`."""
    options = script.parser(about, **sizes)
    options.add_argument("--folder", type=Path, metavar="DIR", help="keeps models and files [temporary]")
    return options


@contextlib.contextmanager
def prepared(given: argparse.Namespace) -> Iterator[Models]:
    """Models of bert-base's size in the script's folder; tiny ones for --quick."""
    with script.scratch_dir(given.folder) as folder:
        yield Models(folder, TINY if given.quick else BERT_BASE, given.seed)
