"""The parts of a comment whose words are weighed: all of it, or the passages of a long one with the highest scores."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from retort.inference.predictor import Classifier
from retort.inference.words import Span, words_of
from retort.text import is_blank, normalise

# The cost of weighing grows with words times length. Longer comments are explained in part.
MOST_WORDS = 64
MOST_CHARACTERS = 640
_PASSAGES = 4

# Takes the place of an empty text, which a classifier refuses.
NO_WORDS = "."


@dataclass(frozen=True)
class Passage:
    """A part of a normalised comment. begin: its offset there. words: their spans within `text`."""

    begin: int
    text: str
    words: tuple[Span, ...]

    def without(self, begin: int, end: int) -> str:
        """The text without one of its words."""
        left = self.text[:begin] + self.text[end:]
        return NO_WORDS if is_blank(left) else left


@dataclass(frozen=True)
class Comment:
    """probability: of the whole comment. passages: what is explained. original_span: normalised -> original offsets."""

    probability: float
    passages: tuple[Passage, ...]
    original_span: Callable[[int, int], Span]

    @property
    def word_spans(self) -> list[Span]:
        """The words of all passages, in order, as offsets in the original text."""
        return [self.original_span(one.begin + a, one.begin + b) for one in self.passages for a, b in one.words]


def read_comment(classifier: Classifier, column: int, text: str) -> Comment:
    """A comment of at most MOST_WORDS words and MOST_CHARACTERS characters as one passage.

    Of a longer one, the passages with the highest probability of the attribute in `column` when rated alone. Raises
    DataError for a blank text.
    """
    normal = normalise(text, classifier.normaliser_version)
    words = words_of(normal.text)
    if len(words) <= MOST_WORDS and len(normal.text) <= MOST_CHARACTERS:
        probability = float(classifier.probabilities([normal.text])[0, column])
        return Comment(probability, (Passage(0, normal.text, tuple(words)),), normal.original_span)
    passages = list(_split(normal.text, words))
    texts = [normal.text, *(passage.text for passage in passages)]
    probability, *scores = classifier.probabilities(texts)[:, column].tolist()
    highest = sorted(range(len(passages)), key=lambda i: scores[i], reverse=True)[:_PASSAGES]
    return Comment(probability, tuple(passages[i] for i in sorted(highest)), normal.original_span)


def _split(text: str, words: Iterable[Span]) -> Iterator[Passage]:
    """Consecutive passages of at most MOST_WORDS / _PASSAGES words and as large a share of MOST_CHARACTERS.

    A single longer word is a passage of its own.
    """
    current: list[Span] = []
    for word in words:
        full = len(current) == MOST_WORDS // _PASSAGES
        if current and (full or word[1] - current[0][0] > MOST_CHARACTERS // _PASSAGES):
            yield _passage(text, current)
            current = []
        current.append(word)
    if current:
        yield _passage(text, current)


def _passage(text: str, words: Sequence[Span]) -> Passage:
    begin, end = words[0][0], words[-1][1]
    return Passage(begin, text[begin:end], tuple((a - begin, b - begin) for a, b in words))
