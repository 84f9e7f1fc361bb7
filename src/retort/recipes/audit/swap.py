"""Identity terms exchanged for one another: does a verdict hang on who is named, where all else is equal?

A *sentence* is a case with its term left open ("My neighbours are [religion] and garden a lot."); cases that differ in
the term alone are one. Every term of the same kind and form is put into it, as it would be written there.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from retort.data.suite import Booleans, Suite
from retort.evaluation.case_shares import difference_of
from retort.identity_terms import Form, IdentityTerm, Mention, find_mentions, identity_terms
from retort.progress import StageProgress
from retort.recipes.audit.functional import corrected, paired_entry, share_entry
from retort.recipes.audited import AuditedModel

POSITION = 20
OPTION = "swap"

# More sentences are not scored: so many, evenly spaced, say enough.
_MOST_SENTENCES = 2000
_SHOWN = 10
_ARTICLE = re.compile(r"(?<![\w'’])(an?)(\s+)$", re.IGNORECASE)
_VOWEL = re.compile(r"[aeiou]", re.IGNORECASE)


@dataclass(frozen=True)
class Sentence:
    """parts: the text around the term's places. articles: for each place, the "a" or "an" before it ("" for none).
    cased: how the term is written there. kind, form: of its terms. label: whether a positive verdict is right.
    """

    parts: tuple[str, ...]
    articles: tuple[str, ...]
    cased: str
    kind: str
    form: Form
    label: bool

    def with_term(self, word: str) -> str:
        """The text with a term in its places."""
        written = word.upper() if self.cased == "upper" else word.lower() if self.cased == "lower" else word
        capital = written[:1].upper() + written[1:] if self.cased == "capital" else written
        text = self.parts[0]
        for article, part in zip(self.articles, self.parts[1:], strict=True):
            text += _fitting(article, word) + capital + part
        return text

    def shown(self) -> str:
        """The text with the kind in the term's places."""
        text = self.parts[0]
        for article, part in zip(self.articles, self.parts[1:], strict=True):
            text += f"{article}[{self.kind}]{part}"
        return text


@dataclass(frozen=True)
class _Filled:
    """A sentence with n terms: their words and texts, and which of them (indices) the suite has."""

    sentence: Sentence
    terms: tuple[IdentityTerm, ...]
    texts: tuple[str, ...]
    own: tuple[int, ...]


def why_not(models: Sequence[AuditedModel], suite: Suite) -> str | None:
    """Without a case that names an identity alone."""
    if any(_is_one(mentions) for text in suite.texts for mentions in _by_kind(text)):
        return None
    return "no case names an identity of the list of terms, or each names two of one kind"


def run(models: Sequence[AuditedModel], suite: Suite, progress: StageProgress) -> dict[str, Any]:
    """`{"terms", "kinds", "sentences", "of_sentences", "left_out", "models": {NAME: {...}}, "pairs": [...]}`.

    sentences: how many were drawn of `of_sentences`. left_out: cases with two terms of one kind, where exchanging one
    would change who is compared. Of a model: `overall` and `kinds` {KIND: {"flips", "spread"}}, where flips is the
    share of exchanges that turn the verdict of the case (an entry as in `functional`) and spread the mean, median and
    90th percentile of the highest score less the lowest, per sentence; `terms` {WORD: {"kind", "group", "shift",
    "flagged"}}, shift being the mean score less the sentence's mean and flagged an entry for the sentences that should
    not be; `examples`, the sentences with the largest spread. pairs: the shares of flips compared, as in `functional`.
    """
    every, left_out = _sentences(suite)
    places = np.linspace(0, len(every) - 1, min(len(every), _MOST_SENTENCES)).round().astype(int)
    filled = [every[place] for place in places]
    texts = [text for one in filled for text in one.texts]
    found, flips = {}, {}
    clusters = np.array([i for i, one in enumerate(filled) for _ in _exchanges(one)], np.int64)
    for model in models:
        scores = _split(model.scores(texts, progress), filled)
        flips[model.name] = np.array(
            [flip for one, own in zip(filled, scores, strict=True) for flip in _flips(one, own >= model.threshold)],
            bool,
        )
        found[model.name] = _of_model(model, filled, scores, flips[model.name], clusters)
    return {
        "terms": len({word for one in filled for word in _words(one)}),
        "kinds": len({one.sentence.kind for one in filled}),
        "sentences": len(filled),
        "of_sentences": len(every),
        "left_out": left_out,
        "models": found,
        "pairs": _pairs(flips, clusters),
    }


def _sentences(suite: Suite) -> tuple[list[_Filled], int]:
    """Every sentence of the suite with its terms, and the number of cases that are left out."""
    own: dict[Sentence, set[IdentityTerm]] = {}
    left_out = 0
    for text, label in zip(suite.texts, suite.labels, strict=True):
        for mentions in _by_kind(text):
            if _is_one(mentions):
                own.setdefault(_sentence(text, mentions, bool(label)), set()).add(mentions[0].term)
            else:
                left_out += 1
    return [filled for sentence, terms in own.items() if (filled := _filled(sentence, terms))], left_out


def _by_kind(text: str) -> list[list[Mention]]:
    """The mentions of a text, those of one kind together."""
    found: dict[str, list[Mention]] = {}
    for mention in find_mentions(text):
        found.setdefault(mention.term.kind, []).append(mention)
    return list(found.values())


def _is_one(mentions: Sequence[Mention]) -> bool:
    """Whether all are one term in one form, which can be exchanged without leaving another of its kind beside it."""
    return len({(mention.term, mention.form) for mention in mentions}) == 1


