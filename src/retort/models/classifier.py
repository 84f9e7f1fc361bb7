"""A BERT with one sigmoid per attribute: made from a base, saved as plain Hugging Face, loaded again."""

import contextlib
import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoTokenizer, BertForSequenceClassification, PretrainedConfig
from transformers.utils import logging as transformers_logging

from retort import runs
from retort.data.batches import prepared_tokenizer
from retort.errors import ConfigError, ModelError, first_line
from retort.models.bases import Base

# Weights that a pre-trained BERT may lack: the head, and the pooler where it was trained on words only.
_NEW_IN_A_BASE = ("classifier.", "bert.pooler.")


def classifier_from_base(
    base: Base, attributes: Sequence[str], seed: int, shares: Sequence[float] | None = None
) -> BertForSequenceClassification:
    """The base's body with a new head of one logit per attribute, initialised from `seed`.

    `shares` in (0, 1), each attribute's mean among the training rows, set the head's bias, so that the untrained model
    predicts them on average. Training then need not learn the base rates first (Lin et al. 2017, arXiv:1708.02002,
    section 4.1). Raises ModelError when the base cannot be loaded.
    """
    config = AutoConfig.from_pretrained(base.folder)
    config.num_labels = len(attributes)
    config.problem_type = "multi_label_classification"
    config.id2label = dict(enumerate(attributes))
    config.label2id = {name: index for index, name in enumerate(attributes)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # Warnings about pre-training heads that are dropped and the new head that is missing say nothing new.
        with _quietly():
            model = _loaded(base.folder, config, new=_NEW_IN_A_BASE)
    if shares is not None:
        with torch.no_grad():
            model.classifier.bias.copy_(torch.logit(torch.tensor(shares, dtype=torch.float32), eps=1e-3))
    return model


def brings_pooler(base: Base) -> bool:
    """Whether the base's weights hold a pooler. If not, `classifier_from_base` initialises one as it does the head."""
    return any(name.endswith("pooler.dense.weight") for name in _weight_names(base))


def _weight_names(base: Base) -> list[str]:
    if base.weights.suffix == ".safetensors":
        with safe_open(base.weights, "pt") as weights:
            return list(weights.keys())
    return list(torch.load(base.weights, map_location="cpu", mmap=True, weights_only=True))


def load_classifier(folder: Path) -> BertForSequenceClassification:
    """A saved classifier in evaluation mode.

    Raises ModelError when the folder holds no BERT sequence classifier, or weights that are missing or not finite.
    """
    config = classifier_config(folder)
    with _quietly():
        model = _loaded(folder, config)
    model.eval()
    return model


def classifier_config(folder: Path) -> PretrainedConfig:
    """The config of a saved classifier. Raises ModelError when the folder holds no BERT sequence classifier."""
    if not (folder / runs.CONFIG).is_file():
        raise ModelError(f"{folder}: no config.json; give the folder of an arm, for example RUN/odd")
    try:
        config: PretrainedConfig = AutoConfig.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder}: config.json cannot be read ({error}); take a whole copy") from error
    if config.model_type != "bert" or "BertForSequenceClassification" not in (config.architectures or []):
        raise ModelError(
            f"{folder}: not a BERT sequence classifier (config.json says {config.architectures}); name another"
        )
    return config


def label_names(config: PretrainedConfig) -> tuple[str, ...]:
    """The label of each logit, in lower case."""
    labels = sorted((int(index), str(label)) for index, label in (config.id2label or {}).items())
    return tuple(label.lower() for _, label in labels)


def attributes_of(model: BertForSequenceClassification) -> tuple[str, ...]:
    """The label of each logit by the model's config, in lower case."""
    return label_names(model.config)


def set_label_order(model: BertForSequenceClassification, names: Sequence[str], where: object) -> None:
    """Reorders the head so that logit i rates `names[i]`.

    Raises ModelError when the model has other labels; `where` is its folder.
    """
    found = attributes_of(model)
    if sorted(found) != sorted(names):
        raise ModelError(
            f"{where}: {runs.RETORT} names {', '.join(names)}, {runs.CONFIG} {', '.join(found)}; take a whole copy"
        )
    rows = [found.index(name) for name in names]
    head = model.classifier
    head.weight.data, head.bias.data = head.weight.data[rows], head.bias.data[rows]
    model.config.id2label = dict(enumerate(names))
    model.config.label2id = {name: index for index, name in enumerate(names)}


