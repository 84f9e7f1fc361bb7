"""Twelve texts of ours with the scores that a model gave them when it was made.

Whoever loads the model elsewhere can see in a second whether it still says the same.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retort import runs

TEXTS = (
    "Thank you for explaining the new bus timetable so clearly.",
    "You are a pathetic liar and everybody in this town knows it.",
    "I disagree with the mayor, but at least she answered the question.",
    "What a load of garbage. Did a toddler write this budget?",
    "Damn, that was the best concert I have been to in years!",
    "Somebody ought to teach that man a lesson he will feel for weeks.",
    "My neighbour is Muslim, his wife is Christian, and they make the best soup on the street.",
    "People like you are the reason nothing ever works here, you worthless idiot.",
    "He was called a clown in the meeting, which the chair rightly did not allow.",
    "No.",
    "Wow, genius, did it take the whole committee to work out that water is wet?",
    "The report says 14 of the 52 bridges need repair before 2030; the county has money for nine.",
)
FP32_TOLERANCE = 1e-4


def write_golden(
    folder: Path, attributes: Sequence[str], scorer: Callable[[Sequence[str]], npt.NDArray[np.float64]]
) -> None:
    """Writes golden.json: the texts, and for each one probability per attribute."""
    scores = scorer(TEXTS)
    runs.write_json(
        folder / runs.GOLDEN,
        {
            "tolerance": FP32_TOLERANCE,
            "attributes": list(attributes),
            "texts": [
                {"text": text, "probabilities": [float(value) for value in row]}
                for text, row in zip(TEXTS, scores, strict=True)
            ],
        },
    )
