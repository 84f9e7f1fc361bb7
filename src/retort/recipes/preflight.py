"""What is looked at before any training: are the models fit, and do the arms fit them?"""

from pathlib import Path

from transformers import BertForSequenceClassification

from retort.attributes import ATTRIBUTES, in_order
from retort.config import ExperimentSettings
from retort.errors import ConfigError, ModelError
from retort.inference.predictor import Classifier
from retort.models.bases import Base
from retort.models.classifier import attributes_of, load_classifier, require_usable
from retort.models.layers import layer_indices


def in_training_order(settings: ExperimentSettings) -> list[str]:
    """The baselines, the teacher, then all that may need it, each kind in the order asked."""
    first = {"majority": 0, "tfidf": 0, "teacher": 1}
    return sorted(settings.arms, key=lambda name: first.get(settings.arm[name].kind, 2))


def require_models(settings: ExperimentSettings, base: Base) -> tuple[str, ...] | None:
    """The attributes of a teacher that is given ready-made, None without one.

    Raises ModelError or ConfigError before any training when a model is unfit, or when an arm names layers
    that it lacks.
    """
    require_usable(base, settings.max_length)
    layers, attributes = base.layers, None
    if settings.teacher_folder is not None:
        teacher = load_teacher(settings.teacher_folder, settings.max_length)
        layers, attributes = teacher.config.num_hidden_layers, attributes_of(teacher)
    for name in settings.arms:
        arm = settings.arm[name]
        if arm.kind in ("student", "lora"):
            layer_indices(arm.layers, base.layers if arm.start == "base" else layers)
    return attributes


def load_teacher(folder: Path, max_length: int) -> BertForSequenceClassification:
    """A classifier that is already fine-tuned, its attributes named and ordered as ours are."""
    Classifier.load(folder)  # refuses a folder that was changed, or made for texts normalised otherwise
    teacher = load_classifier(folder)
    names = attributes_of(teacher)
    if names != in_order(frozenset(names)):
        raise ModelError(
            f"{folder}: as a teacher it must rate some of {', '.join(ATTRIBUTES)}, in this order; "
            f"its config.json says {', '.join(names)}"
        )
    if max_length > teacher.config.max_position_embeddings:
        raise ConfigError(
            f"max_length = {max_length}: teacher {folder} reads {teacher.config.max_position_embeddings} tokens at "
            "most; lower it"
        )
    # Saved again with the run, where the names are in lower case.
    teacher.config.id2label = dict(enumerate(names))
    return teacher
