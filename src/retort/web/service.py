"""What stands between requests and models: the arms, the queue before them, and the state of the server.

Nothing here knows HTTP. A refusal is raised as `Refusal`, and says so in words of its own.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from retort.config import ServeSettings, nearest
from retort.errors import RetortError
from retort.inference.explain import Highlight, highlights
from retort.inference.predictor import Answer, Classifier
from retort.web.errors import Refusal

log = logging.getLogger("retort.web")

State = Literal["loading", "ready", "failed", "draining"]


class Service:
    """The arms that a server answers with. `open_arm` names each and loads it (checked) when first asked for.

    folder: the run or model folder that is served, for its report and card.

    At most `settings.workers` comments are scored at a time; a request waits for its turn until its deadline.
    """

    def __init__(
        self,
        open_arm: Mapping[str, Callable[[], Classifier]],
        default: str,
        settings: ServeSettings,
        folder: Path | None = None,
    ) -> None:
        self._open_arm = dict(open_arm)
        self._classifiers: dict[str, Classifier] = {}
        self._opening = threading.Lock()
        self._workers = threading.Semaphore(settings.workers)
        self._settings = settings
        self.default = default
        self.folder = folder
        self.state: State = "loading"
        self.on_read: Callable[[str, Sequence[str]], None] = lambda _arm, _verdicts: None

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of all arms, loaded or not."""
        return tuple(self._open_arm)

    def start(self) -> None:
        """Loads the default arm; the server is ready when it returns. Raises RetortError when it is unfit."""
        try:
            self.classifier(self.default)
        except Refusal as refused:
            self.state = "failed"
            raise refused.__cause__ or refused from None
        if self.state == "loading":  # it may have been told to end meanwhile
            self.state = "ready"

    def drain(self) -> None:
        """From now on nothing new is accepted."""
        self.state = "draining"

    def require_ready(self) -> None:
        """Raises Refusal 503 while the server loads, drains, or has failed its self-check."""
        if self.state != "ready":
            words = {
                "loading": "the model is being loaded",
                "failed": "the model failed its self-check",
                "draining": "the server is shutting down",
            }
            raise Refusal(503, f"{words[self.state]}; try again soon", self.state)

    def classifier(self, arm: str | None = None) -> Classifier:
        """A loaded arm. Raises Refusal 422 for one that does not exist, 503 for one that cannot be loaded."""
        name = self.default if arm is None else arm
        if name not in self._open_arm:
            known = ", ".join(self._open_arm)
            raise Refusal(422, f"no arm of that name{nearest(name, self._open_arm)}; there are {known}", field="arm")
        # Whoever wants an arm that is there must not wait for one that is being loaded.
        if name in self._classifiers:
            return self._classifiers[name]
        with self._opening:
            if name not in self._classifiers:
                try:
                    self._classifiers[name] = self._open_arm[name]()
                except RetortError as error:
                    log.error("arm %s: %s", name, error)
                    raise Refusal(503, f"arm {name} cannot be loaded; its server's log says why", "failed") from error
            return self._classifiers[name]

    def describe(self, arm: str) -> dict[str, Any]:
        """What is known of an arm without loading it, and all of it once it is loaded."""
        found = self._classifiers.get(arm)
        if found is None:
            return {"arm": arm, "loaded": False}
        return {
            "arm": arm,
            "loaded": True,
            "format": found.format,
            "sha256": found.sha256,
            "attributes": list(found.attributes),
            "thresholds": found.thresholds,
            "max_length": found.max_length,
        }

    def read(self, texts: Sequence[str], arm: str | None = None, deadline: float | None = None) -> list[Answer]:
        """One answer per text. `deadline` is a `time.monotonic()`; by default the settings' seconds from now.

        Raises Refusal 504 when the deadline passes before all is read.
        """
        classifier = self.classifier(arm)
        ends = self.deadline() if deadline is None else deadline
        with self._turn(ends):
            answers = []
            for text in texts:
                if time.monotonic() > ends:
                    raise self._too_late()
                answers += classifier.read([text])
        self.on_read(classifier.arm, [answer.verdict for answer in answers])
        return answers

    def highlights(self, text: str, arm: str | None = None, deadline: float | None = None) -> list[Highlight]:
        """The words that made the verdict, with offsets in `text`; raises as `read` does."""
        classifier = self.classifier(arm)
        with self._turn(self.deadline() if deadline is None else deadline):
            return highlights(classifier, text)

    def deadline(self) -> float:
        """When a request that comes in now is given up, as `time.monotonic()` counts."""
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
