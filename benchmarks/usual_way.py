"""What people do today, written plainly: `transformers.Trainer` to train, `transformers.pipeline` to score.

One arm or one scoring per call, in a fresh process, with the libraries' defaults wherever a choice is theirs.
The other side of the side-by-side benchmarks; nothing of retort is used here.

Example: python benchmarks/usual_way.py train teacher --base DIR --train FILE --validation FILE --test FILE --out DIR
"""

import argparse
import csv
import json
import sys
import time
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


def main() -> int:
    given = _parsed()
    {"train": train, "score": score}[given.job](given)
    return 0


# ---------------------------------------------------------------------------------------------- training


def train(given: argparse.Namespace) -> None:
    """Trains one arm for `--epochs`, predicts the test rows, saves the model; result.json says how long what took."""
    began = time.perf_counter()
    torch.manual_seed(given.seed)
    tokenizer = AutoTokenizer.from_pretrained(given.base)
    parts = {name: _rows(getattr(given, name), given, tokenizer) for name in ("train", "validation", "test")}
    model = _model(given)
    settings = TrainingArguments(
        output_dir=str(given.out / "trainer"),
        num_train_epochs=given.epochs,
        learning_rate=given.learning_rate,
        per_device_train_batch_size=given.batch_size,
        per_device_eval_batch_size=given.eval_batch_size,
        weight_decay=0.01,
        warmup_steps=0.1,  # below 1 it is a share of all steps
        eval_strategy="epoch",
        save_strategy="no",
        report_to="none",
        seed=given.seed,
        bf16=given.bf16,
        use_cpu=given.cpu,
    )
    common: dict[str, Any] = {
        "model": model,
        "args": settings,
        "train_dataset": parts["train"],
        "eval_dataset": parts["validation"],
        "data_collator": DataCollatorWithPadding(tokenizer) if given.padding == "longest" else default_data_collator,
        "compute_metrics": _metrics,
    }
    if given.arm == "student":
        trainer: Trainer = Distilling(teacher=_loaded(given.teacher), given=given, **common)
    else:
        trainer = Trainer(**common)
    loaded = time.perf_counter()
    outcome = trainer.train()
    trained = time.perf_counter()
    logits: Any = trainer.predict(cast(Any, parts["test"])).predictions
    trainer.save_model(str(given.out))
    tokenizer.save_pretrained(given.out)
    probabilities = 1 / (1 + np.exp(-logits[:, 0].astype(np.float64)))
    result = {
        "load_seconds": loaded - began,
        "train_seconds": trained - loaded,
        "after_seconds": time.perf_counter() - trained,
        "trainable": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "train_loss": outcome.training_loss,
        "test": probabilities.tolist(),
    }
    (given.out / "result.json").write_text(json.dumps(result), "utf-8")


