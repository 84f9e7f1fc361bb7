"""The messages of the Perspective API, v1alpha1, as data: requests are read by these tables, and the discovery
document is made from them.

Reading follows protobuf's JSON: null equals a missing field, names may be in camelCase or in snake_case, a
number may be in quotes. What does not fit is refused in the words of Google's own parser, without the value.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from retort.web.api.strict_json import holds_lone_surrogate
from retort.web.server.errors import Refusal

PACKAGE = "google.commentanalyzer.v1alpha1"

ANALYZE, ANALYZED = "AnalyzeCommentRequest", "AnalyzeCommentResponse"
SUGGEST, SUGGESTED = "SuggestCommentScoreRequest", "SuggestCommentScoreResponse"
ERROR = "PerspectiveError"
PROBABILITY = "PROBABILITY"
UNSPECIFIED_SCORE = "SCORE_TYPE_UNSPECIFIED"
HTML = "HTML"

ENUMS: dict[str, tuple[str, ...]] = {
    "TextType": ("TEXT_TYPE_UNSPECIFIED", "PLAIN_TEXT", HTML),
    "ScoreType": (UNSPECIFIED_SCORE, PROBABILITY, "STD_DEV_SCORE", "PERCENTILE", "RAW"),
}


@dataclass(frozen=True)
class Field:
    """One field of a message. kind: string, boolean, float, int32, an enum or a message."""

    kind: str
    about: str
    many: Literal["", "list", "map"] = ""


_TOKEN = Field("string", "Returned in the answer.")
_COMMENT = Field("TextEntry", "The comment to score.")
_CONTEXT = Field("Context", "What the comment replies to. Accepted, and not used.")
_LANGUAGES = Field("string", "Language codes of the comment; only English is scored. Detected when missing.", "list")
_COMMUNITY = Field("string", "Any name for the community of the comment.")
_SESSION = Field("string", "Any name for requests that belong together.")
_DO_NOT_STORE = Field("boolean", "Store nothing of this request.")

MESSAGES: dict[str, dict[str, Field]] = {
    ANALYZE: {
        "comment": _COMMENT,
        "requestedAttributes": Field("AttributeParameters", "The attributes to score, by name.", "map"),
        "spanAnnotations": Field("boolean", "Also score each sentence."),
        "languages": _LANGUAGES,
        "dropUnsupportedAttributes": Field(
            "boolean", "Leave out attributes that cannot be scored, instead of an error."
        ),
        "doNotStore": _DO_NOT_STORE,
        "clientToken": _TOKEN,
        "context": _CONTEXT,
        "communityId": _COMMUNITY,
        "sessionId": _SESSION,
    },
    ANALYZED: {
        "attributeScores": Field("AttributeScores", "The scores of the requested attributes, by name.", "map"),
        "languages": Field("string", "The languages in which the comment was scored.", "list"),
        "detectedLanguages": Field("string", "The detected language of the comment.", "list"),
        "clientToken": _TOKEN,
    },
    SUGGEST: {
        "comment": _COMMENT,
        "attributeScores": Field("AttributeScores", "The scores that the comment should have, by name.", "map"),
        "languages": _LANGUAGES,
        "doNotStore": _DO_NOT_STORE,
        "clientToken": _TOKEN,
        "context": _CONTEXT,
        "communityId": _COMMUNITY,
        "sessionId": _SESSION,
    },
    SUGGESTED: {"clientToken": _TOKEN},
    "TextEntry": {
        "text": Field("string", "The text, at most 20,480 bytes of UTF-8."),
        "type": Field("TextType", "Only plain text is supported."),
    },
    "Context": {
        "entries": Field("TextEntry", "Comments before this one.", "list"),
        "articleAndParentComment": Field("ArticleAndParentComment", "An article and the comment replied to."),
    },
    "ArticleAndParentComment": {
        "article": Field("TextEntry", "The article."),
        "parentComment": Field("TextEntry", "The comment replied to."),
    },
    "AttributeParameters": {
        "scoreType": Field("ScoreType", "Only a probability is supported."),
        "scoreThreshold": Field("float", "Leave the attribute out when its summary score is lower."),
    },
    "AttributeScores": {
        "summaryScore": Field("Score", "Of the whole comment."),
        "spanScores": Field("SpanScore", "Of its parts.", "list"),
    },
    "SpanScore": {
        "begin": Field("int32", "First character of the part, counted from 0 in the text as sent."),
        "end": Field("int32", "The character after its last one."),
        "score": Field("Score", "Of this part."),
    },
    "Score": {
        "value": Field("float", "From 0 to 1."),
        "type": Field("ScoreType", "The kind of the value."),
    },
}

_LARGEST_FLOAT = 3.4028235e38
_LARGEST_INT32 = 2**31 - 1
_SHOWN_NAME = re.compile(r"[A-Za-z_$][\w$.@-]{0,63}", re.ASCII)
_UNQUOTED_NUMBER = re.compile(r"-?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?", re.ASCII)


def read_message(name: str, value: Any, path: str = "") -> dict[str, Any]:
    """The fields that are set, by their camelCase names, each checked and converted to its type.

    path: of the message in the request, for the text of a refusal. Raises Refusal 400.
    """
    if not isinstance(value, dict):
        raise _invalid(path, f"type.googleapis.com/{PACKAGE}.{name}")
    fields = MESSAGES[name]
    by_any_name = {_snake(key): key for key in fields} | {key: key for key in fields}
    found: dict[str, Any] = {}
    for key, item in value.items():
        known = by_any_name.get(key)
        if known is None:
            raise unknown_name(key, path)
        if item is None:
            continue
        if known in found:
            raise _violation(path, f"Invalid JSON payload received. Field '{_snake(known)}' is set twice.")
        found[known] = _read_field(fields[known], item, f"{path}.{_snake(known)}".lstrip("."))
    return found


def unknown_name(name: str, path: str = "") -> Refusal:
    """The refusal of a field that its message does not have."""
    where = f" at '{path}'" if path else ""
    return _violation(
        path, f"Invalid JSON payload received. Unknown name {quoted_name(name)}{where}: Cannot find field."
    )


def quoted_name(name: str) -> str:
    """A name from a request, for a refusal. One that is not a plain name is not repeated: it may be a comment."""
    return f'"{name}"' if _SHOWN_NAME.fullmatch(name) else "(of other characters)"


def _read_field(field: Field, value: Any, path: str) -> Any:
    if field.many == "list":
        if not isinstance(value, list):
            raise _invalid(path, f"repeated {field.kind}")
        return [_read_one(field.kind, item, f"{path}[{index}]") for index, item in enumerate(value)]
    if field.many == "map":
        if not isinstance(value, dict):
            raise _invalid(path, f"map of {field.kind}")
        # Google counts the entries of a map.
        return {
            _string(key, f"{path}[{index}].key"): _read_one(field.kind, item, f"{path}[{index}].value")
            for index, (key, item) in enumerate(value.items())
        }
    return _read_one(field.kind, value, path)


def _read_one(kind: str, value: Any, path: str) -> Any:
    if kind in MESSAGES:
        return read_message(kind, value, path)
    if kind in ENUMS:
        return _enum(kind, value, path)
    return _SCALARS[kind](value, path)


def _string(value: Any, path: str) -> str:
    if not isinstance(value, str) or holds_lone_surrogate(value):
        raise _invalid(path, "TYPE_STRING")
    return value


def _boolean(value: Any, path: str) -> bool:
    known = {"true": True, "false": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in known:
        return known[value]
    raise _invalid(path, "TYPE_BOOL")


def _float(value: Any, path: str) -> float:
    number = _number(value)
    if number is None or abs(number) > _LARGEST_FLOAT:
        raise _invalid(path, "TYPE_FLOAT")
    return number


def _int32(value: Any, path: str) -> int:
    number = _number(value)
    if number is None or not number.is_integer() or abs(number) > _LARGEST_INT32:
        raise _invalid(path, "TYPE_INT32")
    return int(number)


def _number(value: Any) -> float | None:
    if isinstance(value, str) and _UNQUOTED_NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _enum(kind: str, value: Any, path: str) -> str:
    names = ENUMS[kind]
    if isinstance(value, str) and value in names:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value in range(len(names)):
        return names[value]
    raise _invalid(path, f"type.googleapis.com/{PACKAGE}.{kind}")


_SCALARS: dict[str, Callable[[Any, str], Any]] = {
    "string": _string,
    "boolean": _boolean,
    "float": _float,
    "int32": _int32,
}


def _snake(name: str) -> str:
    return re.sub("([A-Z])", lambda match: f"_{match[1].lower()}", name)


def _invalid(path: str, kind: str) -> Refusal:
    if not path:
        return _violation("", "Invalid JSON payload received. The body must be a JSON object.")
    return _violation(path, f"Invalid value at '{path}' ({kind}).")


def _violation(path: str, description: str) -> Refusal:
    violation = {"field": path, "description": description} if path else {"description": description}
    bad_request = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}
    return Refusal(400, description, "invalid_argument", field=path or None, details=[bad_request])
