"""LoRA adapters on a BERT classifier. The one file that knows peft.

peft's low-rank adapters (Hu et al. 2021, arXiv:2106.09685) and the variants it offers: rsLoRA, DoRA,
PiSSA and LoRA+. The head is trained and saved with the adapter, and so is a pooler that was drawn with it.
"""

import shutil
from pathlib import Path
from typing import Literal

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from peft.optimizers import create_loraplus_optimizer
from safetensors.torch import load_file, save_file
from transformers import BertForSequenceClassification

from retort import runs
from retort.config import LoraSettings, TrainingSettings
from retort.errors import ConfigError, ModelError

HEAD = "classifier"
POOLER = "pooler"
ADAPTER_CONFIG = "adapter_config.json"
_INITIAL = "initial"
# PiSSA starts from a decomposition of the base's own weights, which it changes: the adapter alone would
# not fit the published base, so it is saved as the difference from it (Meng et al. 2024, arXiv:2404.02948).
_PISSA = "pissa"


def with_adapter(
    model: BertForSequenceClassification,
    settings: LoraSettings,
    base_name: str,
    seed: int,
    workshop: Path,
    *,
    pooler: bool = False,
) -> PeftModel:
    """`model` with fresh adapters, all else frozen but the head, and with `pooler` that as well.

    `workshop` is scratch space on disk.
    """
    modules = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    unknown = [name for name in settings.target_modules if name not in modules]
    if unknown:
        raise ConfigError(f"lora.target_modules: the base has no module {unknown[0]!r}; BERT's are query, key, value")
    model.name_or_path = base_name
    start: Literal["gaussian", "pissa"] | bool = True if settings.init == "default" else settings.init
    config = LoraConfig(
        task_type="SEQ_CLS",
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.target_modules),
        modules_to_save=[HEAD, POOLER] if pooler else [HEAD],
        use_rslora=settings.use_rslora,
        use_dora=settings.use_dora,
        init_lora_weights=start,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapted = get_peft_model(model, config)
    if settings.init == _PISSA:
        config.init_lora_weights = True
        adapted.save_pretrained(str(workshop / _INITIAL))
        config.init_lora_weights = start
    return adapted


def lora_plus_optimizer(model: PeftModel, settings: TrainingSettings, ratio: float) -> torch.optim.Optimizer:
    """AdamW with a higher rate for the B matrices and the biases (LoRA+, Hayou et al. 2024, arXiv:2402.12354)."""
    optimizer: torch.optim.Optimizer = create_loraplus_optimizer(
        model,
        torch.optim.AdamW,
        lr=settings.learning_rate,
        loraplus_lr_ratio=ratio,
        # peft's groups have a decay of their own, 0 unless given, which `weight_decay` would not reach.
        loraplus_weight_decay=settings.weight_decay,
        fused=True,
    )
    return optimizer


def save_adapter(model: PeftModel, settings: LoraSettings, folder: Path, workshop: Path) -> None:
    """The adapter alone (a peft folder), as a difference from the base as it is published."""
    if settings.init == _PISSA:
        model.save_pretrained(str(folder), path_initial_model_for_weight_conversion=str(workshop / _INITIAL))
        # Converting keeps the low-rank matrices alone: what learns whole has to be put back (peft 0.21).
        path = folder / "adapter_model.safetensors"
        whole = {name: t for name, t in get_peft_model_state_dict(model).items() if "lora_" not in name}
        save_file(load_file(path) | {name: t.detach().cpu().contiguous() for name, t in whole.items()}, path)
    else:
        model.save_pretrained(str(folder))
    # peft writes a model card of its own; ours takes its place.
    (folder / runs.MODEL_CARD).unlink(missing_ok=True)
    shutil.rmtree(workshop / _INITIAL, ignore_errors=True)


def merged(model: PeftModel) -> BertForSequenceClassification:
    """The adapters added into the weights: a plain classifier of the base's shape. `model` is used up."""
    plain: BertForSequenceClassification = model.merge_and_unload()
    return plain


def load_adapter(base: BertForSequenceClassification, folder: Path) -> PeftModel:
    """A saved adapter on the base that it was trained on. Raises ModelError when they do not fit."""
    try:
        return PeftModel.from_pretrained(base, str(folder)).eval()
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{folder}: the adapter does not fit its base ({reason}); take a whole copy") from error