class Distilling(Trainer):
    """A student learns from labels and from what its teacher says of every batch."""

    def __init__(self, *arguments: Any, teacher: torch.nn.Module, given: argparse.Namespace, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.teacher = teacher.to(self.args.device).eval()
        self.given = given

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Binary cross-entropy, the teacher's softened opinion, and the cosine of matched hidden states."""
        if not model.training:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        inputs = dict(inputs)
        labels = inputs.pop("labels")
        student = model(**inputs, output_hidden_states=True)
        with torch.no_grad(), torch.autocast(self.args.device.type, torch.bfloat16, enabled=self.args.bf16):
            teacher = self.teacher(**inputs, output_hidden_states=True)
        temperature = self.given.temperature
        hard = functional.binary_cross_entropy_with_logits(student.logits.float(), labels)
        softened = teacher.logits.float() / temperature
        opinion = torch.sigmoid(softened)
        soft = functional.binary_cross_entropy_with_logits(student.logits.float() / temperature, opinion)
        soft = soft - functional.binary_cross_entropy_with_logits(softened, opinion)
        mask = inputs["attention_mask"].float()
        hidden = torch.zeros((), device=labels.device)
        for own, entry in zip(student.hidden_states[1:], self.given.entries, strict=True):
            cosine = functional.cosine_similarity(own.float(), teacher.hidden_states[entry].float(), dim=-1)
            hidden = hidden + (((1 - cosine) * mask).sum(dim=1) / mask.sum(dim=1)).mean()
        loss = self.given.hard * hard + self.given.soft * temperature**2 * soft
        loss = loss + self.given.hidden * hidden / len(self.given.entries)
        return (loss, student) if return_outputs else loss


def _model(given: argparse.Namespace) -> torch.nn.Module:
    """The teacher from the base, LoRA on the base, or a student with some of its teacher's layers."""
    if given.arm == "student":
        student: torch.nn.Module = _student(_loaded(given.teacher), given.layers)
        return student
    model = _loaded(given.base)
    if given.arm == "teacher":
        return model
    from peft import LoraConfig, get_peft_model

    adapter = LoraConfig(
        task_type="SEQ_CLS",
        r=given.lora_r,
        lora_alpha=given.lora_alpha,
        lora_dropout=given.lora_dropout,
        target_modules=["query", "value"],
        modules_to_save=["classifier"],
    )
    adapted: torch.nn.Module = get_peft_model(model, adapter)
    return adapted


def _loaded(folder: Path) -> torch.nn.Module:
    model: torch.nn.Module = AutoModelForSequenceClassification.from_pretrained(
        folder,
        num_labels=1,
        problem_type="multi_label_classification",
        id2label={0: LABEL},
        label2id={LABEL: 0},
        dtype=torch.float32,
    )
    return model


def _student(teacher: Any, layers: list[int]) -> Any:
    config = type(teacher.config).from_dict(teacher.config.to_dict())
    config.num_hidden_layers = len(layers)
    student = type(teacher)(config)
    student.bert.embeddings.load_state_dict(teacher.bert.embeddings.state_dict())
    student.bert.pooler.load_state_dict(teacher.bert.pooler.state_dict())
    student.classifier.load_state_dict(teacher.classifier.state_dict())
    for own, copied in enumerate(layers):
        student.bert.encoder.layer[own].load_state_dict(teacher.bert.encoder.layer[copied].state_dict())
    return student


def _rows(path: Path, given: argparse.Namespace, tokenizer: Any) -> list[dict[str, Any]]:
    """Every comment tokenised, with its label."""
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


def _metrics(said: Any) -> dict[str, float]:
    from sklearn.metrics import average_precision_score

    logits, labels = said.predictions[:, 0], said.label_ids[:, 0]
    return {"average_precision": float(average_precision_score(labels, logits)) if labels.any() else 0.0}


# --------------------------------------------------------------------------------------------- scoring


def score(given: argparse.Namespace) -> None:
    """Scores the column `text` of a CSV with a pipeline; result.json says how long that took once it was loaded."""
    began = time.perf_counter()
    with given.texts.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    classify = pipeline(
        "text-classification",
        model=str(given.model),
        top_k=None,
        function_to_apply="sigmoid",
        device=given.device,
        dtype=torch.float16 if given.fp16 else torch.float32,
    )
    options = {"batch_size": given.batch_size, "truncation": True, "max_length": given.max_length}
    classify(texts[:_WARM_UP], **options)
    loaded = time.perf_counter()
    answers: Any = classify(texts, **options)
    seconds = time.perf_counter() - loaded
    probabilities = [next(one["score"] for one in answer if one["label"] == LABEL) for answer in answers]
    result = {"load_seconds": loaded - began, "seconds": seconds, "probabilities": probabilities}
    given.out.write_text(json.dumps(result), "utf-8")


# -------------------------------------------------------------------------------------- command line


def _parsed() -> argparse.Namespace:
    first, _, rest = (__doc__ or "").partition("\n")
    options = argparse.ArgumentParser(description=first, epilog=rest.strip())
    options.formatter_class = argparse.RawDescriptionHelpFormatter
    jobs = options.add_subparsers(dest="job", required=True, metavar="train|score")
    training = jobs.add_parser("train", help="one arm with Trainer")
    training.add_argument("arm", choices=("teacher", "student", "lora"))
    for name in ("base", "train", "validation", "test", "out"):
        training.add_argument(f"--{name}", type=Path, required=True)
    training.add_argument("--teacher", type=Path, help="a student's")
    training.add_argument("--layers", type=_numbers, default=[], help="of the teacher, that a student starts from")
    training.add_argument("--entries", type=_numbers, default=[], help="of the teacher's hidden states, one per layer")
    training.add_argument("--epochs", type=int, default=1)
    training.add_argument("--batch-size", type=int, default=16)
    training.add_argument("--eval-batch-size", type=int, default=32)
    training.add_argument("--max-length", type=int, default=128)
    training.add_argument("--padding", choices=("max_length", "longest"), default="max_length")
    training.add_argument("--label-threshold", type=float, default=0.6)
    training.add_argument("--learning-rate", type=float, default=5e-5)
    training.add_argument("--temperature", type=float, default=2.0)
    training.add_argument("--hard", type=float, default=0.5)
    training.add_argument("--soft", type=float, default=0.5)
    training.add_argument("--hidden", type=float, default=1.0)
    training.add_argument("--lora-r", type=int, default=8)
    training.add_argument("--lora-alpha", type=int, default=32)
    training.add_argument("--lora-dropout", type=float, default=0.05)
    training.add_argument("--seed", type=int, default=0)
    training.add_argument("--bf16", action="store_true")
    training.add_argument("--cpu", action="store_true", help="even where there is a GPU")
    scoring = jobs.add_parser("score", help="a file with pipeline")
    for name in ("model", "texts", "out"):
        scoring.add_argument(f"--{name}", type=Path, required=True)
    scoring.add_argument("--batch-size", type=int, default=1)
    scoring.add_argument("--max-length", type=int, default=128)
    scoring.add_argument("--device", default="cpu")
    scoring.add_argument("--fp16", action="store_true")
    return options.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


if __name__ == "__main__":
    sys.exit(main())
