"""What all pages share: the templates and their values, and how a refusal is shown."""

import re
from typing import Any

import jinja2
from flask import Response, request

from retort.config import DECISION_THRESHOLD, ServeSettings
from retort.provenance import version
from retort.tasks import Task
from retort.web.pages import numbers
from retort.web.pages.forms import Form, Forms
from retort.web.pages.run_folder import Folder
from retort.web.server.errors import Refusal
from retort.web.server.gate import REQUEST_ID
from retort.web.server.service import Service

# Characters that HTML cannot contain, or that are invisible.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_OTHER = "Not possible"
_TITLES = {
    404: "Not found",
    405: "Method not allowed",
    411: "Length required",
    413: "Too large",
    415: "Unsupported type",
    422: "Please correct this",
    429: "Busy right now",
    500: "Internal error",
    503: "Not ready yet",
    504: "Took too long",
}


class Page:
    """Renders every page of one server."""

    def __init__(self, service: Service, settings: ServeSettings) -> None:
        self._service = service
        self._settings = settings
        self._templates = environment(service.task)
        self.forms = Forms(service, settings)
        self.folder = Folder(service.folder)

    def front(
        self, form: Form, status: int = 200, *, judgement: Any = None, file: Any = None, refusal: Refusal | None = None
    ) -> Response:
        """The form, with its verdict, its file's verdicts or its refusal."""
        subject = ""
        if judgement is not None:
            subject = self._service.task.words[judgement.reading.verdict]
        if refusal is not None:
            subject = _TITLES.get(refusal.status, _OTHER)
        values = {"form": form, "judgement": judgement, "file": file, "refusal": refusal, "subject": subject}
        return self.render("front.html", status, model=form.model, **values)

    def refused(self, refusal: Refusal, form: Form | None = None) -> Response:
        """The refusal above the form, with its status and headers; `form` is by default the one that was sent."""
        if form is None:
            form = self.forms.posted() if request.method == "POST" else self.forms.read({})
        response = self.front(form, refusal.status, refusal=refusal)
        response.headers.update(refusal.headers)
        return response

    def render(self, template: str, status: int = 200, *, model: str, **values: Any) -> Response:
        """A template, with the values of all pages; `model` is the one whose figures are shown beside it."""
        loaded, task = self._service.loaded(model), self._service.task
        primary = task.primary if loaded is None else loaded.primary
        html = self._templates.get_template(template).render(
            values,
            model=model,
            loaded=loaded,
            own_threshold=DECISION_THRESHOLD if loaded is None else loaded.thresholds[primary],
            models=self._service.models,
            figures=self.folder.figures(model, primary),
            has_run=self.folder.is_run,
            settings=self._settings,
            root=request.script_root,
            request_id=request.environ.get(REQUEST_ID, ""),
        )
        return Response(html, status, content_type="text/html; charset=utf-8")


def environment(task: Task) -> jinja2.Environment:
    """All templates, for the labels and words of one task."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("retort.web.pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {"task": task, "version": version()}
    found.filters |= {
        "apart": numbers.apart,
        "label": task.title,
        "probability": numbers.probability,
        "sentence": numbers.sentence,
        "spoken": numbers.spoken,
        "threshold": numbers.threshold,
        "visible": lambda text: _CONTROLS.sub("\ufffd", text),
    }
    return found
