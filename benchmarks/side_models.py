"""The models that both sides of a benchmark run: random weights, made once, of bert-base's size or tiny."""

import argparse
import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import serving
import side_comments
import sides

from retort import runs
from retort.inference.onnx_predictor import INT8

# Tokens, [CLS] and [SEP] included, that either side reads at once.
MAX_LENGTH = 128


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
            texts = side_comments.drawn_texts(128 if self.shape.width > TINY.width else 32, self.seed)
            rows = [{"id": number, "text": text, side_comments.PRIMARY: 0} for number, text in enumerate(texts)]
            with checked.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, ["id", "text", side_comments.PRIMARY])
                writer.writeheader()
                writer.writerows(rows)
            flags = ["--int8"] if form == INT8 else []
            sides.timed(
                sides.retort("export", student, "--out", out, "--data", checked, *flags), self.folder / "export.log"
            )

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
        whole = classifier_from_base(base, (side_comments.PRIMARY,), self.seed, [0.1])
        save_classifier(student_from_teacher(whole, tuple(layers)), base.folder, MAX_LENGTH, out)
        about = {
            "schema": 1,
            "arm": out.name.removesuffix(".partial"),
            "kind": "student" if len(layers) < self.shape.layers else "teacher",
            "attributes": [side_comments.PRIMARY],
            "label_threshold": 0.6,
            "thresholds": {side_comments.PRIMARY: 0.5},
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
