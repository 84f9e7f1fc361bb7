"""A service whose models are a word list, and clients for it: what is tested here is the server."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from retort.config import ServeSettings
from retort.inference.folders import primary_of
from retort.inference.predictor import Answer
from retort.tasks import Outcome, Task, default_task
from retort.text import VERSION
from retort.web.app import create_app
from retort.web.server.service import Service

MODELS = ("odd", "even", "teacher", "tfidf")
TASK = default_task()
SPAM = Task.model_validate(
    {
        "name": "spam",
        "primary": "spam",
        "meaning": "It advertises something that nobody asked for.",
        "verdict": {"positive": "Spam", "negative": "Not spam"},
        "labels": [{"name": "spam"}, {"name": "money_bait", "title": "promises of money"}],
        "columns": {"text": ["message", "Text"]},
    }
)
INSULT = "idiot"


class WordClassifier:
    """A substitute for `Classifier`: an insult makes a text positive, and question marks alone leave it unsure."""

    attributes: tuple[str, ...] = TASK.names
    sha256 = "0" * 64
    format = "onnx int8"
    max_length = 128
    normaliser_version = VERSION

    def __init__(self, arm: str, task: Task = TASK) -> None:
        self.arm = arm
        self.task = task
        if task is not TASK:
            self.attributes = task.names
        self.thresholds = dict.fromkeys(self.attributes, 0.5)

    @property
    def primary(self) -> str:
        return primary_of(self.task, self.attributes)

    def probabilities(self, texts: Sequence[str]) -> Any:
        rows = np.full((len(texts), len(self.attributes)), 0.02)
        for row, text in zip(rows, texts, strict=True):
            insulting = INSULT in text.lower()
            row[0] = 0.97 if insulting else 0.03
            if "insult" in self.attributes:
                row[self.attributes.index("insult")] = 0.95 if insulting else 0.01
        return rows

    uncalibrated = probabilities

    def read(self, texts: Sequence[str]) -> list[Answer]:
        return [self._answer(text, row) for text, row in zip(texts, self.probabilities(texts), strict=True)]

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        return [answer.as_json(index) for index, answer in enumerate(self.read(texts))]

    def _answer(self, text: str, row: Any) -> Answer:
        words = text.split()
        unsure = bool(words) and not text.strip("? ")
        outcome: Outcome = "unsure" if unsure else "positive" if row[0] >= 0.5 else "negative"
        return Answer(
            outcome=outcome,
            verdict=self.task.keys[outcome],
            threshold=0.5,
            probabilities={name: float(value) for name, value in zip(self.attributes, row, strict=True)},
            tokens=len(words),
            windows=1 + len(words) // 126,
            truncated=False,
            warnings=("nearly all of its words are unknown to the model",) if unsure else (),
        )


def service_with(settings: ServeSettings, models: Sequence[str] = MODELS, task: Task = TASK) -> Service:
    """A ready service of word lists."""
    opened = {name: WordClassifier(name, task) for name in models}
    service = Service({name: (lambda n=name: opened[n]) for name in models}, models[0], settings, task)  # type: ignore[misc]
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
