"""The page without a browser: verdicts, refusals in words, and what the markup promises."""

import io
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from retort import runs
from retort.config import ServeSettings
from retort.errors import ModelError
from retort.inference.predictor import Answer
from retort.web.app import create_app
from retort.web.server.errors import Refusal
from retort.web.server.service import Service
from tests.web.conftest import INSULT, TASK, WordClassifier, service_with
from tests.web.elements import Page
from tests.web.folders import write_run_folder

INSULTING = f"what an {INSULT}"


def asked(client: FlaskClient, status: int = 200, **form: str) -> Page:
    answer = client.post("/", data=form)
    assert answer.status_code == status, answer.text
    return Page(answer.text)


def box(page: Page) -> str:
    # A browser drops the newline that follows the tag.
    return page.one("textarea").text.removeprefix("\n")


@pytest.mark.parametrize(
    ("text", "verdict", "word"),
    [(INSULTING, "positive", "Toxic"), ("what a day", "negative", "Non-Toxic"), ("?? ???", "unsure", "Unsure")],
)
def test_a_verdict_is_word_and_icon_and_its_text_stays_in_the_box(
    client: FlaskClient, text: str, verdict: str, word: str
) -> None:
    page = asked(client, text=text)
    section = page.one(id="verdict")
    assert section.attributes["data-verdict"] == verdict
    assert page.one("h2", id="word").text == word
    assert page.find("span", class_=f"is-{verdict}")
    assert box(page) == text
    assert page.one("title").text.startswith(word)


def test_the_probability_and_its_threshold_are_a_sentence_and_a_meter(client: FlaskClient) -> None:
    page = asked(client, text=INSULTING)
    assert "is 0.97, at or above the threshold of 0.50." in page.one(id="verdict").words
    assert page.one(role="meter").attributes["aria-valuenow"] == "0.9700"
    assert "is 0.03, below the threshold of 0.50." in asked(client, text="fine").one(id="verdict").words


def test_an_unsure_verdict_has_its_reason(client: FlaskClient) -> None:
    page = asked(client, text="????")
    assert "Nearly all of its words are unknown to the model." in page.one("ul", class_="remarks").words


class CarefulClassifier(WordClassifier):
    """Leaves every comment to people."""

    def _answer(self, text: str, row: Any) -> Answer:
        return replace(super()._answer(text, row), outcome="unsure", verdict="unsure", to_review=True)


def test_a_verdict_left_to_people_says_so(settings: ServeSettings) -> None:
    service = Service({"odd": lambda: CarefulClassifier("odd")}, "odd", settings, TASK)  # type: ignore[dict-item,return-value]
    service.start()
    section = asked(create_app(service, settings).test_client(), text="fine").one(id="verdict")
    assert section.attributes["data-verdict"] == "unsure"
    assert "is 0.03, among those that a person should review." in section.words


def test_every_attribute_has_its_number_its_threshold_and_its_bar(client: FlaskClient) -> None:
    page = asked(client, text=INSULTING)
    table = page.one("table", class_="bars")
    assert "severe toxicity 0.02 0.50" in table.words
    assert "insult, reached 0.95 0.50" in table.words
    bars = [e for e in page.find("rect", class_="fill") if e.attributes["y"] == "3"]
    assert {bar.attributes["width"] for bar in bars} >= {"97.00%", "95.00%", "2.00%"}


def test_all_models_are_side_by_side_with_their_latency(client: FlaskClient) -> None:
    table = asked(client, text=INSULTING).one("table", class_="models")
    for model in ("odd answers above", "even", "teacher", "tfidf"):
        assert re.search(rf"{model} Toxic 0\.97 \d+\.\d ms 0\.50", table.words)


def test_a_model_that_cannot_be_loaded_has_the_reason_in_its_row(settings: ServeSettings) -> None:
    def broken() -> Any:
        raise ModelError("no such folder")

    service = Service({"odd": lambda: WordClassifier("odd"), "even": broken}, "odd", settings, TASK)  # type: ignore[dict-item,return-value]
    service.start()
    page = asked(create_app(service, settings).test_client(), text=INSULTING)
    assert page.one(id="verdict").attributes["data-verdict"] == "positive"
    assert "even Model even cannot be loaded; see the server's log." in page.one("table", class_="models").words


