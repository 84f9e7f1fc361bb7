"""Which words of a comment make its score: what each of them adds, and which of them count.

A weight is what a word adds to one attribute's log-odds (natural logarithm): +0.7 doubles the odds, and what
is below 0 speaks against the attribute. Two methods find weights; one rule says which words stand out.
"""

import copy
import functools
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from retort.data.batches import Frame, Ids, Integers, Tokens
from retort.errors import ConfigError, ResourceError
from retort.inference.predictor import Classifier
from retort.text import is_blank, normalise

Method = Literal["auto", "leave_out", "integrated_gradients"]
Values = npt.NDArray[np.float64]
# Half-open, in characters.
Span = tuple[int, int]

# Of a comment with more of either, only the worst passages are weighed: every word costs a reading of all the rest.
MOST_WORDS = 64
MOST_CHARACTERS = 640
_PASSAGES = 4

# Stands for a comment of which nothing is left; a classifier refuses a blank one.
_NOTHING = "."
# Of probabilities: in fp32 they reach 0 and 1.
_MARGIN = 1e-6
# Points of the integral, and how many of them the model is given at once.
_STEPS = 16
_STEPS_AT_ONCE = 8


@dataclass(frozen=True)
class Highlight:
    """A word: half-open character offsets in the text as it came, and its weight in log-odds."""

    begin: int
    end: int
    weight: float


@dataclass(frozen=True)
class Rule:
    """A word stands out with `share` of the heaviest word's weight or more, and `least` log-odds or more.

    None does in a comment whose probability is under `probability`.
    """

    share: float
    least: float
    probability: float

    def standing_out(self, probability: float, words: Sequence[Highlight]) -> list[Highlight]:
        """Those of a comment's words that stand out; `probability` is the comment's."""
        if probability < self.probability:
            return []
        needed = max(self.least, self.share * max((word.weight for word in words), default=0.0))
        return [word for word in words if word.weight >= needed]


# `share` is what agrees best with the spans of SemEval-2021 task 5 (benchmarks/highlights.md). All comments there are
# toxic, so the other two are as high as they can be for a loss of 0.01 in F1 or less: they spare clean comments.
RULES: dict[Method, Rule] = {
    "leave_out": Rule(share=0.5, least=1.0, probability=0.05),
    "integrated_gradients": Rule(share=0.2, least=0.25, probability=0.05),
}


def highlights(
    classifier: Classifier, text: str, *, method: Method = "auto", attribute: str | None = None
) -> list[Highlight]:
    """The words of `text` that count for `attribute` (the primary one unless named), first to last.

    Methods and errors are those of `weigh`. A comment that is far from toxic costs one question and has none.
    """
    rule, column = RULES[_chosen(method)], _column(classifier, attribute)
    comment = _read(classifier, column, text)
    if comment.probability < rule.probability:
        return []
    return rule.standing_out(comment.probability, _weighed(classifier, column, comment, method))


def weigh(
    classifier: Classifier, text: str, *, method: Method = "auto", attribute: str | None = None
) -> tuple[float, list[Highlight]]:
    """The probability of `attribute`, and the words of `text`, first to last, each with its weight.

    Of a comment with more than MOST_WORDS words or MOST_CHARACTERS characters only those of its four worst
    passages are there, each weighed within its passage.

    - leave_out: half of what the passage loses when the word alone is left out, plus half of what the word by
      itself has over no word at all (the last and the first step of Shapley's sum). Asks about no more than
      2 * MOST_WORDS texts of this kind, whatever the length.
    - integrated_gradients: along the word embeddings, from [PAD] in place of every token to the passage
      (Sundararajan et al. 2017, arXiv:1703.01365); the weights of all tokens add up to the difference. Only
      for models that are in torch.
    - auto: leave_out.

    Raises DataError for a blank text; ConfigError for an attribute that the classifier lacks, or a method that
    is unknown or not for it; ResourceError when captum is not installed.
    """
    column = _column(classifier, attribute)
    comment = _read(classifier, column, text)
    return comment.probability, _weighed(classifier, column, comment, method)


@dataclass(frozen=True)
class _Passage:
    """A part of a normalised comment: where it begins there, and its words by their place in the part."""

    begin: int
    text: str
    words: tuple[Span, ...]

    def without(self, begin: int, end: int) -> str:
        left = self.text[:begin] + self.text[end:]
        return _NOTHING if is_blank(left) else left


