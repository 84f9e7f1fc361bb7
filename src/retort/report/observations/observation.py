"""One observation on a comparison."""

from dataclasses import dataclass

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