def test_the_chosen_model_answers(client: FlaskClient) -> None:
    page = asked(client, text="hm", model="teacher")
    assert "teacher answers above" in page.one("table", class_="models").words
    assert [o.text for o in page.find("option") if "selected" in o.attributes] == ["teacher"]


def test_the_words_that_weigh_are_marked_in_place_also_after_emoji(client: FlaskClient) -> None:
    page = asked(client, text=f"👩‍👩‍👧 é\u0301 <b>{INSULT}</b> & co")
    comment = page.one("div", class_="comment")
    assert comment.text == f"👩‍👩‍👧 é\u0301 <b>{INSULT}</b> & co"
    marks = page.find("mark")
    assert {mark.text for mark in marks} == {INSULT}
    assert all(mark.attributes["class"] == "w3" for mark in marks)
    assert re.search(rf"{INSULT} \+\d+\.\d\d", page.one("ol", class_="weights").words)


def test_a_text_is_never_markup(client: FlaskClient) -> None:
    nasty = '</textarea><script>alert(1)</script>"><img src=x onerror=alert(1)>'
    page = asked(client, text=f"{nasty} {INSULT}")
    assert box(page) == f"{nasty} {INSULT}"
    assert [e.attributes["src"] for e in page.find("script")] == ["/static/page.js"]
    assert not page.find("img")


def test_nothing_in_a_page_needs_an_inline_script_or_style_or_another_host(client: FlaskClient) -> None:
    for page in (Page(client.get("/").text), asked(client, text=INSULTING), asked(client, 422, text=" ")):
        for element in page.all:
            assert element.tag not in ("style", "iframe", "object", "embed", "base")
            assert not any(name == "style" or name.startswith("on") for name in element.attributes), element
            for name in ("src", "href", "action", "formaction"):
                assert element.attributes.get(name, "/").startswith(("/", "#")), element
        assert all("src" in script.attributes for script in page.find("script"))


def test_the_page_sets_no_cookie_and_has_the_security_headers(client: FlaskClient) -> None:
    answer = client.post("/", data={"text": INSULTING})
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]


def test_newlines_come_back_as_they_were_typed(client: FlaskClient) -> None:
    # Browsers send CRLF, and drop the first newline of a textarea.
    assert box(asked(client, text="\r\n\r\nfirst\r\nsecond")) == "\n\nfirst\nsecond"


# --- the threshold ---


def test_a_chosen_threshold_moves_the_verdict_of_every_model(client: FlaskClient) -> None:
    page = asked(client, text=INSULTING, threshold="0.98", own_threshold="0.50")
    assert page.one(id="verdict").attributes["data-verdict"] == "negative"
    assert "is 0.97, below the threshold of 0.98." in page.one(id="verdict").words
    assert "Toxic 0.97" not in page.one("table", class_="models").words.replace("Non-Toxic", "")
    assert page.one(id="threshold").attributes["value"] == "0.98"


def test_a_slider_that_was_not_moved_leaves_each_model_its_own_threshold(settings: ServeSettings) -> None:
    odd, even = WordClassifier("odd"), WordClassifier("even")
    plain = even._answer

    def stricter(text: str, row: Any) -> Any:
        answer = plain(text, row)
        return type(answer)(**(vars(answer) | {"threshold": 0.99, "outcome": "negative", "verdict": "non-toxic"}))

    even._answer = stricter  # type: ignore[method-assign]
    service = Service({"odd": lambda: odd, "even": lambda: even}, "odd", settings, TASK)  # type: ignore[dict-item,return-value]
    service.start()
    client = create_app(service, settings).test_client()
    # A browser may send 0.5 for a slider that was written as 0.50.
    table = asked(client, text=INSULTING, threshold="0.5", own_threshold="0.50").one("table", class_="models")
    assert re.search(r"even Non-Toxic 0\.97 .* 0\.99", table.words)
    table = asked(client, text=INSULTING, threshold="0.6", own_threshold="0.50").one("table", class_="models")
    assert re.search(r"even Toxic 0\.97 .* 0\.60", table.words)


