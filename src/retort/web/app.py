"""The Flask application, put together from its parts; it receives everything and knows no global."""

import logging
import traceback
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from retort.config import ServeSettings
from retort.inference.predictor import Classifier
from retort.web import health, json_api, pages, perspective
from retort.web.errors import Refusal
from retort.web.gate import HEADERS, PROGRAMS, REQUEST_ID, ROUTE, Gate
from retort.web.metrics import Metrics
from retort.web.service import Service

log = logging.getLogger("retort.web")

# Bytes of a form that are read again for the text in its box.
_MOST_TYPED = 400_000
_WORDS = {
    400: "the request cannot be read",
    404: "there is nothing at this address",
    405: "this address does not take that method",
    413: "the body is too large",
    415: "the body is of a type that is not read here",
}


def create_app(predictor: Classifier | Service, settings: ServeSettings | None = None) -> Flask:
    """The application for one classifier, or for a service with several arms.

    A `Service` decides itself when it is ready; a classifier is served at once.
    """
    settings = settings or ServeSettings()
    service = predictor if isinstance(predictor, Service) else _service_of(predictor, settings)
    app = Flask("retort.web")
    app.json.sort_keys = False  # type: ignore[attr-defined] # attributes keep the order that they have everywhere
    metrics = Metrics()
    for part in (pages, json_api, perspective):
        app.register_blueprint(part.blueprint(service, settings))
    app.register_blueprint(health.blueprint(service, metrics))
    service.on_read = metrics.texts_read
    app.before_request(_note_route)
    app.after_request(_with_headers)
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unforeseen)
    app.wsgi_app = Gate(app.wsgi_app, service, settings, metrics)  # type: ignore[method-assign]
    return app


def _service_of(classifier: Classifier, settings: ServeSettings) -> Service:
    service = Service({classifier.arm: lambda: classifier}, classifier.arm, settings)
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
    if not _asked_by_program():
        return pages.refusal_page(refusal, text=_typed())
    body = refusal.as_json(request.path, request.environ[REQUEST_ID])
    return Response(body, refusal.status, refusal.headers, content_type="application/json")


def _typed() -> str:
    """What stood in the page's box, so that it can stand there again; nothing of a body that was too large."""
    if request.method != "POST" or (request.content_length or 0) > _MOST_TYPED:
        return ""
    try:
        return request.form.get("text", "")
    except HTTPException:  # a form of too many parts
        return ""


def _http_error(error: HTTPException) -> Any:
    """Flask's own errors in our shape; a redirect stays what it is."""
    status = error.code or 500
    if status < 400:
        return error
    refusal = Refusal(status, _WORDS.get(status, error.name.lower()))
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        refusal.headers = refusal.headers | {"Allow": ", ".join(sorted(allowed))}
    return _refused(refusal)


def _unforeseen(error: Exception) -> Response:
    # Where it was, but not the message: that may quote a comment.
    where = traceback.extract_tb(error.__traceback__)[-1]
    log.error(
        "unforeseen %s in %s:%s %s", type(error).__name__, where.filename, where.lineno, request.environ[REQUEST_ID]
    )
    return _refused(Refusal(500, "something went wrong here; the log has it under the request's id"))


def _asked_by_program() -> bool:
    if request.path.startswith(PROGRAMS):
        return True
    # An address that is nothing here: whoever does not ask for a page gets JSON.
    return request.url_rule is None and not request.accept_mimetypes.accept_html
