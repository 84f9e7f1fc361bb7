"""LoRA adapters on frozen layers of the base or of the teacher, with a head trained together with them."""

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retort.models.bases import Base
    from retort.recipes.context import Arm, Context
    from retort.recipes.experiment import ExperimentSettings

TITLE = "LoRA adapters"
DESCRIPTION = "LoRA adapters on a frozen BERT, with a classification head trained together with them."
ROLE = "adapter"
LOADER = "peft"
TRAINING = "lora_training"
TAKES_TEACHER = True
SEEDED = True

# A merged adapter may differ from the adapter only by rounding.
MERGED_TOLERANCE = 1e-4
_COMPARED_ROWS = 8


def require(settings: "ExperimentSettings", name: str, base: "Base") -> None:
    """Raises ConfigError when the base lacks a layer that is to be adapted."""
    import torch
    from transformers import AutoConfig, BertForSequenceClassification

    from retort.models.adapters import require_modules

    with torch.device("meta"):
        shape = BertForSequenceClassification(AutoConfig.from_pretrained(base.folder))
    require_modules(shape, settings.lora_of(name), pooler=_new_pooler(base, settings.arm[name].start))


def fit(context: "Context", arm: "Arm") -> None:
    """Trains the adapters and saves them, and below them the model that they are merged into."""
    from retort import runs
    from retort.bench.cost import size_bytes
    from retort.models import adapters
    from retort.models.classifier import count_parameters, save_classifier, save_tokenizer
    from retort.recipes import steps
    from retort.training.loop import adamw
    from retort.whole_folder import is_writer

    settings = context.settings.lora_of(arm.name)
    start = steps.start_of(context, arm)
    body, indices = steps.copied(context, arm, start)
    steps.make_trainable(context, arm, body)
    model = adapters.with_adapter(
        body, settings, start.name, context.settings.seed, context.scratch,
        pooler=_new_pooler(context.base, context.settings.arm[arm.name].start),
    )  # fmt: skip
    steps.record_shape(arm, model, indices, start.layers)
    ratio = settings.lora_plus_ratio
    make_optimizer = adamw if ratio is None else functools.partial(_lora_plus, ratio=ratio)
    steps.train(context, arm, model, start.tokenizer_folder, make_optimizer)
    if not is_writer():
        return
    adapters.save_adapter(model, settings, arm.folder, context.scratch)
    save_tokenizer(start.tokenizer_folder, context.settings.max_length, arm.folder)
    # Where several tasks share one base, an adapter is all that each adds.
    arm.cost |= {"adapter_bytes": size_bytes(arm.folder), "base_bytes": start.weights.stat().st_size}
    merged = adapters.merged(model)
    arm.parameters["total"] = count_parameters(merged)["total"]
    save_classifier(merged, start.tokenizer_folder, context.settings.max_length, arm.folder / runs.MERGED)
    arm.cost["size_bytes"] = size_bytes(arm.folder / runs.MERGED)
    arm.base = start.provenance() | {"layer_indices": list(indices)}


def _new_pooler(base: "Base", start: str) -> bool:
    """Whether the arm's pooler is initialised at random, so that it is trained whole."""
    from retort.models.classifier import brings_pooler

    return start == "base" and not brings_pooler(base)


def check(context: "Context", arm: "Arm") -> None:
    """Adapter and merged model give the same probabilities. Raises RunError when they differ by more than rounding."""
    import numpy as np

    from retort import runs
    from retort.errors import RunError
    from retort.inference.predictor import Classifier
    from retort.recipes import steps

    texts = context.inputs.validation.texts[:_COMPARED_ROWS]
    apart = arm.predictions["validation"][: len(texts)]
    device = steps.judging_device(context)
    together = Classifier.load(arm.folder / runs.MERGED, device=device).probabilities(texts)
    worst = float(np.abs(apart - together).max())
    if worst > MERGED_TOLERANCE:
        raise RunError(
            f"arm {arm.name}: merged and adapter differ by {worst:.2g} (at most {MERGED_TOLERANCE}); "
            "set precision=fp32 or another lora.init"
        )


def _lora_plus(model: Any, settings: Any, *, ratio: float) -> Any:
    from retort.models.adapters import lora_plus_optimizer

    return lora_plus_optimizer(model, settings, ratio)
