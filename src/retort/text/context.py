"""What stands around a word: addresses, code, notes of music."""

import re

# Notes are named A to G (H in German), so these letters with gaps are chords or a scale.
NOTES = re.compile("[A-H]+")
# Addresses, paths and code.
ADDRESS = re.compile(r"://|www\.|@[\w-]+\.|[=%\\]|->|::|\(\)|(?:^|\s)[ur]/")
_NEAR = 100


def in_address(text: str, begin: int, end: int) -> bool:
    """Whether text[begin:end] stands in what, without whitespace, is an address or code."""
    before = text[max(0, begin - _NEAR) : begin].rsplit(None, 1)
    after = text[end : end + _NEAR].split(None, 1)
    # A space next to the span ends the token there.
    first = before[-1] if before and not text[begin - 1].isspace() else ""
    last = after[0] if after and not text[end].isspace() else ""
    return ADDRESS.search(first + text[begin:end] + last) is not None
