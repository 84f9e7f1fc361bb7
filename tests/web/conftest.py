"""A service whose models are a word list, and clients for it: what is tested here is the server."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from retort.attributes import ATTRIBUTES
from retort.config import ServeSettings
from retort.inference.predictor import Answer
from retort.web.app import create_app
from retort.web.service import Service

ARMS = ("odd", "even", "teacher", "tfidf")
INSULT = "idiot"


class WordClassifier:
    """Stands in for a Classifier: an insult makes a text toxic, and question marks alone leave it unsure."""

    attributes = ATTRIBUTES
    thresholds = dict.fromkeys(ATTRIBUTES, 0.5)
    sha256 = "0" * 64
    format = "onnx int8"
    max_length = 128

    def __init__(self, arm: str) -> None:
        self.arm = arm

    def probabilities(self, texts: Sequence[str]) -> Any:
        rows = np.full((len(texts), len(ATTRIBUTES)), 0.02)
        for row, text in zip(rows, texts, strict=True):
            insulting = INSULT in text.lower()
            row[ATTRIBUTES.index("toxicity")] = 0.97 if insulting else 0.03
            row[ATTRIBUTES.index("insult")] = 0.95 if insulting else 0.01
        return rows

    def read(self, texts: Sequence[str]) -> list[Answer]:
        return [self._answer(text, row) for text, row in zip(texts, self.probabilities(texts), strict=True)]

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        return [answer.as_json(index) for index, answer in enumerate(self.read(texts))]

    def _answer(self, text: str, row: Any) -> Answer:
        words = text.split()
        unsure = bool(words) and not text.strip("? ")
        return Answer(
            verdict="unsure" if unsure else "toxic" if row[0] >= 0.5 else "non-toxic",
            threshold=0.5,
            probabilities={name: float(value) for name, value in zip(ATTRIBUTES, row, strict=True)},
            tokens=len(words),
            windows=1 + len(words) // 126,
            truncated=False,
            warnings=("nearly all of its words are unknown to the model",) if unsure else (),
        )


def service_with(settings: ServeSettings, arms: Sequence[str] = ARMS) -> Service:
    """A ready service of word lists."""
    opened = {arm: WordClassifier(arm) for arm in arms}
    service = Service({arm: (lambda a=arm: opened[a]) for arm in arms}, arms[0], settings)  # type: ignore[misc]
    service.start()
    return service


@pytest.fixture
def settings() -> ServeSettings:
    return ServeSettings()


@pytest.fixture
def service(settings: ServeSettings) -> Service:
    return service_with(settings)


@pytest.fixture
def client(service: Service, settings: ServeSettings) -> FlaskClient:
    return create_app(service, settings).test_client()
