"""The second stage: each arm fitted, saved to its folder, and asked about validation and test from there.

What is judged is always what was saved: an arm's predictions come from its folder, loaded afresh.
"""

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from accelerate import Accelerator
from tokenizers import Tokenizer
from transformers import BertForSequenceClassification

from retort import runs, text
from retort.bench.cost import PeakMemory, size_bytes
from retort.config import ExperimentSettings, TrainingSettings
from retort.data.batches import Tokens, encode
from retort.errors import RunError
from retort.evaluation.predictions import as_saved
from retort.inference.predictor import Classifier
from retort.models import adapters
from retort.models.baselines import TfidfClassifier, majority_probabilities
from retort.models.bases import Base
from retort.models.classifier import (
    brings_pooler,
    classifier_from_base,
    count_parameters,
    load_tokenizer,
    save_classifier,
    save_tokenizer,
    set_dropout,
)
from retort.models.layers import hidden_state_targets, layer_indices, student_from_teacher
from retort.recipes.inputs import Inputs
from retort.recipes.preflight import load_teacher
from retort.training.loop import Fitted, Progress, TeacherSignal, TrainingSet, ValidationSet, adamw, fit
from retort.training.objectives import Objective
from retort.training.teacher_outputs import TeacherOutputs, teacher_outputs

# A merged adapter may differ from the adapter by rounding alone.
MERGED_TOLERANCE = 1e-4
_MERGED_ROWS = 8


@dataclass
class Arm:
    """One arm after its training: where it lies, what it learnt and what that cost."""

    name: str
    kind: str
    folder: Path
    layer_indices: tuple[int, ...] | None = None
    teacher_layers: int | None = None
    parameters: dict[str, int] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int | None = None
    cost: dict[str, Any] = field(default_factory=dict)
    predictions: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    scorer: Callable[[Sequence[str]], npt.NDArray[np.float64]] | None = None


