"""LoRA adapters on a BERT classifier. The one file that imports peft.

peft's low-rank adapters (Hu et al. 2021, arXiv:2106.09685) and the variants it offers: rsLoRA, DoRA,
PiSSA and LoRA+. The head is trained and saved with the adapter, and so is a randomly initialised pooler.
"""

import shutil
from pathlib import Path
from typing import Any, Literal

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from peft.optimizers import create_loraplus_optimizer
from safetensors.torch import load_file, save_file
from transformers import BertForSequenceClassification

from retort import runs
from retort.config import ALL_LINEAR, LoraSettings, TrainingSettings
from retort.errors import ConfigError, ModelError, first_line

HEAD = "classifier"
POOLER = "pooler"
_INITIAL = "initial"
# PiSSA initialises from a decomposition of the base's weights and changes them: the adapter alone would not fit the
# published base, so the difference from it is saved (Meng et al. 2024, arXiv:2404.02948).
_PISSA = "pissa"


def with_adapter(
    model: BertForSequenceClassification,
    settings: LoraSettings,
    base_name: str,
    seed: int,
    scratch_dir: Path,
    *,
    pooler: bool = False,
) -> PeftModel:
    """`model` with new adapters; they, the head and, with `pooler`, the pooler are trained, all else is frozen.

    base_name is recorded in the adapter's config as its base. scratch_dir keeps the initial adapter for `save_adapter`
    where the variant needs it. Raises ConfigError for a target module that the model lacks.
    """
    require_modules(model, settings, pooler=pooler)
    model.name_or_path = base_name
    init: Literal["gaussian", "pissa"] | bool = True if settings.init == "default" else settings.init
    config = LoraConfig(
        task_type="SEQ_CLS",
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=ALL_LINEAR if settings.target_modules == ALL_LINEAR else list(settings.target_modules),
        # peft adapts nothing within these.
        modules_to_save=[HEAD, POOLER] if pooler else [HEAD],
        use_rslora=settings.use_rslora,
        use_dora=settings.use_dora,
        init_lora_weights=init,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapted = get_peft_model(model, config)
    if settings.init == _PISSA:
        config.init_lora_weights = True
        _save(adapted, scratch_dir / _INITIAL)
        config.init_lora_weights = init
    return adapted


def require_modules(model: torch.nn.Module, settings: LoraSettings, *, pooler: bool = False) -> None:
    """Raises ConfigError for a target that is no linear layer of the model, nor the end of the name of one.

    The head is no target, and with `pooler` nor is the pooler: they are trained whole.
    """
    if settings.target_modules == ALL_LINEAR:
        return
    whole = (HEAD, f"bert.{POOLER}.") if pooler else (HEAD,)
    linear = [n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and not n.startswith(whole)]
    for target in settings.target_modules:
        if not any(f".{name}".endswith(f".{target}") for name in linear):
            raise ConfigError(
                f"lora.target_modules: the base has no linear layer {target!r} to adapt; BERT's are query, key, "
                f"value, attention.output.dense, intermediate.dense, output.dense and pooler.dense, or {ALL_LINEAR}"
            )


def lora_plus_optimizer(model: PeftModel, settings: TrainingSettings, ratio: float) -> torch.optim.Optimizer:
    """AdamW with `ratio` times the learning rate for the B matrices and the biases.

    LoRA+, Hayou et al. 2024, arXiv:2402.12354.
    """
    optimizer: torch.optim.Optimizer = create_loraplus_optimizer(
        model,
        torch.optim.AdamW,
        lr=settings.learning_rate,
        loraplus_lr_ratio=ratio,
        # peft's parameter groups have their own decay, 0 unless given; `weight_decay` does not reach them.
        loraplus_weight_decay=settings.weight_decay,
        fused=True,
    )
    return optimizer


def save_adapter(model: PeftModel, settings: LoraSettings, folder: Path, scratch_dir: Path) -> None:
    """Writes a peft folder: the adapter alone, as the difference from the published base.

    scratch_dir is the one that `with_adapter` was called with.
    """
    if settings.init == _PISSA:
        _save_difference(model, folder, scratch_dir / _INITIAL)
    else:
        _save(model, folder)
    # peft writes its own model card; retort's replaces it.
    (folder / runs.MODEL_CARD).unlink(missing_ok=True)
    shutil.rmtree(scratch_dir / _INITIAL, ignore_errors=True)


def _save(model: PeftModel, folder: Path, **options: Any) -> None:
    # By default peft looks up the base's config on the hub, to see whether it has as many word embeddings.
    model.save_pretrained(str(folder), save_embedding_layers=False, **options)


def _save_difference(model: PeftModel, folder: Path, initial: Path) -> None:
    """Saves a PiSSA adapter as its difference from the initial one, an ordinary adapter of twice the rank."""
    config = model.peft_config["default"]
    base_name = config.base_model_name_or_path
    # While it converts, peft looks up a base with a name on the hub, so the name is added afterwards.
    config.base_model_name_or_path = ""
    _save(model, folder, path_initial_model_for_weight_conversion=str(initial))
    config.base_model_name_or_path = base_name
    saved = LoraConfig.from_pretrained(str(folder))
    saved.base_model_name_or_path = base_name
    saved.save_pretrained(str(folder))
    _restore_whole_modules(model, folder / runs.ADAPTER_WEIGHTS)


def _restore_whole_modules(model: PeftModel, path: Path) -> None:
    """Adds head and pooler to a converted adapter: peft's conversion keeps the low-rank matrices only (peft 0.21)."""
    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items() if "lora_" not in name}
    save_file(load_file(path) | whole, path)


def merged(model: PeftModel) -> BertForSequenceClassification:
    """A plain classifier of the base's shape with the adapters added to its weights. `model` is unusable afterwards."""
    plain: BertForSequenceClassification = model.merge_and_unload()
    return plain


def load_adapter(base: BertForSequenceClassification, folder: Path) -> PeftModel:
    """A saved adapter on its base, in evaluation mode. Raises ModelError when the two do not fit."""
    try:
        return PeftModel.from_pretrained(base, str(folder)).eval()
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelError(
            f"{folder}: the adapter does not fit its base ({first_line(error)}); take a whole copy"
        ) from error
