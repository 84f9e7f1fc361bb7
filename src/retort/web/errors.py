"""Every refusal of the server: one exception, and the two shapes that programs read it in.

The page says the same in words. No message ever holds what a user wrote.
"""

import dataclasses
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

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


@dataclass
class Refusal(Exception):  # noqa: N818 - it is an answer, not a fault
    """A request that gets no answer. `code` is a word that programs may rely on.

    field: what of the request is meant, as `texts[3]`; limit: the number that was passed;
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
        """The body for programs: Google's shape below /v1alpha1/ and /$discovery/, ours elsewhere."""
        if path.startswith(PERSPECTIVE):
            google: dict[str, Any] = {
                "code": self.status,
                "message": self.message,
                "status": _GOOGLE_STATUS.get(self.status, "UNKNOWN"),
            }
            if self.details:
                google["details"] = self.details
            return json.dumps({"error": google}).encode()
        ours = {"code": self.code, "message": self.message, "field": self.field, "limit": self.limit}
        return json.dumps({"error": ours, "request_id": request_id}).encode()
