"""Frozen pydantic models that are strict about names, and errors that name the nearest known one."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from retort.errors import ConfigError


class StrictModel(BaseModel):
    """Frozen; an unknown key is an error, not a silent default."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_none(cls, values: Any) -> Any:
        # TOML has no null: a file unsets a value of its preset with `comments = ""`.
        if isinstance(values, dict):
            return {key: None if value == "" else value for key, value in values.items()}
        return values


M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], values: Mapping[str, Any], where: str) -> M:
    """An instance of `model`. Raises ConfigError: `where`, the key, and what is allowed there."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{where}: {_first_complaint(model, error)}") from error


def read_toml(path: Path, advice: str) -> dict[str, Any]:
    """The tables of a TOML file. Raises ConfigError when it cannot be read; advice: what to give instead."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); {advice}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML ({error}); correct that line") from error


def nearest(name: str, known: Iterable[str]) -> str:
    """`" (did you mean 'x'?)"` for the known name most like the given one, or nothing."""
    found = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""


def _first_complaint(model: type[BaseModel], error: ValidationError) -> str:
    # A union gives one error per member; an unknown key is the most helpful one, then the innermost.
    complaints = sorted(error.errors(), key=lambda e: (e["type"] != "extra_forbidden", -len(e["loc"])))
    first = complaints[0]
    path = ".".join(str(part) for part in first["loc"] if not _is_union_member(part))
    if first["type"] == "extra_forbidden":
        known = _known_keys(model, first["loc"][:-1])
        return f"unknown key {path!r}{nearest(str(first['loc'][-1]), known)}; known here: {', '.join(known)}"
    message = first["msg"].removeprefix("Value error, ")
    if not path:
        return message
    if first["type"] == "missing":
        return f"no {path!r}; known here: {', '.join(_known_keys(model, first['loc'][:-1]))}"
    if isinstance(first["input"], Mapping):
        return f"{path}: {message}"
    if first["input"] is None:  # written as ""; TOML has no null
        return f"{path} = '': must not be empty"
    return f"{path} = {first['input']!r}: {message}"


def _is_union_member(part: int | str) -> bool:
    """Whether a part of an error's location is the type that pydantic tried, as in `layers.tuple[int, ...].0`."""
    return part == "str" or "[" in str(part)


def _known_keys(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    current: Any = model
    for part in location:
        field = current.model_fields.get(str(part)) if hasattr(current, "model_fields") else None
        if field is None:
            continue
        annotation = field.annotation
        origin = getattr(annotation, "__origin__", None)
        # dict[str, X] and tuple[X, ...]: a name or a position comes next and is no field.
        current = (
            annotation.__args__[1] if origin is dict else annotation.__args__[0] if origin is tuple else annotation
        )
    return list(getattr(current, "model_fields", {}))
