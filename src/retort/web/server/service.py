"""The models of a server, the queue for them, and the state of the server.

Nothing here depends on HTTP. A request that cannot be answered raises `Refusal`.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from retort.config import ServeSettings
from retort.errors import RetortError
from retort.inference.explain import Highlight, highlights
from retort.inference.predictor import Answer, Classifier
from retort.strict import nearest
from retort.tasks import Task
from retort.web.server.errors import Refusal

log = logging.getLogger("retort.web")

State = Literal["loading", "ready", "failed", "draining"]

_WHY_NOT_READY = {
    "loading": "the model is being loaded",
    "failed": "the model failed its self-check",
    "draining": "the server is shutting down",
}


class Service:
    """The models that a server answers with, all of one task. `open_model` loads (and checks) each on first use.

    folder: the run or model folder that is served, for its report and cards.

    At most `settings.workers` comments are scored at a time; a request waits for its turn until its deadline.
    """

    def __init__(
        self,
        open_model: Mapping[str, Callable[[], Classifier]],
        default: str,
        settings: ServeSettings,
        task: Task,
        folder: Path | None = None,
    ) -> None:
        self._open_model = dict(open_model)
        self._classifiers: dict[str, Classifier] = {}
        self._opening = threading.Lock()
        self._workers = threading.Semaphore(settings.workers)
        self._settings = settings
        self.default = default
        self.task = task
        self.folder = folder
        self.state: State = "loading"
        self.on_read: Callable[[str, Sequence[str]], None] = lambda _model, _verdicts: None

    @property
    def models(self) -> tuple[str, ...]:
        """Names of all models, loaded or not."""
        return tuple(self._open_model)

    def start(self) -> None:
        """Loads the default model; the server is ready when it returns. Raises RetortError when it is unfit."""
        try:
            self.classifier(self.default)
        except Refusal as refused:
            self.state = "failed"
            raise refused.__cause__ or refused from None
        if self.state == "loading":  # `drain` may have been called meanwhile
            self.state = "ready"

    def drain(self) -> None:
        """From now on nothing new is accepted."""
        self.state = "draining"

    def require_ready(self) -> None:
        """Raises Refusal 503 while the server loads or drains, or after it has failed its self-check."""
        if self.state != "ready":
            raise Refusal(503, f"{_WHY_NOT_READY[self.state]}; try again soon", self.state)

    def classifier(self, model: str | None = None) -> Classifier:
        """A model, loaded. Raises Refusal 422 for one that does not exist, 503 for one that cannot be loaded."""
        name = self.default if model is None else model
        if name not in self._open_model:
            known = ", ".join(self._open_model)
            message = f"no model of that name{nearest(name, self._open_model)}; there are {known}"
            raise Refusal(422, message, field="model")
        # A request for a loaded model must not wait while another one is being loaded.
        if name in self._classifiers:
            return self._classifiers[name]
        with self._opening:
            if name not in self._classifiers:
                self._classifiers[name] = self._opened(name)
            return self._classifiers[name]

    def _opened(self, name: str) -> Classifier:
        try:
            return self._open_model[name]()
        except RetortError as error:
            log.error("model %s: %s", name, error)
            raise Refusal(503, f"model {name} cannot be loaded; see the server's log", "failed") from error

    def loaded(self, model: str) -> Classifier | None:
        """A model if it is loaded already."""
        return self._classifiers.get(model)

    def read(self, texts: Sequence[str], model: str | None = None, deadline: float | None = None) -> list[Answer]:
        """One answer per text. `deadline` is a `time.monotonic()`; by default the settings' seconds from now.

        Raises Refusal 504 when the deadline passes before all is read.
        """
        classifier = self.classifier(model)
        ends = self.deadline() if deadline is None else deadline
        with self._turn(ends):
            answers = []
            for text in texts:
                if time.monotonic() > ends:
                    raise self._too_late()
                answers += classifier.read([text])
        self.on_read(classifier.arm, [answer.verdict for answer in answers])
        return answers

    def highlights(self, text: str, model: str | None = None, deadline: float | None = None) -> list[Highlight]:
        """The words that account for the verdict, with offsets in `text`; raises as `read` does."""
        classifier = self.classifier(model)
        with self._turn(self.deadline() if deadline is None else deadline):
            return highlights(classifier, text)

    def deadline(self) -> float:
        """When a request that arrives now is given up, as `time.monotonic()`."""
        return time.monotonic() + self._settings.deadline_seconds

    @contextmanager
    def _turn(self, ends: float) -> Iterator[None]:
        if not self._workers.acquire(timeout=max(0.0, ends - time.monotonic())):
            raise self._too_late()
        try:
            yield
        finally:
            self._workers.release()

    def _too_late(self) -> Refusal:
        seconds = self._settings.deadline_seconds
        return Refusal(504, f"not answered within {seconds:g} seconds; send fewer or shorter comments", limit=seconds)
