"""Files of comments: what is read, what is refused, and what comes back."""

import contextlib
import csv
import io
import tempfile
import threading
from typing import Any

import pytest
import werkzeug.formparser
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from retort.config import ServeSettings
from retort.web.app import create_app
from retort.web.pages.upload_file import read_comments
from retort.web.pages.uploads import defused
from retort.web.server.errors import Refusal
from tests.web.conftest import INSULT, TASK, WordClassifier, service_with
from tests.web.elements import Page

SETTINGS = ServeSettings()


def sent(client: FlaskClient, content: bytes, name: str = "comments.csv", **form: str) -> Any:
    return client.post("/upload", data={"file": (io.BytesIO(content), name), **form})


def shown(client: FlaskClient, content: bytes, name: str = "comments.csv", status: int = 200, **form: str) -> Page:
    answer = sent(client, content, name, **form)
    assert answer.status_code == status, answer.text
    return Page(answer.text)


def downloaded(client: FlaskClient, content: bytes, name: str = "comments.csv", **form: str) -> list[dict[str, str]]:
    answer = sent(client, content, name, download="1", **form)
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="verdicts.csv"'
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))


def texts(content: bytes, name: str = "a.csv") -> list[str]:
    return [comment.text for comment in read_comments(content, name, TASK, SETTINGS)]


# --- what comes back ---


def test_a_csv_is_shown_as_a_table_with_counts_by_verdict(client: FlaskClient) -> None:
    page = shown(client, f"id,text\na,you {INSULT}\nb,lovely\nc,????\n".encode())
    assert page.one("ul", class_="counts").words == "1 Toxic 1 Non-Toxic 1 Unsure"
    rows = page.one("table", class_="rows").words
    assert f"1 Toxic 0.97 you {INSULT}" in rows.replace("Row Verdict Probability Comment", "")
    assert "2 Non-Toxic 0.03 lovely" in rows


def test_the_download_has_every_row_with_every_attribute(client: FlaskClient) -> None:
    rows = downloaded(client, f'id,text\na,"you, {INSULT}"\nb,"two\nlines 🙂"\nc,\n'.encode())
    assert list(rows[0]) == ["id", "text", "verdict", *TASK.names, "note"]
    assert [row["id"] for row in rows] == ["a", "b", "c"]
    assert [row["verdict"] for row in rows] == ["toxic", "non-toxic", ""]
    assert rows[0]["text"] == f"you, {INSULT}"
    assert rows[1]["text"] == "two\nlines 🙂"
    assert float(rows[0]["toxicity"]) == 0.97
    assert rows[2]["note"] == "not read: is blank"
    assert rows[2]["toxicity"] == ""


def test_only_the_first_hundred_rows_are_shown_with_a_note(client: FlaskClient) -> None:
    page = shown(client, b"text\n" + b"hello\n" * 101)
    assert len(page.find("th", scope="row")) == 100
    assert "The first 100 rows." in page.one("section", id="table").words
    assert "101 comments from the file" in page.one("section", id="table").words


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_a_spreadsheet_would_run_is_quoted(client: FlaskClient, start: str) -> None:
    cell = f"{start}HYPERLINK(1)"
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["id", "text"], [cell, cell]])
    (row,) = downloaded(client, out.getvalue().encode())
    assert row["text"] == row["id"] == f"'{cell}"


