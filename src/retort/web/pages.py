"""The page that people see: a comment and its verdict, a whole file, the run. It works without JavaScript.

Every refusal of the server is said here in words, with what was typed still in its box.
"""

import math
import re
import urllib.parse
from dataclasses import dataclass, replace
from typing import Any

import jinja2
from flask import Blueprint, Flask, Response, current_app, redirect, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import RequestEntityTooLarge

from retort.config import ServeSettings
from retort.inference.predictor import VERDICTS
from retort.text import is_blank
from retort.web import run_pages, uploads
from retort.web.errors import Refusal
from retort.web.gate import REFUSAL, REQUEST_ID, UPLOAD
from retort.web.run_pages import Folder
from retort.web.service import Service
from retort.web.verdicts import judge

# Where an application keeps its page, for refusals that come from outside this file.
_EXTENSION = "retort.page"
# Rows of a file that the page shows; the download has all.
_SHOWN_ROWS = 100
# What a form holds beside its file.
_BESIDE_FILE = 65_536
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
# Characters that HTML cannot hold, or that nobody sees.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TITLES = {
    404: "Nothing here",
    405: "That is not how this works",
    411: "The length is missing",
    413: "Too large",
    415: "Not a kind of text that is read here",
    422: "One thing to change first",
    429: "Busy just now",
    500: "A mistake on this side",
    503: "Not ready just now",
    504: "It took too long",
}


@dataclass(frozen=True)
class Form:
    """What was typed and chosen. threshold: None leaves each arm its own."""

    text: str
    arm: str
    threshold: float | None = None


def blueprint(service: Service, settings: ServeSettings) -> Blueprint:
    """`/`, `/upload` and `/run`, for people."""
    pages = Blueprint("pages", __name__, static_folder="static", static_url_path="/static")
    page = _Page(service, settings)
    desk = uploads.Desk(service, settings)
    pages.record_once(lambda state: _move_in(state, page))

    @pages.get("/")
    def comment() -> Response:
        form = page.typed(request.args)
        try:
            _raise_refusal_of_gate()
            return page.front(replace(form, threshold=_threshold(request.args)))
        except Refusal as refusal:
            return page.refused(refusal, form)

    @pages.post("/")
    def verdict() -> Response:
        form = page.posted()
        try:
            _raise_refusal_of_gate()
            _require_form()
            form = page.checked(form)
            _require_comment(form.text, settings)
            judgement = judge(service, form.text, form.arm, form.threshold)
        except Refusal as refusal:
            return page.refused(refusal, form)
        return page.front(form, judgement=judgement)

    @pages.post(UPLOAD)
    def upload() -> Response:
        form = page.posted()
        try:
            _raise_refusal_of_gate()
            _require_form()
            form = page.checked(form)
            file = request.files.get("file")
            content, name = (b"", "") if file is None else (file.read(), file.filename or "")
            rows = desk.score(content, name, form.arm, form.threshold)
        except Refusal as refusal:
            return page.refused(refusal, form)
        if request.form.get("download"):
            return _download(uploads.as_csv(rows, service.classifier(form.arm).attributes))
        return page.front(form, file={"rows": rows[:_SHOWN_ROWS], "all": len(rows), "counts": uploads.counts(rows)})

    @pages.get(UPLOAD)
    def upload_reloaded() -> Any:
        return redirect(f"{request.script_root}/")

    run_pages.add_routes(pages, service, page.folder, page.render)
    return pages


def refusal_page(refusal: Refusal, text: str = "") -> Response:
    """Any refusal in words, with the form and `text` in its box. Needs the application that has this blueprint."""
    page: _Page = current_app.extensions[_EXTENSION]
    return page.refused(refusal, page.form(text))


def _move_in(state: BlueprintSetupState, page: "_Page") -> None:
    app = state.app
    assert isinstance(app, Flask)
    app.request_class = uploads.InMemoryRequest
    app.extensions[_EXTENSION] = page