class Workbench:
    """What the arms share: the inputs, the teacher once it is fitted, and tokens made once per tokenizer."""

    def __init__(
        self,
        settings: ExperimentSettings,
        inputs: Inputs,
        base: Base,
        accelerator: Accelerator,
        folder: Path,
        scratch: Path,
        progress: Progress | None,
        run_id: str,
    ) -> None:
        self.settings = settings
        self.inputs = inputs
        self.base = base
        self.accelerator = accelerator
        self.folder = folder
        self.scratch = scratch
        self.progress = progress
        self.run_id = run_id
        self.teacher: BertForSequenceClassification | None = None
        self._tokenized: dict[str, tuple[Tokens, Tokens]] = {}

    def fit_arm(self, name: str) -> Arm:
        """Trains (or loads) one arm, writes its model folder and its predictions."""
        kind = self.settings.arm[name].kind
        folder = self.folder / name
        folder.mkdir()
        began = time.perf_counter()
        with PeakMemory() as memory:
            arm = {
                "majority": self._majority,
                "tfidf": self._tfidf,
                "teacher": self._teacher,
                "student": self._student,
                "lora": self._lora,
            }[kind](Arm(name, kind, folder))
        arm.cost.setdefault("train_seconds", time.perf_counter() - began)
        arm.cost["peak_train_memory_bytes"] = memory.bytes
        if not runs.is_writer():
            return arm
        self._write_about(arm)
        if kind != "majority":
            arm.scorer = Classifier.load(folder).probabilities
            arm.predictions = {
                "validation": as_saved(arm.scorer(self.inputs.validation.texts)),
                "test": as_saved(arm.scorer(self.inputs.test.texts)),
            }
        if kind == "lora":
            self._require_same_when_merged(arm)
        return arm

    def _majority(self, arm: Arm) -> Arm:
        labels = self.inputs.train.labels
        arm.predictions = {
            "validation": as_saved(majority_probabilities(labels, len(self.inputs.validation.ids))),
            "test": as_saved(majority_probabilities(labels, len(self.inputs.test.ids))),
        }
        arm.parameters = {"total": labels.shape[1], "trainable": labels.shape[1]}
        arm.cost |= {"size_bytes": None, "why": "it looks at no comment: there is no model to store or to run"}
        return arm

    def _tfidf(self, arm: Arm) -> Arm:
        train, validation = self.inputs.train, self.inputs.validation
        model = TfidfClassifier.fitted(train.texts, train.labels, validation.texts, validation.labels)
        model.save(arm.folder)
        arm.parameters = {"total": model.parameters, "trainable": model.parameters}
        arm.cost["size_bytes"] = size_bytes(arm.folder)
        return arm

    def _teacher(self, arm: Arm) -> Arm:
        if self.settings.teacher_folder is not None:
            self.teacher = load_teacher(self.settings.teacher_folder, self.settings.max_length)
            arm.cost |= {"train_seconds": None, "why": "it was given ready-made with --teacher"}
        else:
            self.teacher = self._from_base(arm)
        self._make_ready(self.teacher, arm)
        self._describe(arm, self.teacher, tuple(range(self.teacher.config.num_hidden_layers)))
        if self.settings.teacher_folder is None:
            self._fit(self.teacher, arm, self.tokenizer_folder)
        # Frozen from here on: students learn from it, nothing changes it.
        self.teacher.eval().requires_grad_(False)
        self._save(self.teacher, arm, self.tokenizer_folder)
        return arm

    def _student(self, arm: Arm) -> Arm:
        settings = self.settings.arm[arm.name]
        start = self._from_base(arm) if settings.start == "base" else self._fitted_teacher()
        indices = layer_indices(settings.layers, start.config.num_hidden_layers)
        fresh = self.settings.seed if settings.start == "random" else None
        student = student_from_teacher(start, indices, random_layers_seed=fresh)
        self._make_ready(student, arm)
        self._describe(arm, student, indices, start)
        self._fit(student, arm, self.tokenizer_folder)
        self._save(student, arm, self.tokenizer_folder)
        return arm

    def _lora(self, arm: Arm) -> Arm:
        settings = self.settings.arm[arm.name]
        adapter = self.settings.lora_of(arm.name)
        if settings.start == "teacher":
            start = self._fitted_teacher()
            indices = layer_indices(settings.layers, start.config.num_hidden_layers)
            body, source = student_from_teacher(start, indices), self.tokenizer_folder
            base: dict[str, Any] = {"arm": "teacher"}
            base_name, pooler = "../teacher", False
        else:
            start = self._from_base(arm)
            indices = layer_indices(settings.layers, start.config.num_hidden_layers)
            body, source = student_from_teacher(start, indices), self.base.folder
            base = {"id": self.base.id, "revision": self.base.revision, "sha256": self.base.sha256}
            base_name = self.base.hub_name
            pooler = not brings_pooler(self.base)
        self._make_ready(body, arm)
        model = adapters.with_adapter(body, adapter, base_name, self.settings.seed, self.scratch, pooler=pooler)
        self._describe(arm, model, indices, start)
        make_optimizer = adamw
        if adapter.lora_plus_ratio is not None:
            make_optimizer = functools.partial(_lora_plus, ratio=adapter.lora_plus_ratio)
        self._fit(model, arm, source, make_optimizer)
        if not runs.is_writer():
            return arm
        adapters.save_adapter(model, adapter, arm.folder, self.scratch)
        save_tokenizer(source, self.settings.max_length, arm.folder)
        arm.cost["adapter_bytes"] = size_bytes(arm.folder)
        plain = adapters.merged(model)
        arm.parameters["total"] = count_parameters(plain)["total"]
        save_classifier(plain, source, self.settings.max_length, arm.folder / runs.MERGED)
        arm.cost["size_bytes"] = size_bytes(arm.folder / runs.MERGED)
        if settings.start == "teacher":
            base["sha256"] = runs.sha256(self.folder / "teacher" / "model.safetensors")
        self._write_about(arm, base | {"layer_indices": list(indices)})
        return arm

    def _from_base(self, arm: Arm) -> BertForSequenceClassification:
        targets = self._targets(self.settings.training_of(arm.name))
        shares = np.nanmean(targets.astype(np.float64), axis=0).tolist()
        return classifier_from_base(self.base, self.inputs.attributes, self.settings.seed, shares)

    def _targets(self, training: TrainingSettings) -> npt.NDArray[np.float32]:
        train = self.inputs.train
        return train.labels if training.targets == "labels" else train.fractions

    def _fitted_teacher(self) -> BertForSequenceClassification:
        assert self.teacher is not None, "the teacher comes first"
        return self.teacher

    @functools.cached_property
    def tokenizer_folder(self) -> Path:
        """Whose tokenizer the teacher and its students read with."""
        return self.settings.teacher_folder or self.base.folder

    def _tokens(self, source: Path) -> tuple[Tokens, Tokens]:
        """Training comments (the unlabelled ones last) and validation comments, tokenised once."""
        tokenizer: Tokenizer = load_tokenizer(source)
        key = tokenizer.to_str()
        if key not in self._tokenized:
            length = self.settings.max_length
            training = self.inputs.train.texts + self.inputs.unlabelled
            self._tokenized[key] = (
                encode(training, tokenizer, length),
                encode(self.inputs.validation.texts, tokenizer, length),
            )
        return self._tokenized[key]

    @functools.cached_property
    def teacher_says(self) -> TeacherOutputs:
        """The frozen teacher's outputs for every training comment, computed when the first student asks."""
        teacher = self._fitted_teacher().to(self.accelerator.device)
        entries = [e for name in self.settings.arms for e in self._entries(name)]
        cache = self.scratch / f"teacher-hidden-{self.accelerator.process_index}.npy"
        tokens, _ = self._tokens(self.tokenizer_folder)
        return teacher_outputs(teacher, tokens, entries, cache, self.accelerator.autocast)

    def _entries(self, name: str) -> tuple[int, ...]:
        """The entries of the teacher's hidden states that an arm's layers are matched with."""
        arm, weights = self.settings.arm[name], self.settings.distillation_of(name)
        if arm.kind not in ("student", "lora") or not weights.hidden:
            return ()
        layers = self._fitted_teacher().config.num_hidden_layers
        return hidden_state_targets(layer_indices(arm.layers, layers), layers, weights.hidden_match)

    def _fit(
        self,
        model: Any,
        arm: Arm,
        tokenizer_folder: Path,
        make_optimizer: Callable[[Any, TrainingSettings], Any] = adamw,
    ) -> None:
        training = self.settings.training_of(arm.name)
        objective = Objective(self.settings.distillation_of(arm.name))
        tokens, validation_tokens = self._tokens(tokenizer_folder)
        targets, labels = self._targets(training), self.inputs.train.labels
        signal = None
        if objective.uses_teacher:
            began = time.perf_counter()
            signal = TeacherSignal(self.teacher_says, self._entries(arm.name))
            arm.cost["teacher_outputs_seconds"] = time.perf_counter() - began
            unrated = np.full((len(self.inputs.unlabelled), targets.shape[1]), np.nan, np.float32)
            targets, labels = np.concatenate([targets, unrated]), np.concatenate([labels, unrated])
        else:
            tokens = tokens.of(range(len(targets)))
        fitted: Fitted = fit(
            model,
            arm.name,
            objective,
            TrainingSet(tokens, targets, labels if training.targets == "fractions" else None),
            ValidationSet(validation_tokens, self.inputs.validation.labels, self.settings.decision_threshold),
            training,
            self.accelerator,
            seed=self.settings.seed,
            teacher=signal,
            progress=self.progress,
            make_optimizer=make_optimizer,
        )
        arm.history, arm.best_epoch = fitted.history, fitted.best_epoch
        arm.cost["train_seconds"] = fitted.seconds

    def _make_ready(self, model: BertForSequenceClassification, arm: Arm) -> None:
        training = self.settings.training_of(arm.name)
        model.requires_grad_(True)
        model.bert.embeddings.word_embeddings.requires_grad_(not training.freeze_word_embeddings)
        if training.dropout is not None:
            set_dropout(model, training.dropout)

    def _describe(
        self,
        arm: Arm,
        model: Any,
        indices: tuple[int, ...],
        start: BertForSequenceClassification | None = None,
    ) -> None:
        arm.layer_indices = indices
        arm.teacher_layers = (start or model).config.num_hidden_layers
        arm.parameters = count_parameters(model)

    def _save(self, model: BertForSequenceClassification, arm: Arm, tokenizer_folder: Path) -> None:
        if not runs.is_writer():
            return
        save_classifier(model, tokenizer_folder, self.settings.max_length, arm.folder)
        arm.cost["size_bytes"] = size_bytes(arm.folder)

    def _write_about(self, arm: Arm, base: dict[str, Any] | None = None) -> None:
        path = arm.folder / runs.RETORT
        if path.exists():
            return
        about = {
            "schema": 1,
            "arm": arm.name,
            "kind": arm.kind,
            "attributes": list(self.inputs.attributes),
            "label_threshold": self.settings.label_threshold,
            "thresholds": dict.fromkeys(self.inputs.attributes, self.settings.decision_threshold),
            "layer_indices": arm.layer_indices,
            "teacher_layers": arm.teacher_layers,
            "max_length": self.settings.max_length,
            "normaliser_version": text.VERSION,
            "parent_run": self.run_id,
            "base": base or {"id": self.base.id, "revision": self.base.revision, "sha256": self.base.sha256},
        }
        runs.write_json(path, about)
        if (arm.folder / runs.MERGED).is_dir():
            # On its own the merged model is a plain classifier of the same arm.
            runs.write_json(arm.folder / runs.MERGED / runs.RETORT, about | {"kind": "student"})

    def _require_same_when_merged(self, arm: Arm) -> None:
        texts = self.inputs.validation.texts[:_MERGED_ROWS]
        apart = arm.predictions["validation"][: len(texts)]
        together = Classifier.load(arm.folder / runs.MERGED).probabilities(texts)
        worst = float(np.abs(apart - together).max())
        if worst > MERGED_TOLERANCE:
            raise RunError(
                f"arm {arm.name}: merged and adapter differ by {worst:.2g} (at most {MERGED_TOLERANCE}); "
                "set precision=fp32 or another lora.init"
            )


def _lora_plus(model: Any, settings: TrainingSettings, *, ratio: float) -> Any:
    return adapters.lora_plus_optimizer(model, settings, ratio)
