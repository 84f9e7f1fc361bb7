"""/run: the run's comparison with its plots and report, and the cards of its models."""

from flask import Blueprint, Response, request
from markupsafe import Markup

from retort.web.pages import markdown
from retort.web.pages.page import Page
from retort.web.server.answers import described
from retort.web.server.errors import Refusal
from retort.web.server.service import Service

# A longer card or table was not written by retort.
_MAX_CHARACTERS = 2_000_000
_REFUSALS = (404, 500, 503)


def add_routes(pages: Blueprint, page: Page, service: Service) -> None:
    """/run, its plots and report, and /run/card/MODEL."""
    folder = page.folder

    @pages.get("/run")
    @described("How the models compare; of a single model its card.", refusals=_REFUSALS)
    def run() -> Response:
        if not folder.is_run:
            return card(service.default)
        heading, body = "How the models compare", _document(folder.comparison())
        return page.render("run.html", subject=heading, body=body, model=service.default)

    @pages.get("/run/card/<model>")
    @described("The card of one model.", refusals=_REFUSALS)
    def card(model: str) -> Response:
        if model not in service.models:
            raise Refusal(404, "this server has no model of that name")
        body = _document(folder.card(model))
        return page.render("run.html", subject=f"Model card of {model}", body=body, model=model)

    @pages.get("/run/plots/<name>")
    @described("A plot of the comparison.", {"image/png": {}}, refusals=_REFUSALS)
    def plot(name: str) -> Response:
        return Response(folder.plot(name), content_type="image/png", headers={"Cache-Control": "no-cache"})

    @pages.get("/run/report.html")
    @described("The report, as one HTML file to download.", refusals=_REFUSALS)
    def report() -> Response:
        # The file has inline styles, which this server's policy forbids: it is opened from disk.
        disposition = {"Content-Disposition": 'attachment; filename="report.html"'}
        return Response(folder.report(), content_type="text/html; charset=utf-8", headers=disposition)


def _document(source: str) -> Markup:
    return markdown.rendered(source[:_MAX_CHARACTERS], request.script_root)