def test_an_unsure_comment_is_unsure_at_any_threshold(client: FlaskClient) -> None:
    assert asked(client, text="??", threshold="0").one(id="verdict").attributes["data-verdict"] == "unsure"


@pytest.mark.parametrize("threshold", ["1.5", "-0.1", "nan", "inf", "half"])
def test_a_threshold_that_cannot_be_is_refused_as_a_page(client: FlaskClient, threshold: str) -> None:
    page = asked(client, 422, text=INSULTING, threshold=threshold)
    assert "The threshold is a number from 0 to 1." in page.one(role="alert").words
    assert box(page) == INSULTING
    assert client.get("/", query_string={"threshold": threshold}).status_code == 422


@pytest.mark.parametrize("field", ["model", "arm"])
def test_a_link_can_set_threshold_and_model_also_by_its_former_name(client: FlaskClient, field: str) -> None:
    page = Page(client.get(f"/?threshold=0.7&{field}=even").text)
    assert page.one(id="threshold").attributes["value"] == "0.70"
    assert [o.text for o in page.find("option") if "selected" in o.attributes] == ["even"]


# --- what cannot be answered ---


@pytest.mark.parametrize("text", ["", "   ", "\u200b\n", "\x00"])
def test_a_blank_comment_is_refused_as_a_page(client: FlaskClient, text: str) -> None:
    page = asked(client, 422, text=text)
    assert "The comment is blank; type something to judge." in page.one(role="alert").words
    assert page.one("textarea").attributes["aria-invalid"] == "true"
    assert "problem" in page.one("textarea").attributes["aria-describedby"].split()
    assert not page.find(id="verdict")


def test_a_comment_that_is_too_long_is_refused_before_any_model_sees_it_and_stays(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WordClassifier, "read", lambda *_: pytest.fail("a model was asked"))
    page = asked(client, 422, text="x" * 20_001)
    assert "The comment has 20,001 characters; the limit is 20,000." in page.one(role="alert").words
    assert box(page) == "x" * 20_001


def test_the_limit_counts_characters_not_bytes(client: FlaskClient) -> None:
    asked(client, text="é" * 20_000)


def test_a_body_over_the_limit_is_413_in_words_and_its_text_stays(client: FlaskClient) -> None:
    page = asked(client, 413, text="y" * 300_000)
    assert "Too large" in page.one(role="alert").words
    assert box(page) == "y" * 300_000


def test_half_of_a_surrogate_pair_is_refused_as_a_page(client: FlaskClient) -> None:
    form = "application/x-www-form-urlencoded"
    answer = client.post("/", data=b"text=idiot%ED%A0%80", content_type=form)
    assert answer.status_code == 422
    assert "not valid UTF-8" in Page(answer.text).one(role="alert").words
    assert client.post("/", data=b"text=\xff\xfe", content_type=form).status_code == 422


def test_control_characters_are_shown_as_replaced_with_a_remark(client: FlaskClient) -> None:
    page = asked(client, text=f"an\x00 {INSULT}\x07")
    assert "\x00" not in box(page)
    assert box(page) == f"an\ufffd {INSULT}\ufffd"
    assert "The comment has invisible control characters" in page.one("ul", class_="remarks").words


def test_an_unknown_model_is_refused_as_a_page(client: FlaskClient) -> None:
    page = asked(client, 422, text=INSULTING, model="od")
    assert "odd" in page.one(role="alert").words
    assert box(page) == INSULTING


def test_another_kind_of_body_is_415(client: FlaskClient) -> None:
    answer = client.post("/", json={"text": INSULTING})
    assert answer.status_code == 415
    assert "/api/v1/classify" in Page(answer.text).one(role="alert").words


def test_a_form_of_a_thousand_parts_is_refused(client: FlaskClient) -> None:
    def posted(address: str) -> int:
        form = {"text": INSULTING} | {f"part{n}": (io.BytesIO(b"x"), "x") for n in range(1_100)}
        return client.post(address, data=form, headers={"Accept": "text/html"}).status_code

    assert posted("/") == 413
    assert posted("/nothing") == 404


