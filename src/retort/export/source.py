"""What is exported: one plain classifier in fp32, whatever kind of model folder it comes from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import BertForSequenceClassification

from retort import runs, text
from retort.errors import ModelError
from retort.inference.predictor import (
    default_setting,
    foreign_attributes,
    model_sha256,
    read_about,
    require_folder,
)
from retort.inference.reading import WindowedModel
from retort.inference.torch_scorer import torch_model
from retort.models.adapters import ADAPTER_CONFIG
from retort.models.classifier import load_classifier
from retort.models.restore import load_merged


@dataclass(frozen=True)
class Source:
    """A classifier whose logits stand in the order of `about["attributes"]`, and what retort.json says of it.

    sha256: of the folder that it came from. tokenizer_folder: whose tokenizer it reads with.
    """

    model: BertForSequenceClassification
    about: dict[str, Any]
    tokenizer_folder: Path
    sha256: str

    @property
    def attributes(self) -> tuple[str, ...]:
        """What each logit rates, the primary one first."""
        return tuple(self.about["attributes"])

    @property
    def bytes(self) -> int:
        """Bytes of the weights."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.model.parameters())

    def scorer(self) -> WindowedModel:
        """The classifier as it is served before the export."""
        return torch_model(self.model, self.tokenizer_folder, int(self.about["max_length"]))


def read_source(folder: Path) -> Source:
    """The model of a folder, adapters merged. Raises ModelError when it is unfit, or no model to export."""
    require_folder(folder)
    if not (folder / runs.RETORT).is_file():
        return _foreign(folder)
    about = read_about(folder)
    if "format" in about:
        raise ModelError(f"{folder}: is an export already ({about['format']}); name the arm that it was made of")
    if about["kind"] in ("majority", "tfidf"):
        raise ModelError(
            f"{folder}: {about['kind']} is no neural model; only the teacher, students and LoRA can be exported"
        )
    sha256 = model_sha256(folder)
    if about["kind"] != "lora":
        return Source(load_classifier(folder), about, folder, sha256)
    whole = folder / runs.MERGED
    # The merged model needs no base; that it equals the adapter was checked when it was made.
    model = load_classifier(whole) if whole.is_dir() else load_merged(folder, about)
    return Source(model.eval(), about, folder, sha256)


def _foreign(folder: Path) -> Source:
    """A classifier that retort did not make, its labels put into our order."""
    if (folder / ADAPTER_CONFIG).is_file():
        raise ModelError(f"{folder}: an adapter without its base; merge the two with peft, then export the result")
    model = load_classifier(folder)
    attributes, columns = foreign_attributes(model, folder)
    head = model.classifier
    head.weight.data, head.bias.data = head.weight.data[columns], head.bias.data[columns]
    model.config.id2label = dict(enumerate(attributes))
    model.config.label2id = {name: index for index, name in enumerate(attributes)}
    about = {
        "schema": 1,
        "arm": folder.name,
        "kind": "foreign",
        "attributes": list(attributes),
        "label_threshold": default_setting("label_threshold"),
        "thresholds": dict.fromkeys(attributes, default_setting("decision_threshold")),
        "layer_indices": None,
        "max_length": model.config.max_position_embeddings,
        "normaliser_version": text.VERSION,
        "parent_run": None,
        "base": None,
    }
    return Source(model, about, folder, model_sha256(folder))
