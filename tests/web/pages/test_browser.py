"""The page in a real, headless Chromium: with and without JavaScript, by keyboard, for a screen reader."""

import contextlib
import json
import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from werkzeug.serving import make_server

from retort.config import ServeSettings
from retort.web.app import create_app
from retort.web.server.service import Service
from tests.web.conftest import INSULT, MODELS, SPAM, TASK, WordClassifier, service_with
from tests.web.folders import write_run_folder

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine; Debian has it as a package"),
]
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
INSULTING = f"what an {INSULT}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@contextlib.contextmanager
def served(service: Service) -> Iterator[str]:
    """The address of a server for this service."""
    service.start()
    server = make_server("127.0.0.1", 0, create_app(service, ServeSettings()), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A served run folder whose models are word lists."""
    folder = write_run_folder(tmp_path_factory.mktemp("runs") / "run")
    opened: Any = {name: (lambda n=name: WordClassifier(n)) for name in MODELS}
    with served(Service(opened, "odd", ServeSettings(), TASK, folder)) as found:
        yield found


class Watched:
    """A page, with all that it asked for and complained about."""

    def __init__(self, context: BrowserContext) -> None:
        self.page = context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))


@pytest.fixture
def watched(browser: Browser, address: str) -> Iterator[Watched]:
    """A page at the start, whose requests and complaints are looked at when the test is over."""
    context = browser.new_context(base_url=address, reduced_motion="reduce")
    context.set_default_timeout(20_000)
    found = Watched(context)
    found.page.goto("/")
    yield found
    context.close()
    assert all(url.startswith(address) for url in found.requests), found.requests
    # A refusal's status is no complaint about the page.
    assert not [text for text in found.complaints if "Failed to load resource" not in text]


@pytest.fixture
def page(watched: Watched) -> Page:
    return watched.page


def judge(page: Page, text: str) -> None:
    page.fill("#text", text)
    page.click("text=Judge")
    page.wait_for_load_state()


def verdict(page: Page) -> str | None:
    return page.get_attribute("#verdict", "data-verdict")


def serious(page: Page) -> list[str]:
    """What axe finds that is serious or critical, in a line each."""
    found = Axe().run(page).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:160]}"
        for violation in found
        for node in violation["nodes"]
        if violation["impact"] in ("serious", "critical")
    ]


# --- verdicts ---


@pytest.mark.parametrize(
    ("text", "expected", "word"),
    [(INSULTING, "positive", "Toxic"), ("fine", "negative", "Non-Toxic"), ("???", "unsure", "Unsure")],
)
def test_a_verdict_shows_its_word_and_its_own_icon_alone(page: Page, text: str, expected: str, word: str) -> None:
    judge(page, text)
    assert verdict(page) == expected
    assert page.inner_text("#word") == word
    shown = [name for name in ("positive", "negative", "unsure") if page.is_visible(f".seal .is-{name}")]
    assert shown == [expected]
    assert page.input_value("#text") == text
    assert page.title().startswith(word)


def test_verdicts_differ_in_colour_and_are_in_view_on_a_phone(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, viewport={"width": 360, "height": 640})
    page = context.new_page()
    colours = set()
    for text in (INSULTING, "fine", "???"):
        page.goto("/")
        judge(page, text)
        colours.add(page.evaluate("getComputedStyle(document.getElementById('verdict')).backgroundColor"))
        assert page.evaluate("document.getElementById('word').getBoundingClientRect().top") < 640
    assert len(colours) == 3
    context.close()


def test_marks_are_exactly_on_the_words_also_after_emoji_and_combining_characters(page: Page) -> None:
    text = f"👩‍👩‍👧‍👦🏽 e\u0301 𝔘 <i>\n{INSULT} 🙂 x {INSULT.upper()}"
    judge(page, text)
    marked = page.evaluate("[...document.querySelectorAll('.comment mark')].map(e => e.textContent)")
    assert marked == [INSULT, INSULT.upper()]
    assert page.evaluate("document.querySelector('.comment').textContent") == text
    assert page.input_value("#text") == text


def test_the_first_marked_word_of_a_long_comment_is_in_view(page: Page) -> None:
    judge(page, "word and more " * 400 + INSULT)
    inside = "(m => { const b = m.parentElement.getBoundingClientRect(), r = m.getBoundingClientRect();"
    assert page.evaluate(f"{inside} return r.top >= b.top && r.bottom <= b.bottom }})(document.querySelector('mark'))")


def test_everything_works_without_javascript(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    judge(page, INSULTING)
    assert verdict(page) == "positive"
    assert page.is_visible("text=Judge at this threshold")
    page.get_by_label("Threshold", exact=True).press("End")
    page.click("text=Judge at this threshold")
    assert verdict(page) == "negative"
    assert "below the threshold of 1.00" in page.inner_text("#verdict")
    page.set_input_files("#file", {"name": "a.csv", "mimeType": "text/csv", "buffer": b"text\nfine\n"})
    page.click("text=Show verdicts")
    assert "1 comment from the file" in page.inner_text("#table")
    assert page.input_value("#text") == INSULTING
    context.close()


# --- the slider ---


def test_the_slider_moves_the_verdict_at_once_without_a_request(watched: Watched) -> None:
    page = watched.page
    judge(page, INSULTING)
    before = len(watched.requests)
    colour = "getComputedStyle(document.getElementById('verdict')).backgroundColor"
    toxic = page.evaluate(colour)
    page.focus("#threshold")
    page.keyboard.press("End")
    assert verdict(page) == "negative"
    assert page.inner_text("#word") == "Non-Toxic"
    assert page.title().startswith("Non-Toxic")
    assert page.evaluate(colour) != toxic
    assert page.is_visible(".seal .is-negative")
    assert not page.is_visible(".seal .is-positive")
    assert page.text_content("#live") == "Non-Toxic: 0.97 is below 1.00."
    assert page.inner_text("#threshold-value") == "1.00"
    assert "Toxic" not in page.inner_text(".models").replace("Non-Toxic", "")
    assert page.get_attribute("#verdict [data-mark]", "x1") == "100%"
    page.keyboard.press("Home")
    assert verdict(page) == "positive"
    assert page.text_content("#live") == "Toxic: 0.97 is at or above 0.00."
    # The browser may still have been fetching the icon.
    assert not [url for url in watched.requests[before:] if "/static/" not in url]


def test_where_the_slider_and_the_server_judge_they_agree(page: Page) -> None:
    for threshold in ("0.03", "0.04", "0.02"):
        page.goto("/")
        judge(page, "fine")
        page.fill("#threshold", threshold)
        by_slider = (verdict(page), page.inner_text(".why"), page.inner_text(".bars"))
        page.click("text=Judge")
        page.wait_for_load_state()
        assert (verdict(page), page.inner_text(".why"), page.inner_text(".bars")) == by_slider


def test_back_at_its_start_the_slider_leaves_every_model_its_own_verdict(page: Page) -> None:
    judge(page, INSULTING)
    before = page.inner_text(".models")
    page.fill("#threshold", "0.99")
    assert page.inner_text(".models") != before
    page.fill("#threshold", "0.5")
    assert page.inner_text(".models") == before


def test_an_unsure_comment_stays_unsure_under_the_slider(page: Page) -> None:
    judge(page, "???")
    page.fill("#threshold", "0")
    assert verdict(page) == "unsure"
    assert page.inner_text("#threshold-value") == "0.00"


def test_the_slider_has_the_words_of_another_task(browser: Browser) -> None:
    with served(service_with(ServeSettings(), task=SPAM)) as address, browser.new_context(base_url=address) as context:
        page = context.new_page()
        page.goto("/")
        judge(page, INSULTING)
        assert page.inner_text("#word") == "Spam"
        page.fill("#threshold", "0.99")
        assert page.inner_text("#word") == "Not spam"
        assert page.title() == "Not spam – Retort"
        assert page.text_content("#live") == "Not spam: 0.97 is below 0.99."
        assert "Not spam" in page.inner_text(".models")


def test_the_documentation_shows_every_part_of_the_api(page: Page) -> None:
    page.goto("/api/docs")
    page.wait_for_selector("#operations-api-classify")
    headings = page.evaluate("[...document.querySelectorAll('.opblock-tag')].map(e => e.dataset.tag)")
    assert headings == ["api", "perspective", "server", "pages"]


# --- files ---


def test_a_file_is_downloaded_from_the_button(page: Page) -> None:
    page.set_input_files("#file", {"name": "a.txt", "mimeType": "text/plain", "buffer": INSULTING.encode()})
    with page.expect_download() as download:
        page.click("text=Download as CSV")
    assert download.value.suggested_filename == "verdicts.csv"
    assert f"1,{INSULTING},toxic," in download.value.path().read_text("utf-8-sig")
    judge(page, "fine")
    assert verdict(page) == "negative"


def test_a_refused_file_is_shown_as_a_sentence_and_the_typed_text_stays(page: Page) -> None:
    page.fill("#text", "typed")
    page.click("text=Show verdicts")
    assert "Choose a file with comments" in page.inner_text("[role=alert]")
    assert page.input_value("#text") == "typed"


# --- keyboard, screen reader, every kind of screen ---


def test_the_keyboard_alone_leads_to_a_verdict(page: Page) -> None:
    def focused() -> str:
        return str(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))

    page.keyboard.press("Tab")
    assert focused() == "Skip to the content"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert focused() == "text"
    page.keyboard.type(INSULTING)
    for expected in ("model", "threshold", "Judge"):
        page.keyboard.press("Tab")
        assert focused() == expected
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_selector("#verdict")
    assert verdict(page) == "positive"


def test_control_and_enter_send_the_comment(page: Page) -> None:
    page.fill("#text", INSULTING)
    page.press("#text", "Control+Enter")
    page.wait_for_selector("#verdict")
    assert verdict(page) == "positive"


def test_going_back_the_button_can_be_pressed_again(page: Page) -> None:
    judge(page, INSULTING)
    page.go_back()
    assert page.inner_text(".primary") == "Judge"
    judge(page, "fine")
    assert verdict(page) == "negative"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_axe_finds_nothing_serious(browser: Browser, address: str, scheme: Any, width: int) -> None:
    context = browser.new_context(
        base_url=address, color_scheme=scheme, viewport={"width": width, "height": 800}, reduced_motion="reduce"
    )
    page = context.new_page()
    for path in ("/", "/run", "/run/card/odd", "/nothing"):
        page.goto(path)
        assert serious(page) == [], path
    for text in (INSULTING, "fine", "???", " "):
        page.goto("/")
        judge(page, text)
        assert serious(page) == [], text
    rows = b"id,text\n1,fine\n2,\n3,???\n4," + INSULTING.encode() + b"\n"
    page.set_input_files("#file", {"name": "a.csv", "mimeType": "text/csv", "buffer": rows})
    page.click("text=Show verdicts")
    page.wait_for_selector("#table")
    assert serious(page) == []
    context.close()


def test_nothing_is_wider_than_a_phone(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, viewport={"width": 360, "height": 740})
    page = context.new_page()

    def width() -> int:
        return int(page.evaluate("document.documentElement.scrollWidth"))

    for path in ("/", "/run", "/run/card/odd"):
        page.goto(path)
        assert width() == 360, path
    page.goto("/")
    judge(page, "x" * 3_000 + f" {INSULT}")
    assert width() == 360
    page.set_input_files("#file", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"y" * 3_000})
    page.click("text=Show verdicts")
    page.wait_for_selector("#table")
    assert width() == 360
    context.close()


def test_dark_and_light_differ_and_plots_follow(browser: Browser, address: str) -> None:
    grounds, plots = set(), []
    for scheme in ("light", "dark"):
        context = browser.new_context(base_url=address, color_scheme=scheme)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto("/run", wait_until="load")
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        plots.append(page.evaluate("document.querySelector('img').currentSrc").rpartition("/")[2])
        assert page.evaluate("document.querySelector('img').naturalWidth") > 0
        context.close()
    assert len(grounds) == 2
    assert plots == ["figures.png", "figures-dark.png"]


def test_bars_and_marks_are_distinguishable_with_forced_colours(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, forced_colors="active")
    page = context.new_page()
    page.goto("/")
    judge(page, INSULTING)
    style = "getComputedStyle(document.querySelector('#verdict {}')).{}"
    assert page.evaluate(style.format(".fill", "fill")) != page.evaluate(style.format(".track", "fill"))
    assert "underline" in page.evaluate("getComputedStyle(document.querySelector('mark')).textDecorationLine")
    context.close()


def test_the_page_keeps_nothing_in_the_browser(page: Page) -> None:
    judge(page, INSULTING)
    assert page.context.cookies() == []
    assert json.loads(page.evaluate("JSON.stringify([localStorage.length, sessionStorage.length])")) == [0, 0]
