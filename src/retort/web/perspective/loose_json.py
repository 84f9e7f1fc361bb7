"""JSON as Google's servers accept it: names may be without quotes, as in the curl line of their own guide."""

import re
from typing import Any

from retort.web.api.strict_json import parse
from retort.web.server.errors import Refusal

# Strings match whole, so that nothing inside a comment is taken for a name.
_STRING_OR_NAME = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\Z)|(?<![\w$])([A-Za-z_$][\w$]*+)(?=\s*+:)', re.DOTALL)


def parse_loosely(body: bytes) -> Any:
    """As `strict_json.parse`, but also reads `{comment: {text: "..."}}`. Raises Refusal 400."""
    try:
        return parse(body)
    except Refusal as refusal:
        quoted = _quoted(body) if refusal.code == "not_json" else body
        if quoted == body:
            raise
        return parse(quoted)


def _quoted(body: bytes) -> bytes:
    text = body.decode("utf-8")
    return _STRING_OR_NAME.sub(lambda match: f'"{match[1]}"' if match[1] else match[0], text).encode("utf-8")
