"""Every setting of an experiment, with its default, range and meaning; nothing is defaulted elsewhere.

`resolve` reads a preset or a TOML file, lays `--set` assignments over it and returns one frozen
`ExperimentSettings`. A preset holds only what differs from the defaults here.
"""

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from retort.attributes import ATTRIBUTES, PRIMARY
from retort.errors import ConfigError

Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[int, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
LayerNames = Literal["odd", "even", "first", "last", "spread", "all"]

PRESETS = ("quickstart", "seed", "civil-comments")


class Settings(BaseModel):
    """Frozen, and strict about names: a misspelt key is an error, not a silent default."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_none(cls, values: Any) -> Any:
        # TOML has no null: `comments = ""` is how a file says "not set" over a preset that sets it.
        if isinstance(values, dict):
            return {key: None if value == "" else value for key, value in values.items()}
        return values


S = TypeVar("S", bound=Settings)


# What a file's column of comments may be called when nobody names it.
TEXT_HEADERS = ("text", "comment_text")


class ColumnNames(Settings):
    """Which column of a data file holds what; empty means: found by its known headers."""

    text: str | None = None
    id: str | None = None
    toxicity: str | None = None
    severe_toxicity: str | None = None
    obscene: str | None = None
    threat: str | None = None
    insult: str | None = None
    identity_attack: str | None = None
    sexual_explicit: str | None = None


class DataSettings(Settings):
    """Where the comments come from, how many are drawn, and how they are split."""

    source: Literal["sample", "hub", "file"] = "sample"
    hub_id: str = "google/civil_comments"
    hub_revision: str | None = None
    train_file: Path | None = None
    validation_file: Path | None = None
    test_file: Path | None = None
    unlabelled_file: Path | None = None
    columns: ColumnNames = ColumnNames()
    comments: Positive | None = Field(None, description="how many to draw; empty for all")
    official_splits: bool = Field(False, description="keep the hub's train, validation and test")
    stratified: bool = Field(True, description="keep each attribute's share alike in every split")
    validation_share: Share = 0.15
    test_share: Share = 0.15

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.validation_share + self.test_share >= 1:
            raise ValueError("validation_share + test_share must leave rows to train on")
        if self.source == "file" and self.train_file is None:
            raise ValueError("source 'file' needs train_file (--data FILE)")
        return self


class TrainingSettings(Settings):
    """How one model is fitted. The optimiser is AdamW with linear warm-up and decay."""

    epochs: Positive = 3
    learning_rate: Annotated[float, Field(gt=0)] = 5e-5
    batch_size: Positive = Field(16, description="comments per optimiser step")
    accumulation_steps: Positive = Field(1, description="parts that a batch is computed in")
    warmup: Annotated[float, Field(ge=0, lt=1)] = Field(0.1, description="share of all steps")
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    max_gradient_norm: Annotated[float, Field(gt=0)] = 1.0
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        None, description="of hidden states and attention; empty keeps the base's own"
    )
    freeze_word_embeddings: bool = Field(
        False, description="leave them as the base has them: less to learn, and half of MiniLM is they"
    )
    targets: Literal["labels", "fractions"] = Field(
        "labels", description="what the hard term learns: 0/1 labels or the raters' fractions"
    )
    keep: Literal["best", "last"] = Field(
        "best", description="the epoch kept: best validation average precision, or the last"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.batch_size % self.accumulation_steps:
            raise ValueError("batch_size must be a multiple of accumulation_steps")
        return self


class DistillationSettings(Settings):
    """The weights of the three terms of the loss, and what each compares."""

    hard: Weight = Field(0.5, description="binary cross-entropy against the comment's own labels")
    soft: Weight = Field(0.5, description="KL divergence from the teacher at `temperature`, times its square")
    hidden: Weight = Field(1.0, description="1 - cosine between matched hidden states")
    temperature: Annotated[float, Field(gt=0)] = 2.0
    hidden_match: Literal["source", "block"] = Field(
        "block",
        description="a student layer is matched with the teacher layer it was copied from, "
        "or with the last of the block of teacher layers that it replaces",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.hard == self.soft == self.hidden == 0:
            raise ValueError("hard, soft and hidden are all 0; give at least one of them a weight above 0")
        return self


class LoraSettings(Settings):
    """The peft adapter (Hu et al. 2021, arXiv:2106.09685) and its variants."""

    r: Positive = 8
    alpha: Positive = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    target_modules: tuple[str, ...] = ("query", "value")
    use_rslora: bool = Field(False, description="scale by alpha / sqrt(r)")
    use_dora: bool = Field(False, description="learn magnitude and direction apart")
    init: Literal["default", "gaussian", "pissa"] = "default"
    lora_plus_ratio: Annotated[float, Field(ge=1)] | None = Field(
        None, description="LoRA+: learning rate of B over that of A, which then has to be lower than LoRA's"
    )


class ArmSettings(Settings):
    """One model of the comparison; what it leaves empty comes from the table of its kind."""

    kind: Literal["majority", "tfidf", "teacher", "student", "lora"]
    layers: LayerNames | tuple[Annotated[int, Field(ge=0)], ...] = "all"
    start: Literal["base", "teacher", "random"] = Field("teacher", description="whose weights the layers hold at first")
    distilled: bool = True
    training: dict[str, Any] = {}
    distillation: dict[str, Any] = {}
    lora: dict[str, Any] = {}


class EvaluationSettings(Settings):
    """How the arms are judged on the test split."""

    bootstrap_samples: Annotated[int, Field(ge=100)] = 1000
    tie_margin: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.01, description="a difference surely smaller than this is called a tie"
    )
    latency_comments: Positive = Field(100, description="single comments timed, one after the other")
    speed_comments: Positive = Field(64, description="test comments rated at once to measure comments per second")


class ServeSettings(Settings):
    """What `retort serve` accepts, how much of it at once, and for how long it may take."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, lt=65536)] = Field(8000, description="0 takes any that is free")
    default_arm: str = Field("odd", description="who answers in a run folder when a request names no arm")
    body_bytes: Positive = 256 * 1024
    texts: Positive = Field(32, description="comments in one request")
    characters: Positive = Field(20_000, description="of one comment")
    upload_bytes: Positive = 5_000_000
    upload_rows: Positive = 10_000
    threads: Positive = Field(24, description="requests handled at the same time")
    workers: Positive = Field(1, description="comments scored at the same time, each with all cores")
    queue: Positive = Field(16, description="requests that may wait for a worker; further ones are refused with 429")
    deadline_seconds: Annotated[float, Field(gt=0)] = Field(10.0, description="then a waiting request is given up")
    requests_per_minute: Positive | None = Field(None, description="of one address; empty for no limit")
    connections: Positive = Field(1000, description="open at the same time")
    idle_seconds: Positive = Field(10, description="then a connection without a whole request is closed")
    upload_seconds: Annotated[float, Field(gt=0)] = Field(300.0, description="to score an uploaded file")
    drain_seconds: Annotated[float, Field(gt=0)] = Field(30.0, description="to finish what was accepted on SIGTERM")
    feedback_file: Path | None = Field(
        None, description="SQLite file for scores that clients suggest; empty keeps none"
    )
    keys: tuple[str, ...] = Field((), description="keys of which /v1alpha1 wants one; without any, all are welcome")
    calibrated: bool = Field(False, description="/v1alpha1 answers on the scale that `retort calibrate` was given")
    public_url: Annotated[str, Field(pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$")] | None = Field(
        None, description="what clients call the server, where a proxy stands before it; for the discovery document"
    )


class ExperimentSettings(Settings):
    """Everything that `retort compare` needs to know; written to a run as experiment.toml."""

    preset: str = "quickstart"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    base: str = Field("minilm", description="packaged name, local folder or hub id of a BERT")
    base_revision: str | None = None
    teacher_folder: Path | None = Field(None, description="a classifier that is already fine-tuned")
    attributes: tuple[str, ...] | Literal["all"] = "all"
    label_threshold: Annotated[float, Field(gt=0, le=1)] = Field(
        0.6, description="a rater fraction at or above it makes a positive label"
    )
    decision_threshold: Share = Field(0.5, description="a probability at or above it makes a verdict")
    max_length: Annotated[int, Field(ge=8)] = Field(128, description="tokens, [CLS] and [SEP] included")
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    compile: bool = Field(
        False, description="torch.compile while training: minutes per arm at first, then quicker steps"
    )
    arms: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "majority", "tfidf", "teacher", "odd", "even", "lora",
    )  # fmt: skip
    arm: dict[str, ArmSettings] = {}
    data: DataSettings = DataSettings()
    teacher: TrainingSettings = TrainingSettings()
    student: TrainingSettings = TrainingSettings()
    lora_training: TrainingSettings = TrainingSettings(learning_rate=1e-3)
    distillation: DistillationSettings = DistillationSettings()
    lora: LoraSettings = LoraSettings()
    evaluation: EvaluationSettings = EvaluationSettings()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(set(self.arms)) < len(self.arms):
            raise ValueError("arms names one of them twice; name each once")
        for name in self.arms:
            if name not in self.arm:
                raise ValueError(f"no arm is called {name!r}{nearest(name, self.arm)}; there are {', '.join(self.arm)}")
            # Overrides are checked here, so that a misspelt key stops before any training.
            self.training_of(name), self.distillation_of(name), self.lora_of(name)
        if self.attributes != "all":
            for attribute in self.attributes:
                if attribute not in ATTRIBUTES:
                    known = f"{nearest(attribute, ATTRIBUTES)}; there are {', '.join(ATTRIBUTES)}"
                    raise ValueError(f"no attribute is called {attribute!r}{known}")
            if PRIMARY not in self.attributes:
                raise ValueError(f"attributes must hold the primary one; add {PRIMARY!r}")
        if "teacher" not in self.arms and any(self.needs_teacher(arm) for arm in self.arms):
            raise ValueError("arms holds students of a teacher, but not 'teacher' itself; add it")
        return self

    def needs_teacher(self, arm: str) -> bool:
        """Whether an arm copies the teacher's weights or learns from its outputs."""
        chosen = self.arm[arm]
        return chosen.kind in ("student", "lora") and (chosen.start == "teacher" or chosen.distilled)

    def training_of(self, arm: str) -> TrainingSettings:
        """How an arm is fitted: the table of its kind with the arm's own overrides laid over it."""
        tables = {"teacher": self.teacher, "student": self.student, "lora": self.lora_training}
        return _overlaid(tables.get(self.arm[arm].kind, self.teacher), self.arm[arm].training, f"arm.{arm}.training")

    def distillation_of(self, arm: str) -> DistillationSettings:
        """The loss of an arm; one that is not distilled has the hard term alone."""
        if not self.arm[arm].distilled or self.arm[arm].kind == "teacher":
            return DistillationSettings(hard=1, soft=0, hidden=0)
        return _overlaid(self.distillation, self.arm[arm].distillation, f"arm.{arm}.distillation")

    def lora_of(self, arm: str) -> LoraSettings:
        """The adapter of an arm of kind `lora`."""
        return _overlaid(self.lora, self.arm[arm].lora, f"arm.{arm}.lora")


def _overlaid(table: S, overrides: Mapping[str, Any], where: str) -> S:
    if not overrides:
        return table
    return _validated(type(table), table.model_dump() | dict(overrides), where)


def resolve(
    preset: str | None = None,
    file: Path | None = None,
    assignments: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
) -> ExperimentSettings:
    """The settings of one experiment.

    `preset` names one of `PRESETS` (quickstart when neither it nor `file` is given); `file` is a TOML
    file of the same shape, which may itself name the preset that it builds on. `overrides` is a nested
    mapping (the flags of the command line), `assignments` are `key.path=value` texts, applied last.
    Raises ConfigError for anything unknown or out of range.
    """
    changes = _read_toml(file) if file else {}
    name = preset or changes.get("preset") or "quickstart"
    tables = _merged({"arm": builtin_arms()}, read_preset(name))
    tables = _merged(tables, changes)
    tables = _merged(tables, overrides or {})
    for assignment in assignments:
        tables = _merged(tables, _parse_assignment(assignment))
    tables["preset"] = name
    return _validated(ExperimentSettings, tables, str(file) if file else f"preset {name}")


def resolve_serving(overrides: Mapping[str, Any], assignments: Sequence[str] = ()) -> ServeSettings:
    """How a server is run: the defaults, the flags of the command line over them, then `key=value` texts."""
    tables = dict(overrides)
    for assignment in assignments:
        tables = _merged(tables, _parse_assignment(assignment))
    return _validated(ServeSettings, tables, "serve")


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


def nearest(name: str, known: Iterable[str]) -> str:
    """`"; did you mean 'x'?"` for the known name most like the given one, or nothing."""
    found = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); give a TOML file with --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML ({error}); mend that line") from error


