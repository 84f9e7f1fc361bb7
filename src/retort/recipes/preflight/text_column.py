"""Is the text column one of texts?"""

import numpy as np

from retort.recipes.experiment import ExperimentSettings
from retort.recipes.inputs import Inputs

EXPLANATION = "A model can learn nothing from such texts; the texts may be in another column (--column text=HEADER)"

# Comments of one word exist, files of them do not.
_ONE_WORD = 0.9
_WITHOUT_LETTERS = 0.5


def find(settings: ExperimentSettings, inputs: Inputs) -> list[str]:
    """Texts that are nearly all one word (ids, names, urls), or mostly without letters (numbers, dates)."""
    texts = inputs.train.texts
    one_word = float(np.mean([len(text.split()) < 2 for text in texts]))
    bare = float(np.mean([not any(character.isalpha() for character in text) for text in texts]))
    if one_word >= _ONE_WORD:
        return [f"{one_word:.0%} of the training texts are one word, such as {texts[0][:30]!r}"]
    if bare >= _WITHOUT_LETTERS:
        return [f"{bare:.0%} of the training texts have no letters, such as {texts[0][:30]!r}"]
    return []
