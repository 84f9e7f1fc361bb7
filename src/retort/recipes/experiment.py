"""A whole experiment: which arms are compared, on what data, with which settings.

`resolve` reads a preset or a TOML file, lays `--set` assignments over it and returns one frozen `ExperimentSettings`.
A preset holds only what differs from the defaults. Reading settings loads no torch.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, model_validator

from retort import runs
from retort.config import (
    DECISION_THRESHOLD,
    DataSettings,
    EvaluationSettings,
    LoraSettings,
    Positive,
    Seed,
    Share,
    StaticSettings,
    TrainingSettings,
    merged,
    parse_assignment,
)
from retort.data.columns import require_known_columns
from retort.errors import ConfigError
from retort.former_schema import RENAMED_ARMS
from retort.models.layer_strategies import require_strategy
from retort.recipes.arms import Kind, kind_named
from retort.strict import StrictModel, nearest, read_toml, validated
from retort.tasks import Task, default_task, read_task
from retort.training.objective import distillation_settings, labels_alone

PRESETS = ("quickstart", "seed", "civil-comments")

S = TypeVar("S", bound=StrictModel)

# An arm's folder has its name.
_ARM_NAME = re.compile(r"\w[\w.+-]{0,63}")


class ArmSettings(StrictModel):
    """One model of the comparison; what it leaves empty comes from the table of its kind."""

    kind: str = Field(description="a module of recipes/arms")
    layers: str | tuple[Annotated[int, Field(ge=0)], ...] = Field(
        "all", description="a strategy of models/layer_strategies.py, or indices from 0"
    )
    start: Literal["base", "teacher", "random"] = Field(
        "teacher", description="where layer weights are initialised from"
    )
    distilled: bool = Field(True, description="whether it learns from the teacher's outputs")
    training: dict[str, Any] = {}
    distillation: dict[str, Any] = {}
    lora: dict[str, Any] = {}
    static: dict[str, Any] = {}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        try:
            kind_named(self.kind)
            if isinstance(self.layers, str):
                require_strategy(self.layers)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return self


class ExperimentSettings(StrictModel):
    """Everything that `retort compare` needs to know; written to a run as experiment.toml."""

    preset: str = "quickstart"
    seed: Seed = Field(0, description="of the training: head, order of the comments, dropout")
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = Field(
        default_factory=lambda given: (given.get("seed", 0),),
        description="every arm is trained once with each, on the same split; or how many, counted from `seed`",
    )
    resplits: Positive = Field(1, description="how many draws and splits; each is trained with every seed")
    task: Task = Field(default_factory=default_task, description="what is judged")
    base: str = Field("minilm", description="packaged name, local folder or hub id of a BERT")
    base_revision: str | None = None
    teacher_folder: Path | None = Field(None, description="a classifier that is already fine-tuned")
    attributes: tuple[str, ...] | Literal["all"] = Field("all", description="which of the task's labels are learnt")
    label_threshold: Annotated[float, Field(gt=0, le=1)] = Field(
        default_factory=lambda given: given["task"].label_threshold if "task" in given else 0.5,
        description="a rating at or above it makes a positive label; the task's own when left out",
    )
    decision_threshold: Share = Field(
        DECISION_THRESHOLD,
        description="a probability at or above it makes a verdict, where evaluation.threshold cannot be chosen",
    )
    max_length: Annotated[int, Field(ge=8)] = Field(128, description="tokens, [CLS] and [SEP] included")
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    compile: bool = Field(
        False, description="torch.compile while training: minutes per arm at first, then quicker steps"
    )
    arms: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "majority", "tfidf", "teacher", "odd", "even", "lora",
    )  # fmt: skip
    arm: dict[str, ArmSettings] = {}
    strict: bool = Field(False, description="stop at anything that is found before or during training, not only warn")
    tune: Positive | None = Field(
        None, description="trials that search each arm's rate, and an adapter's rank, on validation; empty for none"
    )
    data: DataSettings = DataSettings()
    teacher: TrainingSettings = TrainingSettings()
    student: TrainingSettings = TrainingSettings()
    lora_training: TrainingSettings = TrainingSettings(learning_rate=1e-3)
    # Chosen on validation, on 8,484 comments (docs/log.md); vectors take far higher rates than layers do.
    static_training: TrainingSettings = TrainingSettings(
        epochs=3, learning_rate=1e-2, batch_size=16, weight_decay=0.1, targets="fractions"
    )
    distillation: distillation_settings() = Field(default_factory=distillation_settings())  # type: ignore[valid-type]
    lora: LoraSettings = LoraSettings()
    static: StaticSettings = StaticSettings()
    evaluation: EvaluationSettings = EvaluationSettings()

    @model_validator(mode="before")
    @classmethod
    def _number_of_seeds(cls, values: Any) -> Any:
        """`seeds = 3` stands for three seeds from `seed` on; a list begins with `seed`."""
        if not isinstance(values, dict) or values.get("seeds") in (None, ""):
            return values
        seeds = values["seeds"]
        if isinstance(seeds, int) and not isinstance(seeds, bool):
            if seeds < 1:
                raise ValueError(f"seeds = {seeds}: train each arm at least once; give 1 or more")
            first = int(values.get("seed") or 0)
            return values | {"seeds": tuple(range(first, first + seeds))}
        if isinstance(seeds, list | tuple) and seeds:
            if values.get("seed", seeds[0]) != seeds[0]:
                raise ValueError(f"seed = {values['seed']}, but seeds begins with {seeds[0]}; give one of the two")
            return values | {"seed": seeds[0]}
        return values

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds names one of them twice; name each once")
        if self.resplits > 1 and not self.data.is_random:
            raise ValueError("resplits: nothing is drawn or split at random here; set data.comments, or leave it out")
        if self.resplits > 1 and self.tune is not None:
            raise ValueError("tune: what is chosen on one draw has seen test comments of another; leave out resplits")
        if len(set(self.arms)) < len(self.arms):
            raise ValueError("arms names one of them twice; name each once")
        for name in self.arm:
            _require_folder_name(name)
        for name in self.arms:
            if name not in self.arm:
                now = RENAMED_ARMS.get(name)
                hint = f" (now {now!r})" if now in self.arm else nearest(name, self.arm)
                raise ValueError(f"no arm is called {name!r}{hint}; there are {', '.join(self.arm)}")
            # Overrides are checked here, so that a misspelt key stops before any training.
            self.training_of(name), self.distillation_of(name), self.lora_of(name), self.static_of(name)
        if len(self.seeds) > 1 and not any(map(self.is_seeded, self.arms)):
            raise ValueError(f"seeds: the training of {', '.join(self.arms)} does not depend on the seed; give one")
        self._require_labels()
        if len(self.teachers) > 1:
            raise ValueError(f"arms holds {len(self.teachers)} teachers, {', '.join(self.teachers)}; name one of them")
        if not self.teachers and any(self.needs_teacher(arm) for arm in self.arms):
            raise ValueError("arms holds students of a teacher, but no teacher itself; add 'teacher'")
        if self.tune is not None and not self.searched:
            raise ValueError(f"tune searches rates, but none of {', '.join(self.arms)} is trained by one; leave it out")
        return self

    def _require_labels(self) -> None:
        known = self.task.names
        for attribute in () if self.attributes == "all" else self.attributes:
            if attribute not in known:
                listed = f"{nearest(attribute, known)}; there are {', '.join(known)}"
                raise ValueError(f"no attribute is called {attribute!r}{listed}")
        if self.attributes != "all" and self.task.primary not in self.attributes:
            raise ValueError(f"attributes must hold the primary one; add {self.task.primary!r}")
        require_known_columns(self.data.columns, self.task)

    def at(self, seed: int, draw: int = 0) -> Self:
        """The settings of one training: its seed, and the seed of its draw and split, the first draw being 0."""
        data = self.data.model_copy(update={"seed": self.data.seed + draw})
        return self.model_copy(update={"seed": seed, "data": data})

    @property
    def teachers(self) -> list[str]:
        """The arms that others are distilled from: one or none."""
        return [name for name in self.arms if self.kind_of(name).ROLE == "teacher"]

    @property
    def searched(self) -> list[str]:
        """The arms that `tune` searches for: all but baselines and a ready-made teacher."""
        given = self.teachers if self.teacher_folder is not None else []
        return [name for name in self.arms if self.kind_of(name).ROLE != "baseline" and name not in given]

    @property
    def weighs_mentions(self) -> bool:
        """Whether comments that mention an identity count more for any arm."""
        tables = [table for arm in self.arms for table in (self.training_of(arm), self.distillation_of(arm))]
        return any(table.model_dump()["identity_weight"] > 1 for table in tables)

    def kind_of(self, arm: str) -> Kind:
        """The module of recipes/arms that fits an arm."""
        return kind_named(self.arm[arm].kind)

    def is_seeded(self, arm: str) -> bool:
        """Whether the training of an arm depends on the seed."""
        return self.kind_of(arm).SEEDED

    def alone(self) -> Self:
        """The same experiment with its first seed and draw only."""
        return self.model_copy(update={"seeds": self.seeds[:1], "resplits": 1})

    def needs_teacher(self, arm: str) -> bool:
        """Whether an arm copies the teacher's weights or learns from its outputs."""
        chosen = self.arm[arm]
        return self.kind_of(arm).TAKES_TEACHER and (chosen.start != "base" or chosen.distilled)

    def training_of(self, arm: str) -> TrainingSettings:
        """How an arm is fitted: the table of its kind with the arm's own overrides laid over it."""
        table: TrainingSettings = getattr(self, self.kind_of(arm).TRAINING)
        return _overlaid(table, self.arm[arm].training, f"arm.{arm}.training")

    def distillation_of(self, arm: str) -> StrictModel:
        """The loss of an arm (see `distillation_settings`); one that is not distilled learns from labels alone."""
        if not self.arm[arm].distilled or not self.kind_of(arm).TAKES_TEACHER:
            return labels_alone()
        own: StrictModel = self.distillation
        return _overlaid(own, self.arm[arm].distillation, f"arm.{arm}.distillation")

    def lora_of(self, arm: str) -> LoraSettings:
        """The adapter settings of an adapter arm."""
        return _overlaid(self.lora, self.arm[arm].lora, f"arm.{arm}.lora")

    def static_of(self, arm: str) -> StaticSettings:
        """The shape of a static student."""
        return _overlaid(self.static, self.arm[arm].static, f"arm.{arm}.static")