class _Page:
    """Makes every page out of what is served."""

    def __init__(self, service: Service, settings: ServeSettings) -> None:
        self._service = service
        self._settings = settings
        self._templates = _environment()
        self.folder = Folder(service.folder)

    def form(self, text: str = "") -> Form:
        """Nothing chosen yet."""
        return Form(text, self._service.default)

    def typed(self, values: Any) -> Form:
        """What can be taken as it is; what cannot is found by `checked`."""
        text = values.get("text", "").replace("\r\n", "\n").replace("\r", "\n")
        arm = values.get("arm", "")
        return Form(text, arm if arm in self._service.arms else self._service.default)

    def posted(self) -> Form:
        """As `typed`, of the request's body; also of one that is about to be refused, to keep its text."""
        most = self._settings.upload_bytes + _BESIDE_FILE
        if (request.content_length or 0) > most:
            return self.form()
        request.max_form_memory_size = most
        try:
            if request.mimetype == _FORMS[0]:
                request.get_data()  # kept, for a look at the bytes themselves
            return self.typed(request.form)
        except RequestEntityTooLarge:
            request.environ.setdefault(REFUSAL, Refusal(413, "the form has more parts than the page's own"))
            return self.form()

    def checked(self, form: Form) -> Form:
        """The form with its threshold. Raises Refusal 422 for an arm or threshold that cannot be."""
        asked = request.form.get("arm") or None
        self._service.classifier(asked)
        return replace(form, threshold=_threshold(request.form))

    def front(
        self, form: Form, status: int = 200, *, judgement: Any = None, file: Any = None, refusal: Refusal | None = None
    ) -> Response:
        """The form, with whatever came of it."""
        title = "Retort" if judgement is None else f"{VERDICTS[judgement.reading.verdict]} – Retort"
        if refusal is not None:
            title = f"{_TITLES.get(refusal.status, 'Not possible')} – Retort"
        values = {"form": form, "judgement": judgement, "file": file, "refusal": refusal}
        return self.render("front.html", status, title=title, arm=form.arm, **values)

    def refused(self, refusal: Refusal, form: Form) -> Response:
        """The refusal above the form, with its status and headers."""
        response = self.front(form, refusal.status, refusal=refusal)
        response.headers.update(refusal.headers)
        return response

    def render(self, template: str, status: int = 200, *, arm: str, **values: Any) -> Response:
        """A template with what all pages show; `arm` is the one whose figures stand beside it."""
        about = self._service.describe(arm)
        primary = (about.get("attributes") or ["toxicity"])[0]
        html = self._templates.get_template(template).render(
            values,
            arm=arm,
            about=about,
            primary=primary,
            own_threshold=about["thresholds"][primary] if about["loaded"] else None,
            arms=self._service.arms,
            figures=self.folder.figures(arm, primary),
            has_run=self.folder.is_run,
            settings=self._settings,
            root=request.script_root,
            titles=_TITLES,
            request_id=request.environ.get(REQUEST_ID, ""),
        )
        return Response(html, status, content_type="text/html; charset=utf-8")


def _raise_refusal_of_gate() -> None:
    refusal = request.environ.get(REFUSAL)
    if refusal is not None:
        raise refusal


def _require_form() -> None:
    if request.mimetype not in _FORMS:
        raise Refusal(415, "this address takes what the page's form sends; programs use /api/v1/classify")
    if request.mimetype == _FORMS[0]:
        try:
            urllib.parse.unquote_to_bytes(request.get_data()).decode()
        except UnicodeDecodeError as error:
            message = "the comment holds bytes that are no text in UTF-8 (half of a character, perhaps)"
            raise Refusal(422, message, "not_utf8", field="text") from error


def _require_comment(text: str, settings: ServeSettings) -> None:
    if len(text) > settings.characters:
        limit = settings.characters
        message = f"the comment has {len(text):,} characters; at most {limit:,} are read"
        raise Refusal(422, message, field="text", limit=limit)
    if is_blank(text):
        raise Refusal(422, "the comment is blank; type something to judge", field="text")


def _threshold(values: Any) -> float | None:
    """The threshold that was chosen; None when the slider stands where the model's own threshold put it."""
    given = values.get("threshold", "").strip()
    if not given:
        return None
    threshold = _number(given)
    if not 0 <= threshold <= 1:
        raise Refusal(422, "the threshold is a number from 0 to 1", field="threshold")
    return None if threshold == _number(values.get("own_threshold", "")) else threshold


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _download(content: bytes) -> Response:
    disposition = {"Content-Disposition": 'attachment; filename="verdicts.csv"'}
    return Response(content, content_type="text/csv; charset=utf-8", headers=disposition)


def _environment() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("retort.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {"VERDICTS": VERDICTS, "version": run_pages.version()}
    found.filters |= {
        "apart": _apart,
        "probability": _probability,
        "sentence": _sentence,
        "spoken": lambda number: number.replace("<", "under").replace(">", "over"),
        "threshold": _exact,
        "words": lambda name: name.replace("_", " "),
        "visible": lambda text: _CONTROLS.sub("\ufffd", text),
    }
    return found


def _probability(value: float) -> str:
    """`0.97`; what is not quite 0 or 1 is not called so."""
    if 0 < value < 0.005:
        return "< 0.01"
    return "> 0.99" if 0.995 <= value < 1 else f"{value:.2f}"


def _exact(threshold: float) -> str:
    """`0.50`, `0.4837`."""
    whole, _, decimals = f"{threshold:.4f}".partition(".")
    return f"{whole}.{decimals.rstrip('0'):0<2}"


def _apart(value: float, threshold: float) -> str:
    """As `_probability`, with as many decimals (up to 6) as show on which side of the threshold it is."""
    for decimals in range(2, 7):
        text = f"{value:.{decimals}f}"
        if (float(text) >= threshold) == (value >= threshold):
            return _probability(value) if decimals == 2 else text
    return text


def _sentence(message: str) -> str:
    """A refusal's message as a sentence."""
    return f"{message[:1].upper()}{message[1:]}" + ("" if message.endswith((".", "?", "!")) else ".")