@dataclass(frozen=True)
class _Comment:
    """`passages` are what is explained; `original_span` leads from the normalised comment to the original."""

    probability: float
    passages: tuple[_Passage, ...]
    original_span: Callable[[int, int], Span]


def _chosen(method: Method) -> Method:
    if method not in get_args(Method):
        raise ConfigError(f"method {method!r}: unknown; choose from {', '.join(get_args(Method))}")
    return "leave_out" if method == "auto" else method


def _column(classifier: Classifier, attribute: str | None) -> int:
    if attribute is None:
        return 0
    if attribute not in classifier.attributes:
        raise ConfigError(
            f"attribute {attribute!r}: the model {classifier.arm} has only {', '.join(classifier.attributes)}"
        )
    return classifier.attributes.index(attribute)


def _read(classifier: Classifier, column: int, text: str) -> _Comment:
    """The comment's probability, and what of it is explained: all, or the passages that are worst on their own."""
    normal = normalise(text)
    words = words_of(normal.text)
    if len(words) <= MOST_WORDS and len(normal.text) <= MOST_CHARACTERS:
        probability = float(classifier.probabilities([normal.text])[0, column])
        return _Comment(probability, (_Passage(0, normal.text, tuple(words)),), normal.original_span)
    passages = list(_passages(normal.text, words))
    asked = [normal.text, *(passage.text for passage in passages)]
    probability, *parts = classifier.probabilities(asked)[:, column].tolist()
    worst = sorted(range(len(passages)), key=lambda i: parts[i], reverse=True)[:_PASSAGES]
    return _Comment(probability, tuple(passages[i] for i in sorted(worst)), normal.original_span)


def _passages(text: str, words: Iterable[Span]) -> Iterator[_Passage]:
    """The text in parts that are a `_PASSAGES`th of what is weighed at most, or one longer word."""
    own: list[Span] = []
    for word in words:
        if own and (len(own) == MOST_WORDS // _PASSAGES or word[1] - own[0][0] > MOST_CHARACTERS // _PASSAGES):
            yield _passage(text, own)
            own = []
        own.append(word)
    if own:
        yield _passage(text, own)


def _passage(text: str, words: Sequence[Span]) -> _Passage:
    begin, end = words[0][0], words[-1][1]
    return _Passage(begin, text[begin:end], tuple((a - begin, b - begin) for a, b in words))


def _weighed(classifier: Classifier, column: int, comment: _Comment, method: Method) -> list[Highlight]:
    weights_of = _gradients if _chosen(method) == "integrated_gradients" else _left_out
    weights = weights_of(classifier, column, comment.passages)
    spans = [comment.original_span(p.begin + a, p.begin + b) for p in comment.passages for a, b in p.words]
    return [Highlight(*span, weight) for span, weight in zip(spans, weights.tolist(), strict=True)]


# --- words left out ---


def _left_out(classifier: Classifier, column: int, passages: Sequence[_Passage]) -> Values:
    """The weight of every word of the passages, end to end."""
    wholes = [passage.text for passage in passages for _ in passage.words]
    without = [passage.without(*word) for passage in passages for word in passage.words]
    alone = [passage.text[slice(*word)] for passage in passages for word in passage.words]
    # A word that is written twice need not be asked about twice.
    asked = list(dict.fromkeys([_NOTHING, *wholes, *without, *alone]))
    probabilities = np.clip(classifier.probabilities(asked)[:, column], _MARGIN, 1 - _MARGIN)
    log_odds = dict(zip(asked, np.log(probabilities / (1 - probabilities)), strict=True))

    def said(texts: Sequence[str]) -> Values:
        return np.asarray([log_odds[text] for text in texts], np.float64)

    weights: Values = ((said(wholes) - said(without)) + (said(alone) - log_odds[_NOTHING])) / 2
    return weights


# --- integrated gradients ---


def _gradients(classifier: Classifier, column: int, passages: Sequence[_Passage]) -> Values:
    """The weight of every word of the passages, end to end: the sum over its tokens."""
    attribution = _TokenAttribution(classifier, column)
    weights: list[Values] = []
    for passage in passages:
        word_at = np.full(len(passage.text), -1)
        for index, (begin, end) in enumerate(passage.words):
            word_at[begin:end] = index
        owners, values = attribution(passage.text, word_at)
        weights.append(np.bincount(owners, values, minlength=len(passage.words)).astype(np.float64))
    return np.concatenate(weights) if weights else np.empty(0)


class _TokenAttribution:
    """What the tokens of a text add to a torch model's log-odds of one attribute."""

    def __init__(self, classifier: Classifier, column: int) -> None:
        try:
            from captum.attr import LayerIntegratedGradients
        except ModuleNotFoundError as error:
            raise ResourceError(
                "integrated gradients: captum is not installed; pip install 'retort-nlp[train]'"
            ) from error
        if classifier.format != "torch":
            raise ConfigError(
                f"integrated gradients: {classifier.arm} is {classifier.format}, not torch; use leave_out"
            )
        windowed: Any = classifier.model
        columns = windowed.scorer.columns
        self._model = _twin(windowed.scorer.model)
        self._target = column if columns is None else columns[column]
        self._tokenizer = windowed.reader.tokenizer
        self._max_length = windowed.reader.max_length
        self._gradients = LayerIntegratedGradients(
            lambda ids, mask: self._model(input_ids=ids, attention_mask=mask).logits,
            self._model.get_input_embeddings(),
        )

    def __call__(self, text: str, word_at: Integers) -> tuple[Integers, Values]:
        """The word of each token that is in one, and the token's share. `word_at`: (len(text),), -1 for none."""
        frame = Frame.of(self._tokenizer)
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids = np.asarray(encoding.ids, np.int32)
        owners = word_at[np.asarray([begin for begin, _ in encoding.offsets], np.int64)]
        values = np.zeros(len(ids))
        room = frame.room(self._max_length)
        for begin in range(0, len(ids), room):
            part = slice(begin, begin + room)
            # Thousands of signs between two words are not worth the time.
            if (owners[part] >= 0).any():
                values[part] = self._of_window(ids[part], frame)
        return owners[owners >= 0], values[owners >= 0]

    def _of_window(self, ids: Ids, frame: Frame) -> Values:
        """(len(ids),). All of them and the frame's zeros add up to log-odds(ids) - log-odds(as many [PAD])."""
        import torch

        device = next(self._model.parameters()).device
        inputs, mask = (torch.from_numpy(a).to(device) for a in _padded(ids, frame))
        baseline = torch.from_numpy(_padded(np.full_like(ids, frame.pad_id), frame)[0]).to(device)
        found = self._gradients.attribute(
            inputs,
            baseline,
            target=self._target,
            additional_forward_args=(mask,),
            n_steps=_STEPS,
            internal_batch_size=_STEPS_AT_ONCE,
        )
        first = len(frame.before)
        values: Values = found.sum(-1)[0, first : first + len(ids)].double().cpu().numpy()
        return values


def _padded(ids: Ids, frame: Frame) -> tuple[Integers, Integers]:
    return Tokens.joined([frame.around(ids)], frame.pad_id).padded([0])


def _twin(model: Any) -> Any:
    """The same model around the same tensors: captum's hooks must not meet what other threads ask the first one."""
    tensors = itertools.chain(model.parameters(), model.buffers())
    return copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})


