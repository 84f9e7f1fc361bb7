"""Where the sentences of a comment begin and end, in characters (code points) of the comment as sent."""

import itertools
import re
import unicodedata
from collections.abc import Iterator

from retort.text import is_blank

# Accents, variation selectors, joiners and skin tones belong to the character before them.
_MARKS = "\u0300-\u036f\u20d0-\u20ff\ufe00-\ufe0f\u200d\U0001f3fb-\U0001f3ff"
_CLOSERS = "\"'”’»›)\\]}"
_STOPS = ".!?…‼⁇⁈⁉❓❗"
# A run of stops is matched once, from its first: otherwise a comment of only stops would take seconds.
_BOUNDARY = re.compile(
    rf"(?<![{_STOPS}])(?P<stop>[{_STOPS}]++)[{_MARKS}]*+[{_CLOSERS}{_MARKS}]*+(?=\s)"
    rf"|[。！？｡]++[」』）{_CLOSERS}{_MARKS}]*+"
    r"|[\n\r\x0b\x0c\x85\u2028\u2029]"
)
_LAST_WORD = re.compile(r"[^\W_][\w.'’]*\Z")
# Longer than any abbreviation: how many characters before a full stop are looked at.
_REACH = 24

# Followed by a name, a number or an example, never by a new sentence.
_NEVER_LAST = {
    *("mr", "mrs", "ms", "mx", "dr", "prof", "st", "mt", "gen", "col", "lt", "sgt", "capt", "maj", "rev", "hon"),
    *("sen", "rep", "gov", "pres", "vs", "e.g", "i.e", "cf", "fig", "figs", "pp", "vol", "ch", "sec"),
}
# These may end a sentence; the next word then has a capital.
_SOMETIMES_LAST = {"etc", "inc", "ltd", "co", "corp", "jr", "sr", "al", "a.m", "p.m", "approx", "dept", "est"}


def sentences(text: str) -> list[tuple[int, int]]:
    """Half-open spans (begin, end), in order and without overlap, without the white space around them.

    Together they have every character of the text except white space. A part without words (`!!!`, `-- `) belongs
    to the sentence before it, or to the first one. White space alone has no sentence.
    """
    cuts = [match.end() for match in _BOUNDARY.finditer(text) if _ends(text, match)]
    spans: list[tuple[int, int]] = []
    lead: int | None = None
    last = 0
    for begin, end in _trimmed(text, [0, *cuts, len(text)]):
        last = end
        if _has_words(text[begin:end]):
            spans.append((begin if lead is None else lead, end))
            lead = None
        elif spans:
            spans[-1] = (spans[-1][0], end)
        elif lead is None:
            lead = begin
    return spans if lead is None else [(lead, last)]


def _trimmed(text: str, cuts: list[int]) -> Iterator[tuple[int, int]]:
    for begin, end in itertools.pairwise(cuts):
        while begin < end and text[begin].isspace():
            begin += 1
        while begin < end and text[end - 1].isspace():
            end -= 1
        if begin < end:
            yield begin, end


def _ends(text: str, match: re.Match[str]) -> bool:
    """Whether a sentence ends at a stop: not after `Mr.`, `U.S.`, `J.` or `2.`, nor inside `well... maybe`."""
    stop = match["stop"]
    if stop is None or stop.strip(".…"):
        return True
    following = text[match.end() : match.end() + _REACH].lstrip()[:1]
    if stop != ".":
        return not following.islower()
    word = _LAST_WORD.search(text[max(0, match.start() - _REACH) : match.start()])
    if word is None:
        return True
    before = word[0].lower()
    if before in _SOMETIMES_LAST:
        return following.isupper()
    is_initial = len(before) == 1 and before.isalpha() and before != "i" and word[0].isupper()
    is_acronym = "." in before and all(len(part) == 1 for part in before.split("."))
    is_numbered = before == "no" and following.isdigit()
    return not (
        before in _NEVER_LAST or is_initial or is_acronym or is_numbered or _numbers_a_line(text, match, before)
    )


def _numbers_a_line(text: str, match: re.Match[str], before: str) -> bool:
    begin = match.start() - len(before)
    return before.isdigit() and (begin == 0 or text[begin - 1] in "\n\r")


def _has_words(part: str) -> bool:
    return not is_blank(part) and any(c.isalnum() or unicodedata.category(c) == "So" for c in part)
