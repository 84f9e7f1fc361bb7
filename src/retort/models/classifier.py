"""A BERT with one sigmoid per attribute: made from a base, saved as plain Hugging Face, loaded again."""

import contextlib
import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoTokenizer, BertForSequenceClassification, PretrainedConfig
from transformers.utils import logging as transformers_logging

from retort.errors import ConfigError, ModelError
from retort.models.bases import Base

# What a pre-trained BERT need not bring: the head, and the pooler that bases trained without a second task lack.
_NEW_IN_A_BASE = ("classifier.", "bert.pooler.")


def classifier_from_base(
    base: Base, attributes: Sequence[str], seed: int, shares: Sequence[float] | None = None
) -> BertForSequenceClassification:
    """The base's body under a new head of one logit per attribute, drawn from `seed`.

    `shares` in (0, 1) are what the head is to say of every comment at first: each attribute's mean among
    the training rows. Learning then begins with telling comments apart, not with counting them
    (Lin et al. 2017, arXiv:1708.02002, section 4.1).
    """
    config = AutoConfig.from_pretrained(base.folder)
    config.num_labels = len(attributes)
    config.problem_type = "multi_label_classification"
    config.id2label = dict(enumerate(attributes))
    config.label2id = {name: index for index, name in enumerate(attributes)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # The pre-training heads of the base are not ours to keep, and the new head is missing there.
        with _quietly():
            model = _loaded(base.folder, config, new=_NEW_IN_A_BASE)
    if shares is not None:
        with torch.no_grad():
            model.classifier.bias.copy_(torch.logit(torch.tensor(shares, dtype=torch.float32), eps=1e-3))
    return model


def brings_pooler(base: Base) -> bool:
    """Whether the base's weights hold a pooler. Else `classifier_from_base` draws one, as it draws the head."""
    if base.weights.suffix == ".safetensors":
        with safe_open(base.weights, "pt") as weights:
            names = list(weights.keys())
    else:
        names = list(torch.load(base.weights, map_location="cpu", mmap=True, weights_only=True))
    return any(name.endswith("pooler.dense.weight") for name in names)


def load_classifier(folder: Path) -> BertForSequenceClassification:
    """A saved classifier in evaluation mode.

    Raises ModelError when the folder holds no BERT sequence classifier or weights that are not finite.
    """
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder}: no config.json; give the folder of an arm, for example RUN/odd")
    try:
        config = AutoConfig.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder}: config.json cannot be read ({error}); take a whole copy") from error
    if config.model_type != "bert" or "BertForSequenceClassification" not in (config.architectures or []):
        raise ModelError(
            f"{folder}: not a BERT sequence classifier (config.json says {config.architectures}); name another"
        )
    with _quietly():
        model = _loaded(folder, config)
    model.eval()
    return model


def attributes_of(model: BertForSequenceClassification) -> tuple[str, ...]:
    """What each logit rates, by the labels of the model's config, in lower case."""
    labels = sorted((int(index), str(label)) for index, label in (model.config.id2label or {}).items())
    return tuple(label.lower() for _, label in labels)


def load_tokenizer(folder: Path) -> Tokenizer:
    """The folder's tokenizer without padding or truncation; special tokens in a text stay text."""
    try:
        fast = AutoTokenizer.from_pretrained(folder, use_fast=True)
    except Exception as error:  # the Rust library raises bare Exceptions
        raise ModelError(f"{folder}: the tokenizer cannot be loaded ({_reason(error)}); take a whole copy") from error
    tokenizer: Tokenizer = copy.deepcopy(fast.backend_tokenizer)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    # "[SEP]" typed by a user would otherwise end the comment for the model.
    tokenizer.encode_special_tokens = True
    return tokenizer


def require_usable(base: Base, max_length: int) -> None:
    """Loads the base once, so that one which is unfit is refused before any training.

    Raises ModelError for weights or a tokenizer that are broken or do not fit each other, ConfigError for a
    `max_length` that the base cannot read.
    """
    if max_length > base.positions:
        raise ConfigError(f"max_length = {max_length}: base {base.id} reads {base.positions} tokens at most; lower it")
    words = classifier_from_base(base, ("any",), seed=0).config.vocab_size
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
    save_tokenizer(tokenizer_folder, max_length, folder)


def save_tokenizer(source: Path, max_length: int, folder: Path) -> None:
    """The tokenizer of `source`, its limit set to what the model was trained with."""
    tokenizer = AutoTokenizer.from_pretrained(source, use_fast=True)
    tokenizer.model_max_length = max_length
    # The packaged MiniLM's file carries a padding and truncation to 128 that would outlive our limit.
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.save_pretrained(folder)


def set_dropout(model: BertForSequenceClassification, probability: float) -> None:
    """Sets every dropout of the model and of its config, the head's included."""
    model.config.hidden_dropout_prob = probability
    model.config.attention_probs_dropout_prob = probability
    model.config.classifier_dropout = probability
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = probability


def count_parameters(model: torch.nn.Module) -> dict[str, int]:
    """All parameters and those that an optimiser would change."""
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
    """The weights in `folder`, all of them finite and there; only names that begin with one of `new` may be drawn."""
    try:
        loaded: Any = BertForSequenceClassification.from_pretrained(
            folder, config=config, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True
        )
    except Exception as error:  # safetensors raises its own kind for a broken file
        raise ModelError(f"{folder}: the model cannot be loaded ({_reason(error)}); take a whole copy of it") from error
    model: BertForSequenceClassification = loaded[0]
    found: dict[str, Any] = loaded[1]
    # transformers draws what is missing at random and says so in its log alone.
    wrong = {
        "config.json names {}, which the weights lack": [n for n in found["missing_keys"] if not n.startswith(new)],
        "the weights hold {}, which config.json has no place for": [
            name for name in found["unexpected_keys"] if "encoder.layer." in name
        ],
        "{} has another shape than config.json says": [name for name, *_ in found["mismatched_keys"]],
    }
    for complaint, names in wrong.items():
        if names:
            raise ModelError(f"{folder}: {complaint.format(min(names))}; take a whole copy of the model")
    require_finite(model, folder)
    return model


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without transformers' own bars and its report of heads new or left out; we check the weights ourselves."""
    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)
