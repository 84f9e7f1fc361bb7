"""Strict JSON (RFC 8259): what Python's parser accepts beyond it is refused, each fault with its own code."""

import json
import re
from typing import Any

from retort.web.server.errors import Refusal

# No real request is nested so deep; the parser itself gives up near a thousand.
_DEEPEST = 32
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse(body: bytes) -> Any:
    """The document in `body`.

    Raises Refusal 400 for a body that is not UTF-8 or not JSON by RFC 8259, for NaN and Infinity, numbers
    beyond a double, a key that is twice in one object, and nesting deeper than 32.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal(400, f"the body is not UTF-8 (byte {error.start})", "not_utf8") from error
    _require_shallow(text)
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refusal(400, f"the body is not JSON ({error.msg} at {where})", "not_json") from error
    except (RecursionError, ValueError) as error:  # an integer of over 4,300 digits is a ValueError
        raise Refusal(400, "the body is not JSON that can be read (too deep, or a number too long)", "not_json") from (
            error
        )


def holds_lone_surrogate(text: str) -> bool:
    """Whether a text has half of a surrogate pair, which is not a character and cannot be encoded."""
    return _SURROGATE.search(text) is not None


def _require_shallow(text: str) -> None:
    depth = deepest = 0
    in_string = escaped = False
    for character in text if text.count("[") + text.count("{") > _DEEPEST else "":
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    if deepest > _DEEPEST:
        raise Refusal(400, f"the body is nested more than {_DEEPEST} deep", "nested_too_deep", limit=_DEEPEST)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Refusal(400, "the body has an object with a key twice", "duplicate_key")
    return found


def _no_constant(name: str) -> Any:
    raise Refusal(400, f"the body has {name}, which is not JSON", "not_finite")


def _finite(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise Refusal(400, "the body has a number that is too large", "not_finite")
    return value
