"""Are there enough positive comments for what is asked?"""

import numpy as np

from retort.evaluation.intervals import FEW, wilson
from retort.recipes.experiment import ExperimentSettings
from retort.recipes.inputs import Inputs

EXPLANATION = "Only a large difference between models would show; it takes more judged comments, not more training"

# With so many positive test comments, a recall of 0.7 is known to within about ± 0.15.
_ENOUGH = 40
_RECALL = 0.7


def find(settings: ExperimentSettings, inputs: Inputs) -> list[str]:
    """Too few positive test comments for the primary label, or too few on validation to choose a threshold."""
    primary = inputs.attributes.index(settings.task.primary)
    parts = {"test": inputs.test, "validation": inputs.validation}
    counts = {name: int(np.nansum(part.labels[:, primary])) for name, part in parts.items()}
    found = []
    if counts["test"] < _ENOUGH:
        low, high = wilson(_RECALL * max(counts["test"], 1), max(counts["test"], 1))
        found.append(
            f"{counts['test']} positive test comments: a recall of {_RECALL} could be anything from {low:.2f} to "
            f"{high:.2f}"
        )
    if counts["validation"] < FEW:
        found.append(f"{counts['validation']} positive validation comments: no threshold can be chosen on them")
    return found
