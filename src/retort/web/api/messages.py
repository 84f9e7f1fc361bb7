"""Requests and answers of the JSON API, as the models that routes read and build."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, create_model
from pydantic_core import PydanticCustomError

from retort.config import ServeSettings
from retort.inference.explain import Highlight as FoundHighlight
from retort.inference.predictor import Answer, Classifier
from retort.tasks import Task
from retort.text import is_blank

Count = Annotated[int, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
FormerName = Field(description="the former name of `model`", json_schema_extra={"deprecated": True})

# An approximation of `not is_blank(text)` for JSON Schema.
_VISIBLE = r"[^\s\u0000-\u001f\u007f-\u009f]"


class ClassifyRequest(BaseModel):
    """Comments to score, the model that scores them, and whether to explain each verdict."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"dependentSchemas": {"arm": {"properties": {"model": {"type": "null"}}}}},
    )

    texts: list[str]
    model: str | None = None
    arm: str | None = None
    explain: Annotated[bool, Field(description="also answer with highlights")] = False


class Highlight(BaseModel):
    """Characters [begin, end) of the text, counted in code points; weight in log-odds of the primary label."""

    begin: Count
    end: Count
    weight: float


class Result(BaseModel):
    """The answer for one text, with the keys of `retort predict --json`."""

    text_index: Count
    verdict: str
    threshold: Annotated[Probability, Field(description="a probability at or above it makes a positive verdict")]
    probabilities: Annotated[dict[str, Probability], Field(description="by label, the primary one first")]
    tokens: Annotated[Count, Field(description="tokens that the model read")]
    windows: Annotated[Count, Field(description="overlapping parts in which a long text was read")]
    warnings: list[str]
    highlights: Annotated[list[Highlight], Field(description="empty unless `explain` is true")]


class ModelName(BaseModel):
    """The model that answered. sha256: of its manifest, or of its weights where it has none."""

    name: str
    sha256: str
    arm: Annotated[str, Field(description="the former name of `name`", json_schema_extra={"deprecated": True})]


class ClassifyAnswer(BaseModel):
    """One result per text, in order."""

    model: ModelName
    results: list[Result]


class Model(BaseModel):
    """One model of the server; all but its name is null until it is loaded, which its first request does."""

    name: str
    loaded: bool
    format: str | None = None
    sha256: str | None = None
    attributes: Annotated[list[str] | None, Field(description="the labels that it rates, the primary one first")] = None
    thresholds: dict[str, Probability] | None = None
    max_length: Annotated[int | None, Field(description="tokens of one window")] = None


class Models(BaseModel):
    """All models of the server, and the one that answers when a request names none."""

    default: str
    models: list[Model]


class Arms(BaseModel):
    """As `Models`, under the former names; a model that is not loaded has no further keys."""

    default: str
    arms: list[dict[str, Any]]


def classify_request(settings: ServeSettings, models: Sequence[str]) -> type[ClassifyRequest]:
    """The request with the limits and the models of one server."""
    text = Annotated[
        str,
        Field(max_length=settings.characters, json_schema_extra={"minLength": 1, "pattern": _VISIBLE}),
        AfterValidator(_visible),
    ]
    texts = Annotated[list[text], Field(min_length=1, max_length=settings.texts)]
    name = Annotated[str | None, WithJsonSchema({"anyOf": [{"enum": list(models)}, {"type": "null"}]})]
    return create_model(
        "ClassifyRequest",
        __base__=ClassifyRequest,
        __doc__=ClassifyRequest.__doc__,
        texts=(texts, ...),
        model=(name, None),
        arm=(Annotated[name, FormerName], None),
    )


def classify_answer(task: Task) -> type[ClassifyAnswer]:
    """The answer with the verdicts of one task."""
    verdict = Annotated[str, WithJsonSchema({"enum": list(task.keys.values())})]
    result = create_model("Result", __base__=Result, __doc__=Result.__doc__, verdict=(verdict, ...))
    return create_model(
        "ClassifyAnswer", __base__=ClassifyAnswer, __doc__=ClassifyAnswer.__doc__, results=(list[result], ...)
    )


def result(index: int, answer: Answer, highlights: Sequence[FoundHighlight]) -> dict[str, Any]:
    """The values of a `Result`."""
    return answer.as_json(index) | {
        "tokens": answer.tokens,
        "windows": answer.windows,
        "warnings": list(answer.warnings),
        "highlights": [{"begin": one.begin, "end": one.end, "weight": one.weight} for one in highlights],
    }


def model_of(name: str, classifier: Classifier | None) -> Model:
    """A model's entry; `classifier` is None until it is loaded."""
    if classifier is None:
        return Model(name=name, loaded=False)
    return Model(
        name=name,
        loaded=True,
        format=classifier.format,
        sha256=classifier.sha256,
        attributes=list(classifier.attributes),
        thresholds=classifier.thresholds,
        max_length=classifier.max_length,
    )


def as_arm(model: Model) -> dict[str, Any]:
    """A model's entry under the former names."""
    values = model.model_dump(exclude_none=True)
    return {"arm": values.pop("name")} | values


def _visible(text: str) -> str:
    if is_blank(text):
        raise PydanticCustomError("blank_text", "blank")
    return text
