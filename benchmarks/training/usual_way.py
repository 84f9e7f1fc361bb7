"""The usual way, as a tutorial would show it: `transformers.Trainer` to train, `transformers.pipeline` to score.

One arm or one scoring per call, in a fresh process, with the libraries' defaults for everything that the comparison
does not fix. This is the other side of the side-by-side benchmarks and uses nothing of retort.

    python benchmarks/training/usual_way.py train settings.json     (TRAINING, below)
    python benchmarks/training/usual_way.py score settings.json     (SCORING, below)
"""

import copy
import csv
import json
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch.nn import functional
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    default_data_collator,
    pipeline,
)

LABEL = "toxicity"
_WARM_UP = 4


# What settings.json may leave out. Further training settings: arm (teacher, student or lora), base, train, validation,
# test, out, and of a student teacher, layers and entries (of the teacher's hidden_states). Scoring: model, texts, out.
TRAINING = {
    "epochs": 1, "batch_size": 16, "learning_rate": 5e-5, "max_length": 128, "padding": "max_length",
    "label_threshold": 0.6, "temperature": 2.0, "hard": 0.5, "soft": 0.5, "hidden": 1.0,
    "lora_r": 8, "lora_alpha": 32, "lora_dropout": 0.05, "seed": 0, "bf16": False, "cpu": False,
}  # fmt: skip
SCORING = {"batch_size": 1, "max_length": 128, "device": "cpu", "fp16": False}


def main() -> int:
    job, file = sys.argv[1:]
    settings = json.loads(Path(file).read_text("utf-8"))
    run, defaults = (train, TRAINING) if job == "train" else (score, SCORING)
    result = run(Namespace(**defaults | settings))
    Path(settings["out"], "result.json").write_text(json.dumps(result), "utf-8")
    return 0


# ---------------------------------------------------------------------------------------------- training


def train(given: Namespace) -> dict[str, Any]:
    """Trains one arm, predicts the test rows, and saves the model in `out`."""
    torch.manual_seed(given.seed)
    tokenizer = AutoTokenizer.from_pretrained(given.base)
    parts = {name: _rows(Path(getattr(given, name)), given, tokenizer) for name in ("train", "validation", "test")}
    model = _model(given)
    common: dict[str, Any] = {
        "model": model,
        "args": _arguments(given),
        "train_dataset": parts["train"],
        "eval_dataset": parts["validation"],
        "data_collator": DataCollatorWithPadding(tokenizer) if given.padding == "longest" else default_data_collator,
        "compute_metrics": _metrics,
    }
    trainer = Distilling(given=given, **common) if given.arm == "student" else Trainer(**common)
    loaded = time.perf_counter()
    outcome = trainer.train()
    trained = time.perf_counter()
    logits: Any = trainer.predict(cast(Any, parts["test"])).predictions
    trainer.save_model(given.out)
    tokenizer.save_pretrained(given.out)
    return {
        "train_seconds": trained - loaded,
        "trainable": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "train_loss": outcome.training_loss,
        "test": (1 / (1 + np.exp(-logits[:, 0].astype(np.float64)))).tolist(),
    }


def _arguments(given: Namespace) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(Path(given.out, "trainer")),
        num_train_epochs=given.epochs,
        learning_rate=given.learning_rate,
        per_device_train_batch_size=given.batch_size,
        per_device_eval_batch_size=32,
        weight_decay=0.01,
        warmup_steps=0.1,  # below 1 it is a share of all steps
        eval_strategy="epoch",
        save_strategy="no",
        report_to="none",
        seed=given.seed,
        bf16=given.bf16,
        use_cpu=given.cpu,
    )


