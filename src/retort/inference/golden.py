"""Twelve fixed texts with the scores of a model when it was made, to check that it gives the same scores elsewhere."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retort import runs
from retort.errors import ModelError
from retort.inference.predictor import Classifier

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
# Scores of dynamic int8 depend on the processor's integer instructions.
INT8_TOLERANCE = 0.1


def write_golden(
    folder: Path,
    attributes: Sequence[str],
    scorer: Callable[[Sequence[str]], npt.NDArray[np.float64]],
    tolerance: float = FP32_TOLERANCE,
) -> None:
    """Writes golden.json: the texts, each with one probability per attribute.

    scorer: texts -> (n, n_attributes). tolerance: the largest difference that `check_golden` accepts.
    """
    scores = scorer(TEXTS)
    runs.write_json(
        folder / runs.GOLDEN,
        {
            "tolerance": tolerance,
            "attributes": list(attributes),
            "texts": [
                {"text": text, "probabilities": [float(value) for value in row]}
                for text, row in zip(TEXTS, scores, strict=True)
            ],
        },
    )


def check_golden(classifier: Classifier, folder: Path) -> None:
    """Scores the texts of the folder's golden.json again.

    Raises ModelError when a score of `classifier` differs from the recorded one by more than the recorded tolerance, or
    when golden.json is missing or made by another model.
    """
    path = folder / runs.GOLDEN
    golden = runs.read_json(path, "an arm's folder has one")
    try:
        tolerance, attributes = float(golden["tolerance"]), tuple(golden["attributes"])
        texts = [str(row["text"]) for row in golden["texts"]]
        expected = np.asarray([row["probabilities"] for row in golden["texts"]], np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: not as retort writes it ({error!r}); take a whole copy of the model") from error
    if attributes != classifier.attributes or expected.shape != (len(texts), len(attributes)) or not texts:
        raise ModelError(f"{path}: made by a model with other attributes; take a whole copy of the model")
    worst = float(np.abs(classifier.probabilities(texts) - expected).max())
    # Written so that NaN is refused too.
    if not worst <= tolerance:
        raise ModelError(
            f"{folder}: its scores for the golden texts differ from the recorded ones by up to {worst:.2g} (at most "
            f"{tolerance:g}); export it again on this machine, or take a whole copy"
        )
