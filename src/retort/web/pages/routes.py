"""All pages, with their styles and scripts. Every refusal is a page too: a sentence above the form, which keeps its
values.
"""

from pathlib import Path

from flask import Blueprint, Flask, Response, current_app, send_from_directory
from flask.blueprints import BlueprintSetupState

from retort.config import ServeSettings
from retort.web.pages import api_docs, comment_routes, run_routes, upload_routes
from retort.web.pages.page import Page
from retort.web.pages.uploads import InMemoryRequest
from retort.web.server.answers import described
from retort.web.server.errors import Refusal
from retort.web.server.service import Service

STATIC = Path(__file__).with_name("static")
# Where an application keeps its `Page`, for refusals that are raised outside this blueprint.
_EXTENSION = "retort.page"


def blueprint(service: Service, settings: ServeSettings) -> Blueprint:
    """`/`, `/upload`, `/run`, `/api/docs` and `/static`, for people."""
    pages = Blueprint("pages", __name__)
    page = Page(service, settings)
    pages.record_once(lambda state: _prepare(state, page))
    comment_routes.add_routes(pages, page, service)
    upload_routes.add_routes(pages, page, service, settings)
    run_routes.add_routes(pages, page, service)
    api_docs.add_routes(pages, page, service)

    @pages.get("/static/<name>")
    @described("A style, script or picture of the pages.", {"*/*": {}}, refusals=(404, 500, 503))
    def static(name: str) -> Response:
        return send_from_directory(STATIC, name)

    return pages


def refusal_page(refusal: Refusal) -> Response:
    """Any refusal as a page, with the text that was sent. Needs an application with this blueprint."""
    page: Page = current_app.extensions[_EXTENSION]
    return page.refused(refusal)


def _prepare(state: BlueprintSetupState, page: Page) -> None:
    """Keeps uploads to the application in memory, and its page where `refusal_page` finds it."""
    app = state.app
    assert isinstance(app, Flask)
    app.request_class = InMemoryRequest
    app.extensions[_EXTENSION] = page