class Distilling(Trainer):
    """A student's Trainer, which runs the teacher on every batch."""

    def __init__(self, *arguments: Any, given: Namespace, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.teacher = _loaded(given.teacher).to(self.args.device).eval()
        self.given = given

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Cross-entropy with the labels and the softened teacher, and the cosine of matched hidden states."""
        if not model.training:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        inputs = dict(inputs)
        labels = inputs.pop("labels")
        student = model(**inputs, output_hidden_states=True)
        with torch.no_grad(), torch.autocast(self.args.device.type, torch.bfloat16, enabled=self.args.bf16):
            teacher = self.teacher(**inputs, output_hidden_states=True)
        temperature = self.given.temperature
        cross_entropy = functional.binary_cross_entropy_with_logits
        hard = cross_entropy(student.logits.float(), labels)
        softened = teacher.logits.float() / temperature
        probability = torch.sigmoid(softened)
        soft = cross_entropy(student.logits.float() / temperature, probability) - cross_entropy(softened, probability)
        mask = inputs["attention_mask"].float()
        hidden = torch.zeros((), device=labels.device)
        for own, entry in zip(student.hidden_states[1:], self.given.entries, strict=True):
            cosine = functional.cosine_similarity(own.float(), teacher.hidden_states[entry].float(), dim=-1)
            hidden = hidden + (((1 - cosine) * mask).sum(dim=1) / mask.sum(dim=1)).mean()
        loss = self.given.hard * hard + self.given.soft * temperature**2 * soft
        loss = loss + self.given.hidden * hidden / len(self.given.entries)
        return (loss, student) if return_outputs else loss


def _model(given: Namespace) -> torch.nn.Module:
    """The teacher from the base, LoRA on the base, or a student with some of its teacher's layers."""
    if given.arm == "student":
        student: torch.nn.Module = student_of(_loaded(given.teacher), given.layers)
        return student
    model = _loaded(given.base)
    if given.arm == "teacher":
        return model
    from peft import LoraConfig, get_peft_model

    adapter = LoraConfig(
        task_type="SEQ_CLS", r=given.lora_r, lora_alpha=given.lora_alpha, lora_dropout=given.lora_dropout,
        target_modules=["query", "value"], modules_to_save=["classifier"],
    )  # fmt: skip
    adapted: torch.nn.Module = get_peft_model(model, adapter)
    return adapted


def _loaded(folder: str) -> torch.nn.Module:
    model: torch.nn.Module = AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=1, problem_type="multi_label_classification", id2label={0: LABEL}, label2id={LABEL: 0},
        dtype=torch.float32,
    )  # fmt: skip
    return model


def student_of(teacher: Any, layers: tuple[int, ...]) -> Any:
    """A copy of the teacher with these of its layers."""
    student = copy.deepcopy(teacher)
    student.bert.encoder.layer = torch.nn.ModuleList(student.bert.encoder.layer[one] for one in layers)
    student.config.num_hidden_layers = len(layers)
    return student


def _rows(path: Path, given: Namespace, tokenizer: Any) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    padding = "max_length" if given.padding == "max_length" else False
    encoded = tokenizer([row["text"] for row in rows], truncation=True, max_length=given.max_length, padding=padding)
    threshold = np.float32(given.label_threshold)
    return [
        {name: encoded[name][place] for name in encoded}
        | {"labels": np.asarray([np.float32(row[LABEL]) >= threshold], np.float32)}
        for place, row in enumerate(rows)
    ]


def _metrics(evaluation: Any) -> dict[str, float]:
    from sklearn.metrics import average_precision_score

    logits, labels = evaluation.predictions[:, 0], evaluation.label_ids[:, 0]
    return {"average_precision": float(average_precision_score(labels, logits)) if labels.any() else 0.0}


# ----------------------------------------------------------------------------------------------- scoring


def score(given: Namespace) -> dict[str, Any]:
    """Scores the texts with a pipeline, timed after it is loaded and warmed up."""
    with Path(given.texts).open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    dtype = torch.float16 if given.fp16 else torch.float32
    classify = pipeline(
        "text-classification", model=given.model, top_k=None, function_to_apply="sigmoid", device=given.device,
        dtype=dtype,
    )  # fmt: skip
    options = {"batch_size": given.batch_size, "truncation": True, "max_length": given.max_length}
    classify(texts[:_WARM_UP], **options)
    loaded = time.perf_counter()
    answers: Any = classify(texts, **options)
    return {
        "seconds": time.perf_counter() - loaded,
        "probabilities": [next(one["score"] for one in answer if one["label"] == LABEL) for answer in answers],
    }


if __name__ == "__main__":
    sys.exit(main())
