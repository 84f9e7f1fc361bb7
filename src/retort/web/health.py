"""For those who run the server: is it alive, is it ready, what has it done."""

from flask import Blueprint, Response, jsonify

from retort.web.metrics import CONTENT_TYPE, Metrics
from retort.web.service import Service


def blueprint(service: Service, metrics: Metrics) -> Blueprint:
    """`/healthz` (200 while the process lives), `/readyz` (200 when it takes requests, else 503), `/metrics`."""
    health = Blueprint("health", __name__)

    @health.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="alive")

    @health.get("/readyz")
    def readyz() -> Response:
        service.require_ready()
        return jsonify(status="ready", arm=service.default)

    @health.get("/metrics")
    def figures() -> Response:
        return Response(metrics.exposition(), content_type=CONTENT_TYPE)

    return health