def test_an_unknown_address_and_a_wrong_method_are_refused_as_pages(client: FlaskClient) -> None:
    missing = client.get("/nothing", headers={"Accept": "text/html"})
    assert missing.status_code == 404
    assert "Not found" in Page(missing.text).one(role="alert").words
    wrong = client.delete("/", headers={"Accept": "text/html"})
    assert wrong.status_code == 405
    assert "POST" in wrong.headers["Allow"]
    assert Page(wrong.text).one(role="alert")


def test_while_the_model_loads_the_page_is_a_refusal_that_keeps_the_text(settings: ServeSettings) -> None:
    service = Service({"odd": lambda: WordClassifier("odd")}, "odd", settings, TASK)  # type: ignore[dict-item,return-value]
    client = create_app(service, settings).test_client()
    page = asked(client, 503, text=INSULTING)
    assert "The model is being loaded; try again soon." in page.one(role="alert").words
    assert box(page) == INSULTING
    assert client.get("/").status_code == 503


def test_a_refusal_by_rate_has_a_retry_after() -> None:
    settings = ServeSettings(requests_per_minute=1)
    client = create_app(service_with(settings), settings).test_client()
    client.post("/", data={"text": "a"})
    answer = client.post("/", data={"text": INSULTING})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert "Busy right now" in Page(answer.text).one(role="alert").words
    assert box(Page(answer.text)) == INSULTING


def test_a_deadline_that_passes_is_504_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ServeSettings(deadline_seconds=0.01)
    service = service_with(settings)
    service._workers.acquire()
    page = asked(create_app(service, settings).test_client(), 504, text=INSULTING)
    assert "Took too long" in page.one(role="alert").words


def test_when_time_runs_out_after_the_verdict_the_rest_is_left_out_not_the_verdict(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*_: Any) -> Any:
        raise Refusal(504, "not answered in time")

    monkeypatch.setattr(Service, "highlights", late)
    page = asked(client, text=INSULTING)
    assert page.one(id="verdict").attributes["data-verdict"] == "positive"
    assert "Words are not weighed: not answered in time." in page.one("section", aria_labelledby="words-title").words
    assert not page.find("mark")


def test_models_for_which_no_time_is_left_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ServeSettings(deadline_seconds=0.2)
    service = service_with(settings)
    plain = WordClassifier.read

    def slow(classifier: WordClassifier, texts: Any) -> Any:
        time.sleep(0.25)
        return plain(classifier, texts)

    monkeypatch.setattr(WordClassifier, "read", slow)
    page = asked(create_app(service, settings).test_client(), text=INSULTING)
    assert "even No time was left for this model." in page.one("table", class_="models").words