def _require_folder_name(arm: str) -> None:
    if not _ARM_NAME.fullmatch(arm):
        raise ValueError(
            f"an arm cannot be called {arm!r}; use 1 to 64 letters, digits, _ . + and -, the first a letter, digit or _"
        )
    if arm.lower() in runs.OWN_NAMES:
        raise ValueError(f"an arm cannot be called {arm!r}: a file of the run has that name; choose another")


def _overlaid(table: S, overrides: Mapping[str, Any], where: str) -> S:
    return validated(type(table), table.model_dump() | dict(overrides), where) if overrides else table


def resolve(
    preset: str | None = None,
    file: Path | None = None,
    assignments: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
) -> ExperimentSettings:
    """The settings of one experiment.

    `preset` names one of `PRESETS` (quickstart when neither it nor `file` is given); `file` is a TOML file of the same
    shape, which may itself name the preset that it builds on, and whose `task` may be a table or the path of a task
    file. `overrides` is a nested mapping (the flags of the command line), `assignments` are `key.path=value` texts,
    applied last. Raises ConfigError for anything unknown or out of range.
    """
    changes = read_toml(file, "give a TOML file with --config") if file else {}
    name = preset or changes.get("preset") or "quickstart"
    layers = [{"arm": builtin_arms()}, read_preset(name), changes, overrides or {}]
    tables: dict[str, Any] = {}
    for layer in layers:
        tables = merged(tables, {key: value for key, value in layer.items() if key != "task"})
    # A task is replaced as a whole: two of them mixed would be neither.
    tables["task"] = next((_task_table(layer["task"]) for layer in reversed(layers) if "task" in layer), None)
    tables["task"] = tables["task"] or default_task().as_dict()
    changed = {key for layer in (overrides or {}, *map(parse_assignment, assignments)) for key in layer}
    for assignment in assignments:
        tables = merged(tables, parse_assignment(assignment))
    if "seed" in changed and "seeds" not in changed and isinstance(tables.get("seeds"), list):
        # A file lists the seeds of its run: as many, from the given one on.
        tables["seeds"] = len(tables["seeds"])
    tables["preset"] = name
    return validated(ExperimentSettings, tables, str(file) if file else f"preset {name}")


def _task_table(task: Any) -> Any:
    return read_task(Path(task)).as_dict() if isinstance(task, str) else task


def read_preset(name: str) -> dict[str, Any]:
    """The tables of a shipped preset. Raises ConfigError, naming the nearest, when there is none."""
    if name not in PRESETS:
        raise ConfigError(f"no preset is called {name!r}{nearest(name, PRESETS)}; there are {', '.join(PRESETS)}")
    return tomllib.loads(preset_text(name))


def preset_text(name: str) -> str:
    """A shipped preset as written, comments included."""
    return resources.files("retort").joinpath("presets", f"{name}.toml").read_text("utf-8")


def builtin_arms() -> dict[str, Any]:
    """The arms that every experiment can name, from presets/arms.toml."""
    return tomllib.loads(preset_text("arms"))
