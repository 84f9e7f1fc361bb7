"""Words for people by what they are: religion, origin, age and so on, and where a text has them.

The list is identity_terms.toml in this folder. It fills the templates of the audit and swaps one identity for another
in a sentence; it also says which training comments mention an identity where nobody annotated them.
"""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal, get_args

from pydantic import Field

from retort.strict import StrictModel, read_toml

Form = Literal["singular", "plural", "adjective"]
FORMS: tuple[Form, ...] = get_args(Form)


class Spellings(StrictModel):
    """Further spellings of a term, by form: found in texts, never written."""

    singular: tuple[str, ...] = ()
    plural: tuple[str, ...] = ()
    adjective: tuple[str, ...] = ()


class IdentityTerm(StrictModel):
    """One word, or a few, for people of a group.

    kind: one of 8, such as "religion". group: the Kaggle identity column where there is one. adjective: None where
    English has none that is used for people.
    """

    kind: str
    group: str
    singular: str
    plural: str
    adjective: str | None = None
    others: Spellings = Spellings()
    needs_person: bool = Field(False, description="the adjective counts only beside a person")
    needs_determiner: bool = Field(False, description="the singular counts only after a determiner")

    def form(self, form: Form) -> str | None:
        """The word in one form, None where it has none."""
        word: str | None = getattr(self, form)
        return word

    def spellings(self, form: Form) -> tuple[str, ...]:
        """All spellings of one form."""
        own = self.form(form)
        others: tuple[str, ...] = getattr(self.others, form)
        return others if own is None else (own, *others)


@dataclass(frozen=True)
class Mention:
    """text[begin:end] is `term` in one of its forms."""

    begin: int
    end: int
    term: IdentityTerm
    form: Form


@functools.cache
def identity_terms() -> tuple[IdentityTerm, ...]:
    """All terms, ordered as in the file, by kind."""
    return tuple(IdentityTerm(kind=kind["name"], **values) for kind in _content()["kinds"] for values in kind["terms"])


def fill(pattern: str, term: IdentityTerm) -> str | None:
    """A sentence of `pattern` with the term in it; None where the term lacks a form that the pattern has.

    {singular}, {plural} and {adjective} stand for the forms, {a singular} and {an adjective} for the form with its
    article. The sentence begins with a capital.
    """
    missing = [match["form"] for match in _PLACE.finditer(pattern) if term.form(_as_form(match["form"])) is None]
    if missing:
        return None
    sentence = _PLACE.sub(lambda match: _with_article(match, term), pattern)
    return sentence[:1].upper() + sentence[1:]


_PLACE = re.compile(r"\{(?P<article>an? )?(?P<form>singular|plural|adjective)\}")
# Written with a vowel, spoken with a consonant.
_SPOKEN_WITH_CONSONANT = ("eu", "uk", "uni")


def _as_form(word: str) -> Form:
    return next(form for form in FORMS if form == word)


def _with_article(match: re.Match[str], term: IdentityTerm) -> str:
    word = term.form(_as_form(match["form"])) or ""
    if not match["article"]:
        return word
    spoken = word.casefold()
    vowel = spoken.startswith(tuple("aeiou")) and not spoken.startswith(_SPOKEN_WITH_CONSONANT)
    return f"{'an' if vowel else 'a'} {word}"


def find_mentions(text: str) -> list[Mention]:
    """Where identity terms stand in a text, from left to right; the longest of those that begin at one place.

    Whole words, in any case. A word that is noun and adjective at once ("a Muslim", "a Muslim baker") is taken for the
    noun when a determiner is right before it and no noun right behind it, else for the adjective. Adjectives with other
    everyday meanings ("white", "straight", "blind", "Polish") count only beside a person: before one of the people of
    the file's [context], other such adjectives between ("old white men", "Black and Asian women"), or after "I am",
    "she is", "my boss is" and the like, where no noun follows. "Man" counts only after a determiner, with at most one
    word between: in "that tall man", not in "Man, what a game".
    """
    return list(_mentions(text))


def _mentions(text: str) -> Iterator[Mention]:
    by_spelling, context = _by_spelling(), _context()
    for match in _pattern().finditer(text):
        begin, end = match.span()
        forms = by_spelling[" ".join(match.group().casefold().split())]
        form = context.form(forms, text, begin, end)
        if form is not None:
            yield Mention(begin, end, forms[form], form)


