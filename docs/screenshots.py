"""Pictures of the page for the README, docs/images/page.png and page-dark.png.

    python docs/screenshots.py runs/NAME

Needs playwright, chromium and a font with emoji.
"""

import shutil
import sys
import threading
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from werkzeug.serving import make_server

from retort.config import ServeSettings
from retort.web.app import create_app
from retort.web.server.models import service_of

IMAGES = Path(__file__).parent / "images"
COMMENT = "You are a pathetic liar, and everybody here knows it.\nGo away, you stupid idiot 🙂"
SIZE = {"width": 1200, "height": 1240}


def picture(browser: Browser, address: str, scheme: str, path: Path) -> None:
    """The verdict on the comment, in one colour scheme."""
    context = browser.new_context(viewport=SIZE, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    for _ in range(2):  # the first request loads the models, which would show in their times
        page.goto(address)
        page.fill("#text", COMMENT)
        page.get_by_role("button", name="Judge", exact=True).click()
        page.wait_for_selector("#verdict")
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=path)
    context.close()


def main(run: Path) -> None:
    """Serves the run on a free port and takes a picture in each colour scheme."""
    settings = ServeSettings(deadline_seconds=60)
    service = service_of(run, settings)
    service.start()
    server = make_server("127.0.0.1", 0, create_app(service, settings), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for scheme, name in (("light", "page.png"), ("dark", "page-dark.png")):
            picture(browser, f"http://127.0.0.1:{server.port}/", scheme, IMAGES / name)
        browser.close()
    server.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
