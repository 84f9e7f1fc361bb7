"""Routes for operators: whether the process is alive, whether it is ready, and its metrics."""

from typing import Literal

from flask import Blueprint, Response
from pydantic import BaseModel

from retort.web.server.answers import JSON, JSON_ERROR, described, json_answer
from retort.web.server.metrics import CONTENT_TYPE, Metrics
from retort.web.server.service import Service


class Alive(BaseModel):
    """The process runs."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """The server takes requests. arm: the former name of `model`."""

    status: Literal["ready"] = "ready"
    model: str
    arm: str


def blueprint(service: Service, metrics: Metrics) -> Blueprint:
    """`/healthz` (200 while the process lives), `/readyz` (200 when it takes requests, else 503), `/metrics`."""
    health = Blueprint("server", __name__)

    @health.get("/healthz")
    @described("Whether the process is alive.", {JSON: Alive}, JSON_ERROR)
    def healthz() -> Response:
        return json_answer(Alive())

    @health.get("/readyz")
    @described("Whether requests are taken.", {JSON: Ready}, JSON_ERROR, (500, 503))
    def readyz() -> Response:
        service.require_ready()
        return json_answer(Ready(model=service.default, arm=service.default))

    @health.get("/metrics")
    @described("Metrics in Prometheus' text format.", {"text/plain": {"type": "string"}}, JSON_ERROR)
    def exposition() -> Response:
        return Response(metrics.exposition(), content_type=CONTENT_TYPE)

    return health
