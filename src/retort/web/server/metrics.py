"""Counters for Prometheus. The values of their labels come from lists that the program has, never from a request."""

import collections
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Metrics:
    """The metrics of one server, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "retort_requests_total", "Requests answered.", ["route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "retort_request_seconds", "Time to an answer.", ["route"], buckets=_SECONDS, registry=self._registry
        )
        self.in_flight = Gauge("retort_requests_in_flight", "Requests being handled.", registry=self._registry)
        self._texts = Counter("retort_texts_total", "Comments scored.", ["model", "verdict"], registry=self._registry)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Counts one answer. `route` is the rule that matched, as `/api/v1/classify`."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def texts_read(self, model: str, verdicts: Sequence[str]) -> None:
        """Counts comments by the model that read them and its verdict."""
        for verdict, count in collections.Counter(verdicts).items():
            self._texts.labels(model, verdict).inc(count)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)
