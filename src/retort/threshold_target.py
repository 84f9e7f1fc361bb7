"""What a decision threshold is chosen for: the text of a setting, read into one value."""

import math
from dataclasses import dataclass
from typing import Literal

from retort.errors import ConfigError

Aim = Literal["fixed", "f1", "precision", "recall", "false-alarms", "budget", "cost"]

FORMS = (
    '"f1" (the best F1), "0.5" (this threshold), "precision=0.9", "recall=0.8", "false-alarms=0.01" (of negative '
    'comments, at most this share flagged), "budget=20" (of 1,000 comments, at most so many flagged), "cost=10" (a '
    "missed comment costs as much as ten false alarms)"
)
# Each number is above 0 and below this.
_LIMITS: dict[Aim, float] = {
    "precision": 1,
    "recall": 1,
    "false-alarms": 1,
    "budget": 1000,
    "cost": math.inf,
}


@dataclass(frozen=True)
class ThresholdTarget:
    """aim: what is sought. value: its number, None for f1; text: as it was written."""

    aim: Aim
    value: float | None
    text: str

    @classmethod
    def parse(cls, text: str) -> "ThresholdTarget":
        """From one of `FORMS`. Raises ConfigError, naming them, for any other text."""
        text = text.strip()
        if text == "f1":
            return cls("f1", None, text)
        aim, equals, number = text.rpartition("=")
        if not equals:
            return cls("fixed", _number(text, number, 1), text)
        for known, limit in _LIMITS.items():
            if known == aim.strip():
                return cls(known, _number(text, number, limit), text)
        raise _invalid(text)


def _number(text: str, number: str, limit: float) -> float:
    try:
        value = float(number)
    except ValueError:
        raise _invalid(text) from None
    if not 0 < value < limit:
        between = "above 0" if limit == math.inf else f"between 0 and {limit:g}"
        raise ConfigError(f"{text!r}: the number must be {between}; write for example {FORMS}")
    return value


def _invalid(text: str) -> ConfigError:
    return ConfigError(f"{text!r} is no target of a threshold; write one of {FORMS}")
