import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from retort import runs
from retort.errors import DataError, ModelError
from retort.report.examples import masked, readable
from retort.report.page import write_report
from retort.report.plots import PLOTS

CHROMIUM = shutil.which("chromium")
NASTY = "<script>alert"


class Elements(html.parser.HTMLParser):
    """Start tags with their attributes, as a browser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def page(folder: Path) -> str:
    return (folder / runs.REPORT).read_text("utf-8")


def test_every_file_of_the_report_is_written(quick):
    assert (quick / runs.COMPARISON_TABLE).is_file()
    names = {path.name for path in (quick / runs.PLOTS).iterdir()}
    assert names == {f"{plot.name}{ending}" for plot in PLOTS for ending in (".svg", ".png", "-dark.png")}


def test_the_page_needs_nothing_from_outside_and_runs_nothing(quick):
    for tag, attributes in Elements(page(quick)).found:
        assert tag not in ("script", "iframe", "object", "embed", "link", "base", "img")
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "xlink:href", "action"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
    assert not re.search(r"@import|url\((?!#)", page(quick))


def test_a_hostile_comment_is_text_and_cannot_turn_the_page_around(quick, tmp_path):
    folder = shutil.copytree(quick, tmp_path / "run")
    predictions = folder / "teacher" / runs.PREDICTIONS
    # The hostile comment is the last one; make it the teacher's worst error, so that it is shown.
    frame, splits = pd.read_parquet(predictions), pd.read_parquet(folder / runs.SPLITS)
    toxic = splits["toxicity"].iloc[-1] >= 0.6
    frame.loc[frame.index[-1], "toxicity"] = 0.0 if toxic else 1.0
    frame.to_parquet(predictions, index=False)
    write_report(folder)
    text = page(folder)
    assert "&lt;script&gt;alert(" in text
    assert NASTY not in text
    assert "\u202e" not in text
    assert NASTY not in (folder / runs.COMPARISON_TABLE).read_text("utf-8")


def test_texts_are_masked_until_opened(quick):
    text = page(quick)
    opened = [attributes for tag, attributes in Elements(text).found if tag == "details" and "open" in attributes]
    assert not opened
    assert text.count('<details class="masked">') == text.count("<bdi>") > 0
    assert masked("You absolute turnip") == "███ ████████ ██████"
    assert readable("a\x00b\u202ec\n\nd") == "a bc d"
    assert len(readable("x" * 5000)) < 610


def test_a_run_without_texts_has_a_report_without_them(make_run, tmp_path):
    folder = make_run(tmp_path / "run", texts=False, attributes=("toxicity",), arms=("majority", "teacher", "odd"))
    write_report(folder)
    assert "Texts were not kept" in page(folder)
    assert not (folder / runs.PLOTS / "lengths.svg").exists()


def test_the_seed_table_stands_first_and_sections_keep_their_order(seed):
    ids = [attributes["id"] for tag, attributes in Elements(page(seed)).found if tag == "section"]
    assert ids[:4] == ["seed", "judged", "pairs", "learning"]
    assert ids.index("cost") < ids.index("layers") < ids.index("data") < ids.index("comments")


def test_the_seed_report_leads_with_what_its_accuracy_is_worth(seed):
    for text in (page(seed), (seed / runs.COMPARISON_TABLE).read_text("utf-8")):
        head = text.partition("Losses and accuracy</h2>")[0].partition("## Losses")[0]
        assert "No model here is shown to be worth shipping." in head
        assert "Every model has a test accuracy of 0.960" in head


def test_no_id_stands_twice_on_the_page(quick):
    ids = [attributes["id"] for _, attributes in Elements(page(quick)).found if attributes.get("id")]
    doubled = {name for name in ids if ids.count(name) > 1}
    # The wide and the narrow drawing of one plot are two drawings.
    assert not doubled


def test_the_same_folder_gives_the_same_bytes(make_run, tmp_path):
    def written(name):
        folder = make_run(
            tmp_path / name / "run", arms=("majority", "teacher", "odd", "even"), attributes=("toxicity",)
        )
        write_report(folder)
        return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    assert written("one") == written("two")


def test_plots_follow_the_reader_between_light_and_dark(quick):
    svg = (quick / runs.PLOTS / "layers.svg").read_text("utf-8")
    assert "prefers-color-scheme: dark" in svg
    assert "var(--plot-ink)" in svg
    assert "#0b0c" not in svg
    assert "DejaVu" not in svg


def test_a_name_with_dollars_is_no_formula(make_run, tmp_path, monkeypatch):
    folder = make_run(tmp_path / "run", arms=("majority", "teacher"), attributes=("toxicity",), texts=False)
    comparison = json.loads((folder / runs.COMPARISON).read_text("utf-8"))
    comparison["arms"]["$x^{$ <b>"] = comparison["arms"].pop("teacher")
    comparison["pairs"] = []
    (folder / "teacher").rename(folder / "$x^{$ <b>")
    runs.write_json(folder / runs.COMPARISON, comparison)
    write_report(folder)
    assert "$x^{$ <b>" not in page(folder)
    assert "$x^{$ &lt;b&gt;" in page(folder)


def test_ten_arms_of_a_12_layer_teacher_have_a_report(ten_arms):
    write_report(ten_arms)
    text = page(ten_arms)
    assert "[0, 2, 4, 7, 9]" not in text
    assert "[0, 2, 4, 7, 9, 11]" in text
    assert "[1, 3, 5, 7, 9, 11]" in text
    assert "Against the baselines" in text


def test_a_missing_file_is_named(make_run, tmp_path):
    folder = make_run(tmp_path / "run", arms=("majority", "teacher"), attributes=("toxicity",))
    (folder / "teacher" / runs.PREDICTIONS).unlink()
    with pytest.raises(ModelError, match=r"teacher.*predictions"):
        write_report(folder)
    (folder / runs.SPLITS).unlink()
    with pytest.raises(DataError, match=r"splits\.parquet"):
        write_report(folder)
    (folder / runs.COMPARISON).unlink()
    with pytest.raises(ModelError, match=r"comparison\.json"):
        write_report(folder)


def test_the_report_never_loads_torch():
    code = "import sys, retort.report.page, retort.report.cards; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, env=os.environ).returncode == 0


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
@pytest.mark.parametrize("width", [360, 1280])
def test_in_a_browser_nothing_overflows_or_is_fetched_and_texts_open_without_scripts(quick, width):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync"]
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=flags)
        opened = browser.new_context(viewport={"width": width, "height": 800}, java_script_enabled=False).new_page()
        asked, said = [], []
        opened.on("request", lambda request: asked.append(request.url))
        opened.on("console", lambda message: said.append(message.text))
        opened.goto((quick / runs.REPORT).as_uri())
        assert [url for url in asked if not url.startswith("file:")] == []
        assert said == []
        body = opened.locator("body").bounding_box()
        assert body is not None
        assert body["width"] <= width
        text = opened.locator("details.masked p").first
        assert not text.is_visible()
        opened.locator("details.group > summary").first.click()
        assert not text.is_visible()
        opened.locator("details.masked > summary").first.click()
        assert text.is_visible()
        browser.close()
