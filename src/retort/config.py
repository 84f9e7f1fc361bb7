"""Every setting, with its default, range and meaning; no default is anywhere else.

Settings that stages share are here. Those of the loss are made from the folder of its terms
(`training/objective.py`), and a whole experiment is put together in `recipes/experiment.py`.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, Field, field_validator, model_validator

from retort.errors import ConfigError
from retort.strict import StrictModel, validated
from retort.threshold_target import FORMS, ThresholdTarget

Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[int, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
# How many times a comment counts that mentions an identity, for one that mentions none.
IdentityWeight = Annotated[float, Field(ge=1)]

# A probability at or above it is a positive verdict, where no other threshold was chosen on validation or by a user.
DECISION_THRESHOLD = 0.5
# Texts that an audit disguises at most, so that seventeen disguises of a text take minutes on two cores.
ATTACK_ROWS = 400
# As a LoRA target: every linear layer.
ALL_LINEAR = "all-linear"


class DataSettings(StrictModel):
    """Where the comments come from, how many are drawn, and how they are split."""

    source: Literal["sample", "hub", "file"] = "sample"
    hub_id: str = "google/civil_comments"
    hub_revision: str | None = None
    train_file: Path | None = None
    validation_file: Path | None = None
    test_file: Path | None = None
    unlabelled_file: Path | None = None
    columns: dict[str, str] = Field(
        {}, description="column (text, id or a label) -> its header in data files; by known headers when left out"
    )
    comments: Positive | None = Field(None, description="how many to draw; empty for all")
    seed: Seed = Field(0, description="of the draw and the split; that of the training is apart")
    official_splits: bool = Field(False, description="keep the hub's train, validation and test")
    stratified: bool = Field(True, description="keep each attribute's share alike in every split")
    validation_share: Share = 0.15
    test_share: Share = 0.15
    augment: Literal["none", "neutral"] = Field(
        "none",
        description="neutral: written sentences, most of which mention people harmlessly, are added to the training "
        "comments and to no other split",
    )
    augment_share: Share = Field(0.1, description="how many are added at most, as a share of the training comments")

    @field_validator("columns", mode="before")
    @classmethod
    def _without_empty(cls, columns: Any) -> Any:
        return {name: header for name, header in columns.items() if header} if isinstance(columns, dict) else columns

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.validation_share + self.test_share >= 1:
            raise ValueError("validation_share + test_share must leave rows to train on")
        if self.source == "file" and self.train_file is None:
            raise ValueError("source 'file' needs train_file (--data FILE)")
        return self

    @property
    def is_random(self) -> bool:
        """Whether comments are drawn, or a split is made, with the seed."""
        given = self.official_splits or (self.validation_file is not None and self.test_file is not None)
        return self.comments is not None or not given

    @property
    def has_headers(self) -> bool:
        """Whether any comments come from files or the hub, so that `columns` can name their headers."""
        return self.source != "sample" or any((self.validation_file, self.test_file, self.unlabelled_file))


class TrainingSettings(StrictModel):
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
        False, description="fewer weights to train; they are half of MiniLM's parameters"
    )
    targets: Literal["labels", "fractions"] = Field(
        "labels", description="what the hard term learns: 0/1 labels or the raters' fractions"
    )
    identity_weight: IdentityWeight = Field(
        1.0, description="how many times a comment that mentions an identity counts in the terms that compare labels"
    )
    keep: Literal["best", "last"] = Field(
        "best", description="the epoch kept: best validation average precision, or the last"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.batch_size % self.accumulation_steps:
            raise ValueError("batch_size must be a multiple of accumulation_steps")
        return self


class LoraSettings(StrictModel):
    """The peft adapter (Hu et al. 2021, arXiv:2106.09685) and its variants."""

    r: Positive = 8
    alpha: Positive = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    target_modules: Literal["all-linear"] | Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        ("query", "value"),
        description="names or ends of names of linear layers, such as intermediate.dense; or all-linear, every one "
        "but those that are trained whole (the head, and a pooler that the base lacks)",
    )
    use_rslora: bool = Field(False, description="scale by alpha / sqrt(r)")
    use_dora: bool = Field(False, description="learn magnitude and direction apart")
    init: Literal["default", "gaussian", "pissa"] = "default"
    lora_plus_ratio: Annotated[float, Field(ge=1)] | None = Field(
        None, description="LoRA+: learning rate of B over that of A, which then has to be lower than LoRA's"
    )

    @field_validator("target_modules", mode="before")
    @classmethod
    def _one_name_is_a_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) and value != ALL_LINEAR else value


class StaticSettings(StrictModel):
    """The static student: a classifier of token vectors, without transformer layers (models/static.py)."""

    width: Positive = Field(64, description="of a token's vector, at most that of the model it is made of")


class EvaluationSettings(StrictModel):
    """How the arms are judged on the test split."""

    ece_samples: Annotated[int, Field(ge=100)] = Field(
        1000,
        # Its former name is still read.
        validation_alias=AliasChoices("ece_samples", "bootstrap_samples"),
        description="simulations behind the interval of ECE",
    )
    margin: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.01,
        # Its former name is still read.
        validation_alias=AliasChoices("margin", "tie_margin"),
        description="the difference in average precision that matters: models are equivalent when theirs is within it",
    )
    threshold: str = Field("f1", description=f"what decision thresholds are chosen for, on validation: {FORMS}")
    calibration: Literal["auto", "none", "temperature", "platt", "isotonic"] = Field(
        "auto",
        description="of probabilities, fitted on validation; auto takes what has the lowest log loss there (isotonic "
        "only with 1,000 positive and negative comments)",
    )
    review_shares: tuple[Share, ...] = Field(
        (0.01, 0.05, 0.1), description="shares of the comments that people could review, the least certain ones"
    )
    latency_comments: Positive = Field(100, description="single comments timed, one after the other")
    speed_comments: Positive = Field(64, description="test comments rated at once to measure comments per second")
    limits: dict[Literal["latency_ms", "size_mb", "memory_mb"], Annotated[float, Field(gt=0)]] = Field(
        {},
        description="a model above one of them is not recommended: median time of one comment, weights on disk, "
        "memory of a process that serves it",
    )

    @field_validator("threshold", mode="before")
    @classmethod
    def _target(cls, value: Any) -> Any:
        # TOML and --set read a fixed threshold as a number.
        text = str(value) if isinstance(value, int | float) else value
        if isinstance(text, str):
            try:
                ThresholdTarget.parse(text)
            except ConfigError as error:
                raise ValueError(str(error)) from error
        return text

    @property
    def threshold_target(self) -> ThresholdTarget:
        """`threshold`, read."""
        return ThresholdTarget.parse(self.threshold)


class ServeSettings(StrictModel):
    """Addresses, limits and time-outs of `retort serve`."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, lt=65536)] = Field(8000, description="0 takes any free port")
    default_model: str = Field(
        "odd",
        # Its former name is still read.
        validation_alias=AliasChoices("default_model", "default_arm"),
        description="which model of a run answers requests that name none",
    )
    body_bytes: Positive = Field(256 * 1024, description="of one request, without an uploaded file")
    texts: Positive = Field(32, description="comments in one request")
    characters: Positive = Field(20_000, description="of one comment")
    upload_bytes: Positive = 5_000_000
    upload_rows: Positive = 10_000
    threads: Positive = Field(24, description="requests handled at the same time")
    workers: Positive = Field(1, description="comments scored at the same time, each with all cores")
    queue: Positive = Field(16, description="requests that may wait for a worker; more are refused with 429")
    deadline_seconds: Annotated[float, Field(gt=0)] = Field(10.0, description="after which a waiting request gets 504")
    requests_per_minute: Positive | None = Field(None, description="from one address; empty for no limit")
    connections: Positive = Field(1000, description="open at the same time")
    idle_seconds: Positive = Field(10, description="after which a connection without a whole request is closed")
    upload_seconds: Annotated[float, Field(gt=0)] = Field(300.0, description="to score an uploaded file")
    drain_seconds: Annotated[float, Field(gt=0)] = Field(30.0, description="to finish what was accepted on SIGTERM")
    feedback_file: Path | None = Field(
        None, description="SQLite file for scores that clients suggest; empty keeps none"
    )
    keys: tuple[str, ...] = Field((), description="API keys for /v1alpha1; empty for access without a key")
    calibrated: bool = Field(False, description="/v1alpha1 answers with scores calibrated by `retort calibrate`")
    review: Share | None = Field(
        None, description="this share of the comments gets the verdict unsure; one of a model's review_bands"
    )
    public_url: Annotated[str, Field(pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$")] | None = Field(
        None, description="the address for clients, when the server is behind a proxy; for the discovery document"
    )

    @property
    def upload_body_bytes(self) -> int:
        """The limit of an upload's body in bytes: that of the file plus that of any other request."""
        return self.upload_bytes + self.body_bytes


def resolve_serving(overrides: Mapping[str, Any], assignments: Sequence[str] = ()) -> ServeSettings:
    """The settings of a server: the defaults, `overrides` over them, then `key=value` texts."""
    tables = dict(overrides)
    for assignment in assignments:
        tables = merged(tables, parse_assignment(assignment))
    return validated(ServeSettings, tables, "serve")


def parse_assignment(text: str) -> dict[str, Any]:
    """The nested mapping of a `key.path=value` text. Raises ConfigError for any other text."""
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
    """A value without TOML's quotes, as a shell passes it on: `odd`, or `[teacher,odd]`."""
    if value.startswith("[") and value.endswith("]"):
        return [item.strip().strip("\"'") for item in value[1:-1].split(",") if item.strip()]
    return value


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`, table by table."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result