class _Context:
    """Which form a word has in a text, by the words beside it."""

    def __init__(self, people: Iterable[str], adjectives: Iterable[str]) -> None:
        between = rf"(?:(?:\s*[,/]\s*|\s+)(?:(?:and|or)\s+)?{_any_of(adjectives)})*"
        self._before_person = re.compile(rf"{between}\s+{_any_of(people)}(?!\w)", re.IGNORECASE)
        self._after_person = re.compile(
            rf"(?<!\w)(?:{_BEING}|{_any_of(people)}\s+(?:is|are|was|were))\s+(?:(?:also|both|not|still|only)\s+)?$",
            re.IGNORECASE,
        )
        self._determiner = re.compile(rf"(?<!\w){_DETERMINER}\s+$", re.IGNORECASE)
        self._determiner_nearby = re.compile(rf"(?<!\w){_DETERMINER}\s+(?:[\w'’-]+\s+)?$", re.IGNORECASE)
        self._no_noun = re.compile(rf"['’]s?(?!\w)|\s*(?:$|[^\w\s'’-]|{_NO_NOUN}(?!\w))", re.IGNORECASE)

    def form(self, forms: Mapping[Form, IdentityTerm], text: str, begin: int, end: int) -> Form | None:
        """The form of text[begin:end], one of `forms`; None where it means something else."""
        start = max(0, begin - _REACH)
        if "adjective" in forms and not ("singular" in forms and self._is_noun(text, start, begin, end)):
            meant = not forms["adjective"].needs_person or self._beside_person(text, start, begin, end)
            return "adjective" if meant else None
        if "plural" in forms:
            return "plural"
        meant = not forms["singular"].needs_determiner or bool(self._determiner_nearby.search(text, start, begin))
        return "singular" if meant else None

    def _is_noun(self, text: str, start: int, begin: int, end: int) -> bool:
        return bool(self._determiner.search(text, start, begin) and self._no_noun.match(text, end))

    def _beside_person(self, text: str, start: int, begin: int, end: int) -> bool:
        if text[start:begin].endswith("-"):  # "a sixty-year-old man"
            return False
        if self._before_person.match(text, end):
            return True
        return bool(self._after_person.search(text, start, begin) and self._no_noun.match(text, end))


# Characters before a word that are looked at.
_REACH = 40
_BEING = (
    r"(?:i\s+am|i['’]?m|(?:he|she|who)\s+(?:is|was)|(?:he|she|who)['’]s|i\s+was|(?:we|they|who)\s+(?:are|were)"
    r"|(?:we|they)['’]re|(?:to|of)\s+being|happens?\s+to\s+be|born)"
)
_DETERMINER = (
    r"(?:an?|the|this|that|these|those|every|each|any|some|no|one|another|which|what|my|your|his|her|our|their|fellow)"
)
_NO_NOUN = (
    r"(?:and|or|but|nor|who|whom|whose|that|which|is|was|are|were|am|be|been|has|had|have|can|could|will|would|should"
    r"|may|might|must|do|does|did|said|says|in|on|at|by|for|from|of|with|without|to|as|than|like|if|because|when|while"
    r"|where|since|so|too|either|not|myself|himself|herself|themselves|i|you|he|she|it|we|they|there|here|now|then)"
)


def _any_of(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(re.escape(word) for word in sorted(words, key=len, reverse=True))})"


@functools.cache
def _content() -> dict[str, Any]:
    with resources.as_file(resources.files("retort").joinpath("identity_terms.toml")) as path:
        return read_toml(path, "install the package again")


@functools.cache
def _context() -> _Context:
    adjectives = [spelling for term in identity_terms() for spelling in term.spellings("adjective")]
    context = _content()["context"]
    return _Context(context["people"].split(), [*adjectives, *context["between"].split()])


@functools.cache
def _by_spelling() -> dict[str, dict[Form, IdentityTerm]]:
    """Every spelling in lower case -> the forms that it can be."""
    found: dict[str, dict[Form, IdentityTerm]] = {}
    for term in identity_terms():
        for form in FORMS:
            for spelling in term.spellings(form):
                found.setdefault(spelling.casefold(), {})[form] = term
    return found


@functools.cache
def _pattern() -> re.Pattern[str]:
    # A tree of letters, so that a word that is no term is left at its first or second letter.
    tree: dict[str, Any] = {}
    for spelling in _by_spelling():
        node = tree
        for character in spelling:
            node = node.setdefault(character, {})
        node[""] = {}
    return re.compile(rf"(?<!\w){_expression(tree)}(?!\w)", re.IGNORECASE)


def _expression(tree: Mapping[str, Any]) -> str:
    parts = [
        (r"\s+" if character == " " else re.escape(character)) + _expression(below)
        for character, below in tree.items()
        if character
    ]
    if not parts:
        return ""
    joined = parts[0] if len(parts) == 1 and "" not in tree else f"(?:{'|'.join(parts)})"
    return f"{joined}?" if "" in tree else joined
