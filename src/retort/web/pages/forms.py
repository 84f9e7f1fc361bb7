"""The page's form: its values as they were sent, and checked."""

import math
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, replace

from flask import request
from werkzeug.exceptions import HTTPException

from retort.config import ServeSettings
from retort.text import is_blank
from retort.web.server.answers import Schema
from retort.web.server.errors import Refusal
from retort.web.server.gate import REFUSAL
from retort.web.server.service import Service

URL_ENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
_THRESHOLD: Schema = {"type": "number", "minimum": 0, "maximum": 1}


@dataclass(frozen=True)
class Form:
    """The values of the form. threshold: None for that of each model."""

    text: str
    model: str
    threshold: float | None = None


class Forms:
    """Reads the forms that are sent to one server."""

    def __init__(self, service: Service, settings: ServeSettings) -> None:
        self._service = service
        self._settings = settings

    def read(self, values: Mapping[str, str]) -> Form:
        """The form as it was sent, without its threshold; an unknown model is replaced by the default one."""
        text = values.get("text", "").replace("\r\n", "\n").replace("\r", "\n")
        model = _model(values)
        return Form(text, model if model in self._service.models else self._service.default)

    def posted(self) -> Form:
        """As `read`, of the request's body; empty where the body cannot be read as a form."""
        limit = self._settings.upload_body_bytes
        if (request.content_length or 0) > limit:
            return self.read({})
        request.max_form_memory_size = limit
        try:
            if request.mimetype == URL_ENCODED:
                request.get_data()  # kept, so that its bytes can be checked
            return self.read(request.form)
        except HTTPException as error:
            status = error.code or 400
            message = "the form has more parts than that of the page" if status == 413 else "the form cannot be read"
            request.environ.setdefault(REFUSAL, Refusal(status, message))
            return self.read({})

    def checked(self, form: Form, values: Mapping[str, str]) -> Form:
        """The form with its threshold. Raises the gate's refusal, or Refusal 422 for a wrong value."""
        refusal = request.environ.get(REFUSAL)
        if refusal is not None:
            raise refusal
        self._service.classifier(_model(values) or None)
        return replace(form, threshold=_threshold(values))

    def checked_post(self, form: Form) -> Form:
        """As `checked`, of the request's body. Raises Refusal 415 for a body that is not a form."""
        if REFUSAL not in request.environ:
            _require_form()
        return self.checked(form, request.form)

    def require_comment(self, text: str) -> None:
        """Raises Refusal 422 for a comment that cannot be judged."""
        limit = self._settings.characters
        if len(text) > limit:
            message = f"the comment has {len(text):,} characters; the limit is {limit:,}"
            raise Refusal(422, message, field="text", limit=limit)
        if is_blank(text):
            raise Refusal(422, "the comment is blank; type something to judge", field="text")

    @property
    def choices(self) -> dict[str, Schema]:
        """JSON Schemas of the fields that the address of the page may set."""
        return {"model": {"enum": list(self._service.models)}, "threshold": _THRESHOLD}

    def schema(self, required: str, **more: Schema) -> Schema:
        """A JSON Schema of the whole form, with `more` fields."""
        text = {"type": "string", "minLength": 1, "maxLength": self._settings.characters}
        fields = self.choices | {"text": text, "own_threshold": _THRESHOLD} | more
        return {"type": "object", "properties": fields, "required": [required]}


def _model(values: Mapping[str, str]) -> str:
    """The chosen model, also by the field's former name; empty when none."""
    return values.get("model") or values.get("arm") or ""


def _threshold(values: Mapping[str, str]) -> float | None:
    """The chosen threshold; None when the slider is at the model's own."""
    given = values.get("threshold", "").strip()
    if not given:
        return None
    threshold = _number(given)
    if not 0 <= threshold <= 1:
        raise Refusal(422, "the threshold is a number from 0 to 1", field="threshold")
    return None if threshold == _number(values.get("own_threshold", "")) else threshold


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _require_form() -> None:
    if request.mimetype not in (URL_ENCODED, MULTIPART):
        raise Refusal(415, "only the page's form can be sent to this address; programs use /api/v1/classify")
    if request.mimetype == URL_ENCODED:
        try:
            urllib.parse.unquote_to_bytes(request.get_data()).decode()
        except UnicodeDecodeError as error:
            message = "the comment is not valid UTF-8 (half of a character, perhaps)"
            raise Refusal(422, message, "not_utf8", field="text") from error
