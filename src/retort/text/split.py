"""Version 2: words split by signs or emoji (`st.u.pid`)."""

import re
from collections.abc import Iterator

from retort.text.context import NOTES, in_address
from retort.text.edits import Edit
from retort.text.first import LONGEST_ACRONYM
from retort.text.frequencies import count, is_common, matching

_EMOJI = "\u2190-\u21ff\u2300-\u27bf\u2b00-\u2bff\ufe0f\u200d\U0001f000-\U0001faff"
_SPLIT = re.compile(
    rf"(?<![\w.'’@&/#:*·•~^|+\\-])[A-Za-z]+(?:(?:[.\-_*~^|+\\]|[{_EMOJI}]+)[A-Za-z]+)+(?![\w'’@&/:(=*·•~^|\\]|\.\w)"
)
_SPLIT_HINT = re.compile(rf"[.\-_*~^|+\\{_EMOJI}](?<=[A-Za-z].)(?:[{_EMOJI}]*)(?=[A-Za-z])")
_GAPS = re.compile("[^A-Za-z]+")
# What is written with a hyphen or not, as people like.
_PREFIXES = frozenset(
    re.findall(
        r"\w+",
        """
        anti auto bi bio co counter cyber de dis down e eco electro en ex extra fore hyper il im in infra inter
        intra ir macro mega meta micro mid mini mis mono multi neo neuro non off on out over para photo poly post
        pre pro pseudo psycho quasi re retro self semi socio sub super tele thermo trans tri ultra un under uni up
        vice x
        """,
    )
)
_FILE_ENDINGS = frozenset(
    re.findall(
        r"\w+",
        """
        ai app at au be bin biz br bz ca cc cfg ch cn co com conf css csv cz dat de dev dk doc docx edu es eu exe
        fi fm fr gd ge gif gl go gov gr gs gz hk hr htm html hu id ie il im in info ini int io is it java jpeg jpg
        jp js json kr la li log lt lu lv ly md me mil mk mp mx my net nl no nu nz org pdf ph php pk pl png pt py
        rb re ro rs ru sc se sg sh si sk so st su svg to toml tr tt ts tv tw txt ua uk us vc vn wav ws xml xyz yaml
        yml za zip
        """,
    )
)


_HYPHENATED = frozenset({"rendezvous", "tidbit", "tidbits"})


def split_words(text: str) -> Iterator[Edit]:
    """`st.u.pid`, `id-iot`: signs or emoji inside what is a word without them, where the parts are not all words."""
    if not _SPLIT_HINT.search(text):
        return
    for match in _SPLIT.finditer(text):
        parts = _GAPS.split(match[0])
        if _is_one_word(parts, match[0]) and not in_address(text, *match.span()):
            for gap in _GAPS.finditer(match[0]):
                yield match.start() + gap.start(), match.start() + gap.end(), ""


def _is_one_word(parts: list[str], written: str) -> bool:
    word = "".join(parts)
    if not 4 <= len(word) <= 30 or not is_common(word) or _is_written_so(word, parts, written):
        return False
    return not all(map(_is_ordinary, parts)) and not any(len(part) >= 4 and count(part) for part in parts)


def _is_written_so(word: str, parts: list[str], written: str) -> bool:
    """Whether the signs have another reason than to hide the word."""
    # A full stop without its space, Ph.D., names in code; notes.
    if not (word.isupper() or word[1:].islower()) or NOTES.fullmatch(word):
        return True
    # A slip for the apostrophe.
    if len(parts) == 2 and parts[1].lower() == "s":
        return True
    if "-" in written and _is_hyphenated(parts):
        return True
    if "." in written and (parts[-1].lower() in _FILE_ENDINGS or (word.isupper() and len(word) <= LONGEST_ACRONYM)):
        return True
    return word.lower() in _HYPHENATED or ("*" in written and bool(matching(written.lower())))


def _is_hyphenated(parts: list[str]) -> bool:
    """Whether a hyphen is usual there: after a prefix, beside a word, after one letter (U-turn, a stammer, a pun)."""
    if parts[0].lower() in _PREFIXES or (len(parts) == 2 and len(parts[0]) == 1):
        return True
    return any(len(part) >= 3 and is_common(part, 1000) for part in parts)


def _is_ordinary(part: str) -> bool:
    return part.lower() in ("a", "i") if len(part) == 1 else is_common(part, 1000 if len(part) == 2 else 1)
