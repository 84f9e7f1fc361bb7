"""The refusal of JSON that does not fit its model: where, and what is wrong, without the value."""

from typing import Any

from pydantic import ValidationError

from retort.web.server.errors import Refusal

# pydantic's type of an error -> (code, message); `{limit}` is the limit that was exceeded.
_KNOWN = {
    "extra_forbidden": ("unknown_field", "an unknown field; known are texts, model and explain"),
    "missing": ("missing_field", "a field is missing"),
    "model_type": ("wrong_type", "the body must be a JSON object"),
    "too_short": ("no_texts", "no text to score; send at least one"),
    "too_long": ("too_many_texts", "too many texts; at most {limit:,} in one request"),
    "string_too_long": ("text_too_long", "a text that is too long; at most {limit:,} characters"),
    "string_unicode": ("lone_surrogate", "a text with half a surrogate pair, which is not a character"),
    "blank_text": ("blank_text", "a text without any visible character"),
}


def refusal_of(error: ValidationError) -> Refusal:
    """Refusal 422 for the first fault that was found."""
    first = error.errors(include_input=False, include_url=False)[0]
    limit = first.get("ctx", {}).get("max_length")
    code, message = _KNOWN.get(first["type"], ("wrong_type", f"a value of the wrong type ({first['msg'].lower()})"))
    return Refusal(422, message.format(limit=limit), code, _place(first["loc"]), limit)


def _place(location: tuple[Any, ...]) -> str | None:
    """`texts[3]`; None for the body as a whole."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path or None
