"""Which words of a comment account for its score: the weight of each, and which of them to highlight.

A weight is what a word adds to one attribute's log-odds (natural logarithm): +0.7 doubles the odds, a negative weight
lowers them. The log-odds are the model's own, before calibration, which treats all words of a comment alike. Two
methods compute weights; one rule says which words are highlighted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from retort.errors import ConfigError
from retort.inference.gradients import integrated_gradients
from retort.inference.passages import NO_WORDS, Comment, Passage, read_comment
from retort.inference.predictor import Classifier

Method = Literal["auto", "leave_out", "integrated_gradients"]
Values = npt.NDArray[np.float64]

# Probabilities are clipped to [margin, 1 - margin]: in fp32 they reach 0 and 1, whose log-odds are infinite.
_MARGIN = 1e-6


@dataclass(frozen=True)
class Highlight:
    """A word: half-open character offsets in the original text, and its weight in log-odds."""

    begin: int
    end: int
    weight: float


@dataclass(frozen=True)
class Rule:
    """A word stands out if its weight is at least `least`, and at least `share` of the largest weight.

    In a comment whose probability is below `probability` none does.
    """

    share: float
    least: float
    probability: float

    def standing_out(self, probability: float, words: Sequence[Highlight]) -> list[Highlight]:
        """The words that stand out in a comment of this probability."""
        if probability < self.probability:
            return []
        needed = max(self.least, self.share * max((word.weight for word in words), default=0.0))
        return [word for word in words if word.weight >= needed]


# `share` is the value that agrees best with the spans of SemEval-2021 task 5 (benchmarks/highlights.md). All comments
# there are positive, so the other two are as high as they can be at a cost of at most 0.01 in F1: they keep highlights
# out of negative comments.
RULES: dict[Method, Rule] = {
    "leave_out": Rule(share=0.5, least=1.0, probability=0.05),
    "integrated_gradients": Rule(share=0.2, least=0.25, probability=0.05),
}


def highlights(
    classifier: Classifier, text: str, *, method: Method = "auto", attribute: str | None = None
) -> list[Highlight]:
    """The words of `text` that stand out for `attribute` (by default the primary one), in order.

    Methods and errors are those of `weigh`. A comment with a low probability has none, and costs one call of the model.
    """
    rule, column = RULES[_chosen(method)], _column(classifier, attribute)
    comment = read_comment(classifier, column, text)
    if comment.probability < rule.probability:
        return []
    return rule.standing_out(comment.probability, _weighed(classifier, column, comment, method))


def weigh(
    classifier: Classifier, text: str, *, method: Method = "auto", attribute: str | None = None
) -> tuple[float, list[Highlight]]:
    """The probability of `attribute`, and the words of `text` with their weights, in order.

    Of a comment with more than MOST_WORDS words or MOST_CHARACTERS characters (passages.py), only the words of the four
    passages with the highest probability are returned, each weighed within its passage.

    - leave_out: half of what the passage loses without the word, plus half of what the word alone has over no word at
      all (the last and the first term of a Shapley value). Rates at most 2 * MOST_WORDS such texts.
    - integrated_gradients: see gradients.py. Only for models in torch.
    - auto: leave_out.

    Raises DataError for a blank text; ConfigError for an attribute that the classifier lacks, or a method that is
    unknown or does not fit the model; ResourceError when captum is not installed.
    """
    column = _column(classifier, attribute)
    comment = read_comment(classifier, column, text)
    return comment.probability, _weighed(classifier, column, comment, method)


def _chosen(method: Method) -> Method:
    if method not in get_args(Method):
        raise ConfigError(f"method {method!r}: unknown; choose from {', '.join(get_args(Method))}")
    return "leave_out" if method == "auto" else method


def _column(classifier: Classifier, attribute: str | None) -> int:
    if attribute is None:
        return classifier.attributes.index(classifier.primary)
    if attribute not in classifier.attributes:
        raise ConfigError(
            f"attribute {attribute!r}: the model {classifier.arm} has only {', '.join(classifier.attributes)}"
        )
    return classifier.attributes.index(attribute)


def _weighed(classifier: Classifier, column: int, comment: Comment, method: Method) -> list[Highlight]:
    weights_of = integrated_gradients if _chosen(method) == "integrated_gradients" else leave_out
    weights = weights_of(classifier, column, comment.passages)
    return [Highlight(*span, weight) for span, weight in zip(comment.word_spans, weights.tolist(), strict=True)]


def leave_out(classifier: Classifier, column: int, passages: Sequence[Passage]) -> Values:
    """The weight of every word of the passages, (n words,); see `weigh`."""
    wholes = [passage.text for passage in passages for _ in passage.words]
    without = [passage.without(*word) for passage in passages for word in passage.words]
    alone = [passage.text[slice(*word)] for passage in passages for word in passage.words]
    # Each distinct text is rated once: a word may occur twice.
    texts = list(dict.fromkeys([NO_WORDS, *wholes, *without, *alone]))
    probabilities = np.clip(classifier.uncalibrated(texts)[:, column], _MARGIN, 1 - _MARGIN)
    by_text = dict(zip(texts, np.log(probabilities / (1 - probabilities)), strict=True))

    def log_odds(texts: Sequence[str]) -> Values:
        return np.asarray([by_text[text] for text in texts], np.float64)

    weights: Values = ((log_odds(wholes) - log_odds(without)) + (log_odds(alone) - by_text[NO_WORDS])) / 2
    return weights
