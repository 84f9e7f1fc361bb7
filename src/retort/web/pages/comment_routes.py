"""The first page: a comment and its verdict. It works without JavaScript."""

from flask import Blueprint, Response, request

from retort.web.pages.forms import MULTIPART, URL_ENCODED
from retort.web.pages.page import Page
from retort.web.pages.verdicts import judge
from retort.web.server.answers import described
from retort.web.server.errors import Refusal
from retort.web.server.service import Service


def add_routes(pages: Blueprint, page: Page, service: Service) -> None:
    """/, by GET and POST."""
    forms = page.forms

    @pages.get("/")
    @described("The form for a comment.", refusals=(422, 500, 503), query=forms.choices)
    def comment() -> Response:
        form = forms.read(request.args)
        try:
            return page.front(forms.checked(form, request.args))
        except Refusal as refusal:
            return page.refused(refusal, form)

    @pages.post("/")
    @described(
        "The verdict on the form's comment.",
        refusals=(411, 413, 415, 422, 429, 500, 503, 504),
        request=dict.fromkeys((URL_ENCODED, MULTIPART), forms.schema("text")),
    )
    def verdict() -> Response:
        form = forms.posted()
        try:
            form = forms.checked_post(form)
            forms.require_comment(form.text)
            judgement = judge(service, form.text, form.model, form.threshold)
        except Refusal as refusal:
            return page.refused(refusal, form)
        return page.front(form, judgement=judgement)
