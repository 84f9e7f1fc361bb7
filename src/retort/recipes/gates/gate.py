"""The file of gates, as its author writes it."""

import math
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from retort.errors import ConfigError
from retort.strict import StrictModel, read_toml, validated


class Gate(StrictModel):
    """One bound on one figure."""

    figure: str = Field(description="a name such as average_precision, bias.final, cost.latency_ms.p95")
    model: str | None = Field(None, description="which model; every trained one when left out")
    label: str | None = Field(None, description="which label of a comparison; the primary one when left out")
    at_least: float | None = None
    at_most: float | None = None
    relative_to: str | None = Field(None, description="a model whose figure this one is compared with")
    compare_by: Literal["difference", "ratio"] = Field(
        "difference", description="with relative_to: figure - other, or figure / other"
    )

    @model_validator(mode="after")
    def _has_one_bound(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("give either at_least or at_most")
        if self.compare_by == "ratio" and self.relative_to is None:
            raise ValueError("compare_by = 'ratio' needs relative_to; name the model to divide by")
        return self

    @property
    def bound(self) -> str:
        """In words, as "at least 0.95" or "at most 0.6 × teacher"."""
        words, limit = ("at least", self.at_least) if self.at_least is not None else ("at most", self.at_most)
        if self.relative_to is None:
            return f"{words} {limit:g}"
        if self.compare_by == "ratio":
            return f"{words} {limit:g} × {self.relative_to}"
        return f"{words} {self.relative_to} {limit:+g}"

    def holds(self, value: float) -> bool:
        """Whether a value is within the bound."""
        limit = self.at_least if self.at_least is not None else self.at_most
        assert limit is not None, "a gate has one of the two"
        # A difference that equals its bound may miss it by rounding.
        if math.isclose(value, limit, rel_tol=1e-9, abs_tol=1e-12):
            return True
        return value > limit if self.at_least is not None else value < limit

    def told(self, value: float) -> str:
        """The value in words, as "0.71", "0.55 × teacher" or "teacher -0.02"."""
        if self.relative_to is None:
            return f"{value:.4g}"
        return f"{value:.4g} × {self.relative_to}" if self.compare_by == "ratio" else f"{self.relative_to} {value:+.4g}"


class _GateFile(StrictModel):
    gate: tuple[Gate, ...] = ()


def read_gates(path: Path) -> tuple[Gate, ...]:
    """The gates of a file. Raises ConfigError when it is unreadable, has an unknown key, or has no gate."""
    gates = validated(_GateFile, read_toml(path, "give a file of [[gate]] tables"), str(path)).gate
    if not gates:
        raise ConfigError(f"{path}: no gate in it; write [[gate]] tables, each with figure and at_least or at_most")
    return gates
