"""The Flask application, assembled from its parts; all that it needs is passed in."""

import logging
import traceback
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

import retort.web.api.routes as api
import retort.web.pages.routes as pages
import retort.web.perspective.routes as perspective
from retort.config import ServeSettings
from retort.inference.predictor import Classifier
from retort.web.server import health
from retort.web.server.answers import JSON
from retort.web.server.errors import Refusal
from retort.web.server.gate import HEADERS, PROGRAMS, REQUEST_ID, ROUTE, Gate
from retort.web.server.metrics import Metrics
from retort.web.server.service import Service

log = logging.getLogger("retort.web")

_MESSAGES = {
    400: "the request cannot be read",
    404: "there is nothing at this address",
    405: "this address does not accept that method",
    413: "the body is too large",
    415: "the body is of a type that is not read here",
}


def create_app(predictor: Classifier | Service, settings: ServeSettings | None = None) -> Flask:
    """The application for one classifier, which is ready at once, or for a service, which is ready once started.

    It has the Perspective routes only where the task's labels have names in that API. Raises ConfigError for
    settings of these routes, which would then have no effect, and what `perspective.blueprint` raises.
    """
    settings = settings or ServeSettings()
    service = predictor if isinstance(predictor, Service) else _service_of(predictor, settings)
    app = Flask("retort.web", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined] # labels keep the task's order
    metrics = Metrics()
    # The OpenAPI document has the routes in this order.
    app.register_blueprint(api.blueprint(service, settings))
    if service.task.perspective_names:
        app.register_blueprint(perspective.blueprint(service, settings))
    else:
        perspective.refuse_settings(service, settings)
    app.register_blueprint(health.blueprint(service, metrics))
    app.register_blueprint(pages.blueprint(service, settings))
    service.on_read = metrics.texts_read
    app.before_request(_note_route)
    app.after_request(_with_headers)
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unforeseen)
    app.wsgi_app = Gate(app.wsgi_app, service, settings, metrics)  # type: ignore[method-assign]
    return app


def _service_of(classifier: Classifier, settings: ServeSettings) -> Service:
    service = Service({classifier.arm: lambda: classifier}, classifier.arm, settings, classifier.task)
    service.start()
    return service


def _note_route() -> None:
    # The rule, never the path: a path may hold anything.
    request.environ[ROUTE] = request.url_rule.rule if request.url_rule else "unknown"


def _with_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _refused(refusal: Refusal) -> Response:
    """In JSON for programs, as a page for people."""
    if not _from_program():
        return pages.refusal_page(refusal)
    body = refusal.as_json(request.path, request.environ[REQUEST_ID])
    return Response(body, refusal.status, refusal.headers, content_type=JSON)


def _http_error(error: HTTPException) -> Any:
    """Flask's own errors as refusals; a redirect stays what it is."""
    status = error.code or 500
    if status < 400:
        return error
    refusal = Refusal(status, _MESSAGES.get(status, error.name.lower()))
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        refusal.headers = refusal.headers | {"Allow": ", ".join(sorted(allowed))}
    return _refused(refusal)


def _unforeseen(error: Exception) -> Response:
    # The place, but not the message: that may quote a comment.
    where = traceback.extract_tb(error.__traceback__)[-1]
    log.error(
        "unforeseen %s in %s:%s %s", type(error).__name__, where.filename, where.lineno, request.environ[REQUEST_ID]
    )
    return _refused(Refusal(500, "something went wrong; the server's log has the request's id"))


def _from_program() -> bool:
    """Whether a refusal is to be JSON: at addresses for programs, and at unknown ones unless HTML is accepted."""
    if request.path.startswith(PROGRAMS):
        return True
    return request.url_rule is None and not request.accept_mimetypes.accept_html
