"""The HTTP side of a Perspective request: API key, query parameters, body and answer."""

import hmac
import json
import re
from typing import Any

from flask import Response, request

from retort.config import ServeSettings
from retort.web.perspective.discovery import NAME
from retort.web.perspective.messages import quoted_name
from retort.web.perspective.requests import refused
from retort.web.server.answers import Schema
from retort.web.server.errors import Refusal

# The server's own query parameters, which Perspective does not have.
PARAMETERS = {
    "calibrated": "true: scores on the scale of `retort calibrate`.",
    "offsets": "utf16: count spans in UTF-16 units, as JavaScript does, instead of characters.",
}
_SWITCH = {"": True, "1": True, "true": True, "0": False, "false": False}
_OFFSETS = ("characters", "utf16")
# Parameters that accept only some values; all others accept any text.
_VALUES = {"alt": ("json",), "prettyPrint": tuple(_SWITCH), "calibrated": tuple(_SWITCH), "offsets": _OFFSETS}
_HOST = re.compile(r"[A-Za-z0-9.\-_]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


def query_schemas(parameters: dict[str, str]) -> dict[str, Schema]:
    """Name -> JSON Schema of its value, from name -> meaning."""
    return {
        name: {"type": "string", "description": meaning} | ({"enum": list(_VALUES[name])} if name in _VALUES else {})
        for name, meaning in parameters.items()
    }


def require_key(settings: ServeSettings) -> None:
    """Raises Google's refusals of a missing or wrong key, when the server has keys. No answer repeats a key."""
    if not settings.keys:
        return
    given = request.args.get("key") or request.headers.get("X-Goog-Api-Key") or ""
    if not given:
        message = (
            "Method doesn't allow unregistered callers (callers without established identity). "
            "Please use API Key or other form of API consumer identity to call this API."
        )
        raise Refusal(403, message, "no_key")
    # All are compared, each in constant time: the time taken tells nothing about them.
    matches = [hmac.compare_digest(given.encode("utf-8", "replace"), key.encode()) for key in settings.keys]
    if not any(matches):
        info = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
            "metadata": {"service": f"{NAME}.googleapis.com"},
        }
        raise Refusal(400, "API key not valid. Please pass a valid API key.", "wrong_key", details=[info])


def require_parameters(known: dict[str, str]) -> None:
    """Raises Refusal for an unknown query parameter, or for a value without effect."""
    for name in request.args:
        if name not in known:
            shown = quoted_name(name)
            raise refused(f"Invalid JSON payload received. Unknown name {shown}: Cannot bind query parameter.")
    if request.args.get("alt", "json") != "json":
        raise refused("Invalid value at query parameter 'alt': only json is answered.")
    _pretty()


def switched(name: str, default: bool) -> bool:
    """A query parameter that is on or off."""
    given = request.args.get(name)
    if given is None:
        return default
    if given not in _SWITCH:
        raise refused(f"Invalid value at query parameter '{name}': true or false.")
    return _SWITCH[given]


def counted_in_utf16() -> bool:
    """Whether the ends of spans are counted in UTF-16 units instead of characters."""
    given = request.args.get("offsets", "characters")
    if given not in _OFFSETS:
        raise refused("Invalid value at query parameter 'offsets': characters or utf16.")
    return given == "utf16"


def _pretty() -> bool:
    return switched("prettyPrint", default=False)


def json_body() -> bytes:
    """The body. As at Perspective it may have no content type, or text/plain, which `fetch` sends by default."""
    kind = request.mimetype
    if kind not in ("", "application/json", "text/plain") and not kind.endswith("+json"):
        raise Refusal(415, "The body must be JSON; send Content-Type: application/json.")
    return request.get_data()


def answer(content: dict[str, Any], client_token: str | None) -> Response:
    """The content with the client's token, if it sent one."""
    token = {} if client_token is None else {"clientToken": client_token}
    return Response(
        json.dumps(content | token, indent=2 if _pretty() else None), content_type="application/json; charset=UTF-8"
    )


def root_url(settings: ServeSettings) -> str:
    """The server's address for its clients, with a slash at its end. Raises Refusal for a Host that is no host."""
    if settings.public_url is not None:
        return f"{settings.public_url.rstrip('/')}/"
    # The document repeats what the client sent there.
    if not _HOST.fullmatch(request.host):
        raise Refusal(400, "The Host header names no host.")
    return f"{request.scheme}://{request.host}{request.script_root}/"
