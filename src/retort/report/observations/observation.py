"""One observation on a comparison, and a pair's verdict in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retort.report.choice import needed

# Category -> its heading in the report, in order.
CATEGORIES = {
    "warning": "Read this first",
    "finding": "What the numbers show",
    "limit": "Limits",
    "difficulty": "Difficulties",
}


@dataclass(frozen=True)
class Observation:
    """`category` is one of CATEGORIES; `text` is a sentence or more."""

    category: str
    title: str
    text: str


def shown(pair: Mapping[str, Any], better: Mapping[str, str], not_worse: Mapping[str, str] | None = None) -> str:
    """What a pair of `Comparison.pair` shows, without a full stop.

    better, not_worse: the words for a pair that favours an arm, by the arm's name; `NAME is better` and `NAME is not
    worse by more than the margin` for those that are not given.
    """
    favoured, verdict = pair["favours"], pair["verdict"]
    if verdict == "equivalent":
        return "equivalent: the whole interval is within the margin"
    if verdict == "better":
        return better.get(favoured, f"{favoured} is better")
    takes = needed(pair)
    more = f"to show a difference as large as the margin takes {takes}" if pair.get("comments_needed") else ""
    if verdict == "not worse":
        words = (not_worse or {}).get(favoured, f"{favoured} is not worse by more than the margin")
        return f"{words}; more is not shown"
    return f"cannot tell; {more}" if more else "cannot tell"