def _sentence(text: str, mentions: Sequence[Mention], label: bool) -> Sentence:
    parts, articles, begin = [], [], 0
    for mention in mentions:
        before = text[begin : mention.begin]
        article = _ARTICLE.search(before)
        articles.append(article.group() if article else "")
        parts.append(before[: article.start()] if article else before)
        begin = mention.end
    first = mentions[0]
    written, usual = text[first.begin : first.end], first.term.form(first.form) or ""
    return Sentence((*parts, text[begin:]), tuple(articles), _cased(written, usual), first.term.kind, first.form, label)


def _cased(written: str, usual: str) -> str:
    if len(written) > 1 and written.isupper():
        return "upper"
    if written[:1].isupper() and usual[:1].islower():
        return "capital"
    return "lower" if written.islower() and not usual.islower() else "as usual"


def _fitting(article: str, word: str) -> str:
    """ "a " or "an " before the word, as `article` was written."""
    if not article:
        return ""
    letter, gap = ("A" if article[0] == "A" else "a"), article[len(article.rstrip()) :]
    return f"{letter}{'n' if _VOWEL.match(word) else ''}{gap}"


def _filled(sentence: Sentence, own: set[IdentityTerm]) -> _Filled | None:
    """None where there is nothing to exchange: a term that is found in texts but never written, or the only one."""
    terms = tuple(t for t in identity_terms() if t.kind == sentence.kind and t.form(sentence.form))
    found = tuple(place for place, term in enumerate(terms) if term in own)
    texts = tuple(sentence.with_term(t.form(sentence.form) or "") for t in terms)
    return _Filled(sentence, terms, texts, found) if found and len(terms) > 1 else None


def _words(one: _Filled) -> list[str]:
    return [term.singular for term in one.terms]


def _exchanges(one: _Filled) -> Iterator[tuple[int, int]]:
    """(a term of the suite, another): what is exchanged for what, each pair once."""
    return ((a, b) for a in one.own for b in range(len(one.terms)) if a != b and not (b in one.own and b < a))


def _flips(one: _Filled, flagged: Booleans) -> list[bool]:
    return [bool(flagged[a] != flagged[b]) for a, b in _exchanges(one)]


def _split(scores: npt.NDArray[np.float64], filled: Sequence[_Filled]) -> list[npt.NDArray[np.float64]]:
    return np.split(scores, np.cumsum([len(one.texts) for one in filled])[:-1])


def _of_model(
    model: AuditedModel,
    filled: Sequence[_Filled],
    scores: Sequence[npt.NDArray[np.float64]],
    flips: Booleans,
    clusters: npt.NDArray[np.int64],
) -> dict[str, Any]:
    kinds = np.array([one.sentence.kind for one in filled])
    spreads = np.array([own.max() - own.min() for own in scores])
    chosen = {None: np.ones(len(filled), bool)} | {str(kind): kinds == kind for kind in dict.fromkeys(kinds)}
    entries = {
        kind: {
            "sentences": int(which.sum()),
            "flips": share_entry(flips[which[clusters]], clusters[which[clusters]], "no exchanges"),
            "spread": _spread(spreads[which]),
        }
        for kind, which in chosen.items()
    }
    overall = entries.pop(None)
    widest = np.argsort(-spreads, kind="stable")[:_SHOWN]
    examples = [_example(filled[i], scores[i]) for i in widest]
    return {"overall": overall, "kinds": entries, "terms": _terms(model, filled, scores), "examples": examples}


def _spread(spreads: npt.NDArray[np.float64]) -> dict[str, float]:
    return {
        "mean": float(spreads.mean()),
        "median": float(np.median(spreads)),
        "p90": float(np.quantile(spreads, 0.9)),
    }


def _terms(
    model: AuditedModel, filled: Sequence[_Filled], scores: Sequence[npt.NDArray[np.float64]]
) -> dict[str, dict[str, Any]]:
    """What naming each term does, over all sentences that it was put into."""
    shifts: dict[IdentityTerm, list[float]] = {term: [] for term in identity_terms()}
    flagged: dict[IdentityTerm, list[bool]] = {term: [] for term in identity_terms()}
    for one, own in zip(filled, scores, strict=True):
        for term, score, mean in zip(one.terms, own, itertools.repeat(float(own.mean()))):
            shifts[term].append(float(score) - mean)
            if not one.sentence.label:
                flagged[term].append(bool(score >= model.threshold))
    return {
        term.singular: {
            "kind": term.kind,
            "group": term.group,
            "sentences": len(of_term),
            "shift": float(np.mean(of_term)),
            "flagged": share_entry(
                np.array(flagged[term], bool), np.arange(len(flagged[term])), "no sentence that should not be positive"
            ),
        }
        for term, of_term in shifts.items()
        if of_term
    }


def _example(one: _Filled, scores: npt.NDArray[np.float64]) -> dict[str, Any]:
    low, high = int(scores.argmin()), int(scores.argmax())
    form = one.sentence.form
    return {
        "sentence": one.sentence.shown(),
        "kind": one.sentence.kind,
        "label": int(one.sentence.label),
        "lowest": {"term": one.terms[low].form(form), "score": round(float(scores[low]), 6)},
        "highest": {"term": one.terms[high].form(form), "score": round(float(scores[high]), 6)},
    }


def _pairs(flips: dict[str, Booleans], clusters: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
    rows = [
        {"a": a, "b": b} | paired_entry(difference_of(flips[a], flips[b], clusters))
        for a, b in itertools.combinations(flips, 2)
    ]
    return corrected(rows)