def load_tokenizer(folder: Path) -> Tokenizer:
    """The folder's tokenizer, prepared for comments. Raises ModelError when it cannot be loaded."""
    try:
        fast = AutoTokenizer.from_pretrained(folder, use_fast=True)
    except Exception as error:  # the Rust library raises bare Exceptions
        raise ModelError(
            f"{folder}: the tokenizer cannot be loaded ({first_line(error)}); take a whole copy"
        ) from error
    return prepared_tokenizer(copy.deepcopy(fast.backend_tokenizer))


def require_usable(base: Base, max_length: int) -> None:
    """Loads the base once, so that an unfit one is refused before any training.

    Raises ModelError for weights or a tokenizer that are broken or do not fit each other, and for a base that is a
    classifier already, ConfigError for a `max_length` above the base's number of positions.
    """
    if max_length > base.positions:
        raise ConfigError(f"max_length = {max_length}: base {base.id} reads {base.positions} tokens at most; lower it")
    words = classifier_from_base(base, ("any",), seed=0).config.vocab_size
    if any(name.startswith("classifier.") for name in _weight_names(base)):
        raise ModelError(
            f"base {base.id}: it is a classifier already; name the pre-trained model that it was made of, or give it "
            "with --teacher"
        )
    known = load_tokenizer(base.folder).get_vocab_size()
    if known > words:
        raise ModelError(
            f"base {base.id}: its tokenizer knows {known:,} pieces, its weights {words:,}; take both from one model"
        )


def save_classifier(
    model: BertForSequenceClassification, tokenizer_folder: Path, max_length: int, folder: Path
) -> None:
    """Weights, config and tokenizer as `AutoModelForSequenceClassification` and `pipeline` load them."""
    folder.mkdir(parents=True, exist_ok=True)
    with _quietly():
        model.save_pretrained(folder)
    if not (folder / runs.WEIGHTS).is_file():  # of several processes, transformers writes on the first alone
        model.config.save_pretrained(folder)
        save_file(model.state_dict(), folder / runs.WEIGHTS, metadata={"format": "pt"})
    save_tokenizer(tokenizer_folder, max_length, folder)


def save_tokenizer(source: Path, max_length: int, folder: Path) -> None:
    """Copies the tokenizer of `source`, with `max_length` as its limit."""
    tokenizer = AutoTokenizer.from_pretrained(source, use_fast=True)
    tokenizer.model_max_length = max_length
    # The packaged MiniLM's tokenizer pads and truncates to 128 tokens, whatever the limit.
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.save_pretrained(folder)


def set_dropout(model: BertForSequenceClassification, probability: float) -> None:
    """Sets the probability of every dropout in the model and its config, the head's included."""
    model.config.hidden_dropout_prob = probability
    model.config.attention_probs_dropout_prob = probability
    model.config.classifier_dropout = probability
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = probability


def count_parameters(model: torch.nn.Module) -> dict[str, int]:
    """`total` counts all parameters, `trainable` those with a gradient."""
    parameters = list(model.parameters())
    return {
        "total": sum(p.numel() for p in parameters),
        "trainable": sum(p.numel() for p in parameters if p.requires_grad),
    }


def require_finite(model: torch.nn.Module, where: object) -> None:
    """Raises ModelError, naming the first tensor that holds NaN or infinity."""
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ModelError(f"{where}: {name} holds NaN or infinity; the weights are broken, take another copy")


def _loaded(folder: Path, config: PretrainedConfig, *, new: tuple[str, ...] = ()) -> BertForSequenceClassification:
    """The weights in `folder`, checked to be complete and finite.

    Missing weights are initialised at random only where their names begin with one of `new`.
    """
    try:
        loaded: Any = BertForSequenceClassification.from_pretrained(
            folder, config=config, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True
        )
    except Exception as error:  # safetensors raises its own kind for a broken file
        raise ModelError(
            f"{folder}: the model cannot be loaded ({first_line(error)}); take a whole copy of it"
        ) from error
    model: BertForSequenceClassification = loaded[0]
    found: dict[str, Any] = loaded[1]
    # transformers initialises missing weights at random and only logs it.
    wrong = {
        "config.json names {}, which the weights lack": [n for n in found["missing_keys"] if not n.startswith(new)],
        "the weights hold {}, which config.json has no place for": [
            name for name in found["unexpected_keys"] if "encoder.layer." in name
        ],
        "{} has another shape than config.json says": [
            name for name, *_ in found["mismatched_keys"] if not name.startswith(new)
        ],
    }
    for complaint, names in wrong.items():
        if names:
            raise ModelError(f"{folder}: {complaint.format(min(names))}; take a whole copy of the model")
    require_finite(model, folder)
    return model


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Silences transformers' progress bars and its report of missing weights; `_loaded` checks these itself."""
    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)