def _parse_assignment(text: str) -> dict[str, Any]:
    key, separator, value = text.partition("=")
    keys = key.strip().split(".")
    if not separator or not all(keys):
        raise ConfigError(f"--set {text!r}: not key=value; write for example --set student.epochs=5")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = _parse_loosely(value.strip())
    for part in reversed(keys):
        parsed = {part: parsed}
    return parsed  # type: ignore[no-any-return]


def _parse_loosely(value: str) -> Any:
    """Words without TOML's quotes, as a shell hands them over: `odd`, or `[teacher,odd]`."""
    if value.startswith("[") and value.endswith("]"):
        return [item.strip().strip("\"'") for item in value[1:-1].split(",") if item.strip()]
    return value


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def _validated(model: type[S], tables: Mapping[str, Any], where: str) -> S:
    try:
        return model.model_validate(tables)
    except ValidationError as error:
        raise ConfigError(f"{where}: {_first_complaint(model, error)}") from error


def _first_complaint(model: type[BaseModel], error: ValidationError) -> str:
    # A union complains once per member; an unknown key is the most telling of these.
    complaints = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    first = complaints[0]
    path = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _known_keys(model, first["loc"][:-1])
        return f"unknown key {path!r}{nearest(str(first['loc'][-1]), known)}; known here: {', '.join(known)}"
    message = first["msg"].removeprefix("Value error, ")
    if not path:
        return message
    return f"{path} = {first['input']!r}: {message}"


def _known_keys(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    current: Any = model
    for part in location:
        field = current.model_fields.get(str(part)) if hasattr(current, "model_fields") else None
        if field is None:
            continue
        annotation = field.annotation
        # dict[str, ArmSettings]: the arm's name comes next and is no field.
        current = annotation.__args__[1] if getattr(annotation, "__origin__", None) is dict else annotation
    return list(getattr(current, "model_fields", {}))
