"""The upload of a file of comments, answered with a page or a CSV file."""

from typing import Any

from flask import Blueprint, Response, redirect, request

from retort.config import ServeSettings
from retort.web.pages.forms import MULTIPART
from retort.web.pages.page import Page
from retort.web.pages.uploads import UploadQueue, as_csv, counts
from retort.web.server.answers import HTML, described
from retort.web.server.errors import Refusal
from retort.web.server.gate import UPLOAD
from retort.web.server.service import Service

# Rows of a file that the page shows; the download has all.
_SHOWN_ROWS = 100
_FIELDS = {"file": {"type": "string", "format": "binary"}, "download": {"const": "1"}}


def add_routes(pages: Blueprint, page: Page, service: Service, settings: ServeSettings) -> None:
    """/upload, by POST; by GET it leads back to the form."""
    queue = UploadQueue(service, settings)

    @pages.post(UPLOAD)
    @described(
        "The verdicts on the form's file, as a page or as CSV to download.",
        {**HTML, "text/csv": {"type": "string"}},
        refusals=(411, 413, 415, 422, 429, 500, 503, 504),
        request={MULTIPART: page.forms.schema("file", **_FIELDS)},
    )
    def upload() -> Response:
        form = page.forms.posted()
        try:
            form = page.forms.checked_post(form)
            content, name = _file()
            rows = queue.score(content, name, form.model, form.threshold)
        except Refusal as refusal:
            return page.refused(refusal, form)
        if request.form.get("download"):
            return _download(as_csv(rows, service.classifier(form.model)))
        return page.front(form, file={"rows": rows[:_SHOWN_ROWS], "all": len(rows), "counts": counts(rows)})

    @pages.get(UPLOAD)
    @described("Back to the form.", refusals=(500, 503), status=302)
    def upload_reloaded() -> Any:
        return redirect(f"{request.script_root}/")


def _file() -> tuple[bytes, str]:
    """The uploaded file and its name; both empty when there is none."""
    file = request.files.get("file")
    return (b"", "") if file is None else (file.read(), file.filename or "")


def _download(content: bytes) -> Response:
    disposition = {"Content-Disposition": 'attachment; filename="verdicts.csv"'}
    return Response(content, content_type="text/csv; charset=utf-8", headers=disposition)