# --- words ---


def words_of(text: str) -> list[Span]:
    """What a reader sees as words, first to last, none touching another's characters; emoji count as words.

    Punctuation is apart, but for what stands in a word or hides its letters (`isn't`, `sh*t`, `f***`, `a$$`). In
    scripts that put no space between words every letter is one, with its marks.
    """
    spans = (match.span() for match in _WORD.finditer("".join(map(_kind, text))))
    return [(begin, end) for begin, end in spans if not is_blank(text[begin:end])]


# Over the kinds of the characters, not the characters themselves.
_WORD = re.compile(
    r"(?:[@$]{1,3}|\*{2,})?w[wm]*(?:(?:'|\*{1,6}|[@$]{1,2})w[wm]*)*(?:\*{2,}|\${2})?"  # letters and digits
    r"|\*{3,}"  # a word with all its letters hidden
    r"|im*"  # a letter of a script without spaces
    r"|s[sm]*"  # emoji and other signs
)
# Thai and Lao, Burmese, Khmer, kana, Chinese characters.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
# Joiners, skin tones and the letters of flags go with what stands before them.
_MARKS = re.compile("[\u200c\u200d\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")


@functools.lru_cache(maxsize=4096)
def _kind(character: str) -> str:
    """w(ord), m(ark), i(deograph), s(ign), one of '*@$, or a space for all else."""
    if character in "'*@$":
        return character
    if character == "’":
        return "'"
    category = unicodedata.category(character)
    if category[0] == "M" or _MARKS.match(character):
        return "m"
    if category[0] in "LN":
        return "i" if _UNSPACED.match(character) else "w"
    return "s" if category == "So" else " "
