"""The page that shows the OpenAPI document, with Swagger UI from this server's own files."""

from importlib import resources

from flask import Blueprint, Response

from retort.web.pages.page import Page
from retort.web.server.answers import HTML, JSON_ERROR, described
from retort.web.server.errors import Refusal
from retort.web.server.service import Service

# File -> (its folder in flask-openapi-swagger, its media type).
_FILES = {
    "swagger-ui.css": ("css", "text/css; charset=utf-8"),
    "swagger-ui-bundle.js": ("js", "text/javascript; charset=utf-8"),
}
# Swagger UI writes styles into its own elements; no other page may.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def add_routes(pages: Blueprint, page: Page, service: Service) -> None:
    """/api/docs and its files."""

    @pages.get("/api/docs")
    @described("The documentation of the API.", HTML, JSON_ERROR, (500, 503))
    def docs() -> Response:
        response = page.render("swagger.html", model=service.default)
        response.headers["Content-Security-Policy"] = _POLICY
        return response

    @pages.get("/api/docs/<name>")
    @described("A file of Swagger UI.", {"*/*": {}}, JSON_ERROR, (404, 500, 503))
    def swagger_file(name: str) -> Response:
        if name not in _FILES:
            raise Refusal(404, "the documentation has no such file")
        folder, content_type = _FILES[name]
        file = resources.files("flask_openapi_swagger").joinpath("templates", "swagger", folder, name)
        return Response(file.read_bytes(), content_type=content_type)