@given(st.text())
def test_no_cell_ever_begins_a_formula(cell: str) -> None:
    assert not defused(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert defused(cell) in (cell, f"'{cell}")


def test_the_chosen_model_and_threshold_hold_for_the_file(client: FlaskClient) -> None:
    (row,) = downloaded(client, f"text\n{INSULT}\n".encode(), model="even", threshold="0.99")
    assert row["verdict"] == "non-toxic"


def test_the_text_in_the_box_stays_through_an_upload(client: FlaskClient) -> None:
    for page in (shown(client, b"text\na\n", text="typed"), shown(client, b"", status=422, text="typed")):
        assert page.one("textarea").text.strip() == "typed"


def test_a_text_of_the_file_is_never_markup(client: FlaskClient) -> None:
    page = shown(client, b"text\n<script>alert(1)</script>\n")
    assert len(page.find("script")) == 1
    assert "<script>alert(1)</script>" in page.one("table", class_="rows").text


def test_reloading_the_page_of_an_upload_redirects_to_the_start(client: FlaskClient) -> None:
    answer = client.get("/upload")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/"


# --- what is read ---


@pytest.mark.parametrize(
    "content",
    [
        b"text\none\ntwo\n",
        b"\xef\xbb\xbfComment_Text;n\r\none;1\r\ntwo;2\r\n",
        b'n\t"text"\n1\tone\n2\ttwo\n',
        b'"a,text";text\n1;one\n2;two\n',
        "text,n\none,1\n\ntwo,2\n".encode("utf-16"),
    ],
)
def test_known_headers_are_found_whatever_the_dialect(content: bytes) -> None:
    assert texts(content) == ["one", "two"]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_a_plain_text_is_one_comment_a_line(ends: str) -> None:
    content = ends.join(["one, with text", "", "  ", "two"]).encode()
    assert texts(content, "a.txt") == ["one, with text", "two"]
    assert [comment.number for comment in read_comments(content, "a.txt", TASK, SETTINGS)] == [1, 4]


def test_rows_with_a_fault_are_kept_with_their_fault() -> None:
    comments = read_comments(
        b"id,text\na,fine\nb,an, unquoted comma\nc\nd, \ne," + b"x" * 20_001 + b"\n", "a.csv", TASK, SETTINGS
    )
    assert [comment.fault for comment in comments] == [
        "",
        "has 3 cells; the header has 2",
        "has 1 cell; the header has 2",
        "is blank",
        "has over 20,000 characters",
    ]


@pytest.mark.parametrize(
    ("content", "name", "status", "message"),
    [
        (b"", "", 422, "choose a file"),
        (b"text\n\n \n", "a.csv", 422, "no comment that can be read"),
        (b'"a,text"\nb,c\n', "a.csv", 422, "has no column text or comment_text"),
        (b"author,words\na,b\n", "a.csv", 422, "has no column text or comment_text"),
        (b'text\nfine\n"never closed\nand more\n', "a.csv", 422, "cannot be read as CSV near row 2"),
        ("text\nd\xe9j\xe0 vu\n".encode("latin-1"), "a.csv", 422, "is not UTF-8 (byte 6)"),
        (b"PK\x03\x04\x00\x00\xff\xfe rest of a workbook", "a.xlsx", 415, "is not text"),
        (b"text\nwith \x00 in it\n", "a.csv", 415, "is not text"),
        (b"x" * 5_000_001, "a.txt", 413, "has 5,000,001 bytes; the limit is 5,000,000"),
        (b"text\n" + b"a\n" * 10_001, "a.csv", 413, "has more than 10,000 rows"),
        (b"a\n" * 10_001, "a.txt", 413, "has more than 10,000 rows"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_sentence(
    content: bytes, name: str, status: int, message: str
) -> None:
    with pytest.raises(Refusal) as refused:
        read_comments(content, name, TASK, SETTINGS)
    assert refused.value.status == status
    assert message in refused.value.message
    assert refused.value.field == "file"


def test_the_refusal_of_a_file_belongs_to_its_field(client: FlaskClient) -> None:
    page = shown(client, b"author,words\na,b\n", status=422)
    assert "has no column text or comment_text" in page.one(role="alert").words
    assert page.one(id="file").attributes["aria-describedby"] == "problem"


def test_no_refusal_quotes_the_file() -> None:
    for content, name in ((b"canary,canary\n", "a.csv"), (b'text\n"canary\n', "a.csv"), (b"canary\xff", "a.txt")):
        with pytest.raises(Refusal) as refused:
            read_comments(content, name, TASK, SETTINGS)
        assert "canary" not in refused.value.message


def test_a_file_may_have_all_its_bytes_and_the_form_beside_it_all_of_its_own() -> None:
    settings = ServeSettings(upload_bytes=2_000, body_bytes=1_500)
    client = create_app(service_with(settings), settings).test_client()
    file, text = b"text\n" + b"a\n" * 997, "t" * 1_000
    assert len(file) == 1_999
    assert sent(client, file, text=text).status_code == 200
    page = shown(client, b"x" * 2_001, status=413, text=text)
    assert "The file has 2,001 bytes; the limit is 2,000." in page.one(role="alert").words
    assert page.one("textarea").text.strip() == text
    page = shown(client, b"x" * 3_600, status=413)
    assert "at most 3,500 are read" in page.one(role="alert").words


def test_an_upload_without_a_file_is_refused(client: FlaskClient) -> None:
    assert client.post("/upload", data={"text": "typed"}).status_code == 422
    assert client.post("/upload", data=b"text", content_type="text/plain").status_code == 415


@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.tsv", "a.txt", "a", ""]))
def test_any_bytes_are_read_or_refused(content: bytes, name: str) -> None:
    for start in (b"", b"text\n", b"id;text\n"):
        with contextlib.suppress(Refusal):
            comments = read_comments(start + content, name, TASK, SETTINGS)
            assert any(not comment.fault for comment in comments)


# --- company and memory ---


def test_a_large_file_is_never_written_to_a_disk(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"text\n" + b"hello there, all of you\n" * 40_000
    environ = EnvironBuilder(method="POST", data={"file": (io.BytesIO(content), "a.csv")}).get_environ()
    body, kind = environ["wsgi.input"].read(), environ["CONTENT_TYPE"]

    def barred(*_: Any, **__: Any) -> Any:
        pytest.fail("a temporary file was asked for")

    for name in ("TemporaryFile", "SpooledTemporaryFile", "NamedTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, barred)
    monkeypatch.setattr(werkzeug.formparser, "SpooledTemporaryFile", barred)
    assert len(body) > 900_000
    answer = client.post("/upload", data=body, content_type=kind)
    assert answer.status_code == 413  # more than 10,000 rows: the file was read to find that
    assert "10,000 rows" in answer.text


def test_one_file_is_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    entered, go = threading.Event(), threading.Event()
    plain = WordClassifier.read

    def waits(classifier: WordClassifier, texts: Any) -> Any:
        entered.set()
        assert go.wait(20)
        return plain(classifier, texts)

    app = create_app(service_with(SETTINGS), SETTINGS)
    monkeypatch.setattr(WordClassifier, "read", waits)
    statuses: list[int] = []
    first = threading.Thread(target=lambda: statuses.append(sent(app.test_client(), b"text\na\n").status_code))
    first.start()
    assert entered.wait(20)
    second = sent(app.test_client(), b"text\nb\n")
    go.set()
    first.join()
    assert second.status_code == 429
    assert second.headers["Retry-After"] == "60"
    assert "Another file is being scored; try again in a minute." in Page(second.text).one(role="alert").words
    assert statuses == [200]
    assert sent(app.test_client(), b"text\nc\n").status_code == 200


def test_other_requests_get_their_turn_between_portions_of_a_file() -> None:
    service = service_with(SETTINGS)
    portions: list[int] = []
    plain = service.read

    def counted(texts: Any, *rest: Any) -> Any:
        portions.append(len(texts))
        return plain(texts, *rest)

    service.read = counted  # type: ignore[method-assign]
    sent(create_app(service, SETTINGS).test_client(), b"text\n" + b"hello\n" * 70)
    assert portions == [32, 32, 6]


def test_a_file_may_take_longer_than_a_comment_but_not_for_ever() -> None:
    settings = ServeSettings(deadline_seconds=0.001, upload_seconds=30)
    client = create_app(service_with(settings), settings).test_client()
    assert sent(client, b"text\n" + b"hello\n" * 500).status_code == 200
    settings = ServeSettings(upload_seconds=0.0001)
    page = shown(create_app(service_with(settings), settings).test_client(), b"text\n" + b"a\n" * 500, status=504)
    assert "The file was not scored within 0.0001 seconds" in page.one(role="alert").words
