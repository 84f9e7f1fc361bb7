"""Every refusal of the server: one exception, and the two JSON shapes that programs get it in.

Pages show the same message as a sentence. No message repeats what a user wrote.
"""

import dataclasses
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

PERSPECTIVE = ("/v1alpha1/", "/$discovery/")

# google.rpc.Code's names for HTTP's numbers.
_GOOGLE_STATUS = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "INVALID_ARGUMENT",
    411: "INVALID_ARGUMENT",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_WORDS = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    411: "length_required",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "too_many_requests",
    500: "internal",
    503: "unavailable",
    504: "deadline_exceeded",
}


class ErrorDetail(BaseModel):
    """code: a stable word for programs; field: the part of the request, as `texts[3]`; limit: what it exceeds."""

    code: str
    message: str
    field: str | None
    limit: int | float | None


class Error(BaseModel):
    """The body of every refusal outside the Perspective routes."""

    error: ErrorDetail
    request_id: str


@dataclass
class Refusal(Exception):  # noqa: N818 - it is an answer, not a fault
    """A request that is refused. `code` is a stable word for programs.

    field: the part of the request, as `texts[3]`; limit: the limit that it exceeds;
    details: further entries of Google's error shape.
    """

    status: int
    message: str
    code: str = ""
    field: str | None = None
    limit: float | None = None
    retry_after: int | None = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    details: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        self.code = self.code or _WORDS.get(self.status, "refused")
        if self.status in (429, 503) and self.retry_after is None:
            self.retry_after = 1
        if self.retry_after is not None:
            self.headers = self.headers | {"Retry-After": str(self.retry_after)}

    @property
    def status_line(self) -> str:
        """`429 Too Many Requests`."""
        return f"{self.status} {HTTPStatus(self.status).phrase}"

    def as_json(self, path: str, request_id: str) -> bytes:
        """The body for programs: Google's shape below /v1alpha1/ and /$discovery/, `Error` elsewhere."""
        if path.startswith(PERSPECTIVE):
            return json.dumps({"error": self._as_google()}).encode()
        detail = ErrorDetail(code=self.code, message=self.message, field=self.field, limit=self.limit)
        return Error(error=detail, request_id=request_id).model_dump_json().encode()

    def _as_google(self) -> dict[str, Any]:
        status = _GOOGLE_STATUS.get(self.status, "UNKNOWN")
        details = {"details": self.details} if self.details else {}
        return {"code": self.status, "message": self.message, "status": status} | details
