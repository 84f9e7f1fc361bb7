"""Checks before any training: are the models usable, and do the arms fit them?"""

from collections.abc import Sequence

from transformers import AutoConfig, BertForSequenceClassification

from retort import runs
from retort.errors import ConfigError, ModelError
from retort.inference.predictor import Classifier
from retort.models.bases import Base
from retort.models.classifier import attributes_of, load_classifier, load_tokenizer, require_usable
from retort.models.layer_strategies import layer_indices
from retort.recipes.experiment import ExperimentSettings
from retort.training.objective import Objective

_ORDER = {"baseline": 0, "teacher": 1}


def in_training_order(settings: ExperimentSettings, names: Sequence[str]) -> list[str]:
    """The baselines, the teacher, then all that may need it, each group in the order of `names`."""
    return sorted(names, key=lambda name: _ORDER.get(settings.kind_of(name).ROLE, 2))


def require_models(settings: ExperimentSettings, base: Base) -> tuple[str, ...] | None:
    """The attributes of a teacher that is given ready-made, None without one.

    Raises ModelError or ConfigError before any training when a model is unfit, when an arm names layers that it lacks,
    or when a student's loss compares it with a teacher that reads other tokens or has another width.
    """
    require_usable(base, settings.max_length)
    teacher = None if settings.teacher_folder is None else load_teacher(settings)
    for name in settings.arms:
        settings.kind_of(name).require(settings, name, base)
        if settings.kind_of(name).TAKES_TEACHER:
            _require_layers(settings, base, teacher, name)
    return None if teacher is None else attributes_of(teacher)


def _require_layers(
    settings: ExperimentSettings, base: Base, teacher: BertForSequenceClassification | None, name: str
) -> None:
    from_base = settings.arm[name].start == "base"
    depth = base.layers if teacher is None else teacher.config.num_hidden_layers
    try:
        indices = layer_indices(settings.arm[name].layers, base.layers if from_base else depth)
        copied = None if from_base and teacher is not None else indices
        pairs = Objective.of(settings.distillation_of(name)).pairs(len(indices), copied, depth)
    except ConfigError as error:
        raise ConfigError(f"arm {name}: {error}") from error
    if pairs and from_base and teacher is not None:
        _require_comparable(settings, base, teacher, name)


def _require_comparable(
    settings: ExperimentSettings, base: Base, teacher: BertForSequenceClassification, name: str
) -> None:
    """Raises ConfigError unless a student of the base and the teacher compute alike features for the same tokens."""
    assert settings.teacher_folder is not None
    advice = "give its terms that compare tokens the weight 0, or start it from the teacher"
    if load_tokenizer(base.folder).to_str() != load_tokenizer(settings.teacher_folder).to_str():
        raise ConfigError(f"arm {name}: base {base.id} and the teacher have different tokenizers; {advice}")
    own, other = (
        (config.hidden_size, config.num_attention_heads)
        for config in (AutoConfig.from_pretrained(base.folder), teacher.config)
    )
    if own != other:
        raise ConfigError(
            f"arm {name}: base {base.id} has a width of {own[0]} and {own[1]} attention heads, the teacher {other[0]} "
            f"and {other[1]}; {advice}"
        )


def load_teacher(settings: ExperimentSettings) -> BertForSequenceClassification:
    """The classifier of `settings.teacher_folder`; it rates the task's primary label, and its labels are in order.

    Raises ModelError when it is unfit or was trained for another task, ConfigError when it reads fewer tokens than
    `max_length`.
    """
    folder, task = settings.teacher_folder, settings.task
    assert folder is not None
    # Refuses a folder that was changed, or made for texts that are normalised differently.
    recorded = Classifier.load(folder, device="cpu")
    if (folder / runs.RETORT).is_file() and (why := task.misfit(recorded.task, recorded.attributes)) is not None:
        raise ModelError(f"{folder}: {why}; name another teacher or task")
    teacher = load_classifier(folder)
    names = attributes_of(teacher)
    if names != task.in_order(names) or task.primary not in names:
        raise ModelError(
            f"{folder}: as a teacher it must rate {task.primary} and may rate others of {', '.join(task.names)}, "
            f"in this order; its {runs.CONFIG} has {', '.join(names)}"
        )
    if settings.max_length > teacher.config.max_position_embeddings:
        raise ConfigError(
            f"max_length = {settings.max_length}: teacher {folder} reads {teacher.config.max_position_embeddings} "
            "tokens at most; lower it"
        )
    # Saved again with the run, where the names are in lower case.
    teacher.config.id2label = dict(enumerate(names))
    return teacher