def test_a_mistake_of_the_server_names_the_request_and_nothing_else(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise ZeroDivisionError("canary")

    monkeypatch.setattr(WordClassifier, "read", fails)
    answer = client.post("/", data={"text": INSULTING})
    assert answer.status_code == 500
    assert answer.headers["X-Request-Id"] in answer.text
    assert "canary" not in answer.text
    assert box(Page(answer.text)) == INSULTING


# --- the run ---


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages read of a run, written by hand."""
    return write_run_folder(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture
def run_client(run_folder: Path, settings: ServeSettings) -> FlaskClient:
    service = Service({"odd": lambda: WordClassifier("odd")}, "odd", settings, TASK, run_folder)  # type: ignore[dict-item,return-value]
    service.start()
    return create_app(service, settings).test_client()


def test_the_run_page_has_the_table_and_its_plots_in_light_and_dark(run_client: FlaskClient) -> None:
    page = Page(run_client.get("/run").text)
    assert "odd 0.8000.700–0.900" in page.find("table")[0].words
    assert page.one("img").attributes == {"src": "/run/plots/figures.png", "alt": "Plot: Figures"}
    source = page.one("source")
    assert source.attributes == {"media": "(prefers-color-scheme: dark)", "srcset": "/run/plots/figures-dark.png"}
    for address in ("/run/plots/figures.png", "/run/plots/figures-dark.png"):
        answer = run_client.get(address)
        assert answer.status_code == 200
        assert answer.content_type == "image/png"


@pytest.mark.parametrize(
    "name",
    [
        "secret.png",
        "../comparison.json",
        "..%2fcomparison.json",
        "%2e%2e/run.json",
        "figures.svg",
        "figures.png/",
        "odd",
    ],
)
def test_no_file_is_served_but_those_that_the_run_names(run_client: FlaskClient, name: str) -> None:
    assert run_client.get(f"/run/plots/{name}").status_code == 404


def test_the_report_is_a_download_because_it_has_inline_styles(run_client: FlaskClient) -> None:
    answer = run_client.get("/run/report.html")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_a_model_card_is_shown_only_by_the_name_of_its_model(run_client: FlaskClient) -> None:
    page = Page(run_client.get("/run/card/odd").text)
    assert page.one("h1").text == "Model card of odd"
    assert "by their index in the teacher" in page.one("main").words
    assert run_client.get("/run/card/..%2Fodd").status_code == 404
    assert run_client.get("/run/card/even").status_code == 404


def test_the_note_carries_the_figures_of_the_card(run_client: FlaskClient) -> None:
    note = Page(run_client.get("/").text).one("aside").words
    assert "An aid, not a judge" in note
    assert "80 % (70–90 %)" in note
    assert "200 test comments, 20 of them toxic" in note


def test_a_single_model_shows_its_card_and_figures(tmp_path: Path, settings: ServeSettings) -> None:
    (tmp_path / runs.MODEL_CARD).write_text("---\nlicense: x\n---\n# Mine\n\n<script>alert(1)</script>\n", "utf-8")
    runs.write_json(tmp_path / runs.METRICS, {"toxicity": {"precision": {"value": 0.5}, "recall": {"value": 0.25}}})
    service = Service({"odd": lambda: WordClassifier("odd")}, "odd", settings, TASK, tmp_path)  # type: ignore[dict-item,return-value]
    service.start()
    client = create_app(service, settings).test_client()
    page = Page(client.get("/run").text)
    assert "license" not in page.one("main").words
    assert page.one("h2").text == "Mine"
    assert len(page.find("script")) == 1
    assert "<script>alert(1)</script>" in page.one("main").text
    assert "25 % of the toxic" not in page.one("main").words
    assert "25 %" in Page(client.get("/").text).one("aside").words


@pytest.mark.parametrize("metrics", ["[]", "{", '{"toxicity": 3}', '{"toxicity": {"recall": []}}'])
def test_a_model_with_broken_figures_is_served_without_them(
    tmp_path: Path, settings: ServeSettings, metrics: str
) -> None:
    (tmp_path / runs.METRICS).write_text(metrics, "utf-8")
    service = Service({"odd": lambda: WordClassifier("odd")}, "odd", settings, TASK, tmp_path)  # type: ignore[dict-item,return-value]
    service.start()
    assert "There are no figures for odd" in create_app(service, settings).test_client().get("/").text


def test_without_a_folder_there_is_no_card(client: FlaskClient) -> None:
    answer = client.get("/run")
    assert answer.status_code == 404
    assert "This model has no card." in Page(answer.text).one(role="alert").words
    assert "There are no figures for odd" in Page(client.get("/").text).one("aside").words


def test_the_footer_names_model_format_and_hash(client: FlaskClient) -> None:
    footer = Page(client.get("/").text).one("footer")
    assert "Model odd" in footer.words
    assert "Format onnx int8" in footer.words
    assert "0" * 12 in footer.words


def test_behind_a_proxy_with_a_prefix_all_addresses_carry_it(client: FlaskClient) -> None:
    page = Page(client.get("/", environ_overrides={"SCRIPT_NAME": "/retort"}).text)
    for element in page.all:
        for name in ("src", "href", "action", "formaction"):
            value = element.attributes.get(name, "#")
            assert value.startswith(("#", "/retort/")), element


# --- the documentation of the API ---


def test_swagger_comes_from_this_server_alone(client: FlaskClient) -> None:
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert b"http" not in page.data
    assert "'unsafe-inline'" in page.headers["Content-Security-Policy"]
    for name in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert client.get(f"/api/docs/{name}").status_code == 200
    assert client.get("/api/docs/__init__.py").status_code == 404
    assert client.get("/static/swagger.js").status_code == 200
    behind_a_proxy = Page(client.get("/api/docs", environ_overrides={"SCRIPT_NAME": "/retort"}).text)
    assert behind_a_proxy.one(id="swagger").attributes["data-document"] == "/retort/api/openapi.json"
