import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jinja2
import pandas as pd
import pytest

from retort import runs
from retort.errors import DataError, ModelError
from retort.report import sections
from retort.report.cards import model_card
from retort.report.examples import masked, readable
from retort.report.page import write_report
from retort.report.rendering import templates as templates_of
from retort.report.run_folder import read_run
from retort.report.sections import all_sections
from retort.tasks import read_task

CHROMIUM = shutil.which("chromium")
NASTY = "<script>alert"
SPAM = """
name = "spam"
primary = "spam"
meaning = "Unwanted advertising."

[verdict]
positive = "Spam"
negative = "Ham"

[[labels]]
name = "spam"

[[labels]]
name = "phishing"
title = "tries to steal a password"
"""


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


def test_every_file_of_the_report_is_written(seeded):
    assert (seeded / runs.COMPARISON_TABLE).is_file()
    names = {path.name for path in (seeded / runs.PLOTS).iterdir()}
    assert names == {
        f"{plot.name}{ending}"
        for section in all_sections()
        if section.content(read_run(seeded)) is not None
        for plot in section.plots
        for ending in (".svg", ".png", "-dark.png")
    }


def test_the_page_needs_nothing_from_outside_and_runs_nothing(quick):
    for tag, attributes in Elements(page(quick)).found:
        assert tag not in ("script", "iframe", "object", "embed", "link", "base", "img")
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "xlink:href", "action"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
    assert not re.search(r"@import|url\((?!#)", page(quick))


@pytest.fixture
def only(monkeypatch):
    """Leaves a report with the named sections alone, which is quicker."""

    def keep(*names):
        kept = [section for section in all_sections() if section.name in names]
        monkeypatch.setattr("retort.report.page.all_sections", lambda: kept)

    return keep


def test_a_hostile_comment_is_text_and_cannot_turn_the_page_around(quick, tmp_path, only):
    only("comments")
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


def test_a_run_without_texts_has_a_report_without_them(make_run, tmp_path, only):
    only("comments", "data")
    folder = make_run(tmp_path / "run", texts=False, attributes=("toxicity",), arms=("majority", "teacher", "odd"))
    write_report(folder)
    assert "Texts were not kept" in page(folder)
    assert not (folder / runs.PLOTS / "lengths.svg").exists()


def test_the_losses_come_first_and_sections_keep_their_order_in_page_contents_and_markdown(seed):
    elements = Elements(page(seed)).found
    ids = [attributes["id"] for tag, attributes in elements if tag == "section"]
    assert ids[:4] == ["losses", "judged", "pairs", "learning"]
    assert ids.index("cost") < ids.index("layers") < ids.index("data") < ids.index("comments")
    assert [attributes["href"] for tag, attributes in elements if tag == "a"][1:-1] == [f"#{name}" for name in ids]
    headings = re.findall(r"^## (.*)$", (seed / runs.COMPARISON_TABLE).read_text("utf-8"), re.MULTILINE)
    assert headings == [section.title for section in all_sections() if section.name in ids]


def test_a_section_is_a_module_and_a_template(make_run, tmp_path, monkeypatch):
    """Both forms of the report get a section from two new files."""
    modules, templates = tmp_path / "modules", tmp_path / "templates"
    (templates / "sections").mkdir(parents=True)
    modules.mkdir()
    (modules / "weather.py").write_text(
        "TITLE = 'The weather'\nPOSITION = 15\nPLOTS = ()\ncontent = lambda run: {'arms': len(run.predictions)}\n"
    )
    (templates / "sections" / "weather.j2").write_text('{{ intro("Clouds & sun: " ~ arms) }}')
    monkeypatch.setattr(sections, "__path__", [*sections.__path__, str(modules)])
    for form in ("html", "md"):
        loader = templates_of(form).loader
        monkeypatch.setattr(
            templates_of(form), "loader", jinja2.ChoiceLoader([loader, jinja2.FileSystemLoader(templates)])
        )
    folder = make_run(tmp_path / "run", arms=("majority", "tfidf"), texts=False, rows=(30, 20, 20))
    write_report(folder)
    assert '<section id="weather">\n<h2>The weather</h2>\n<p class="intro">Clouds &amp; sun: 2</p>' in page(folder)
    assert "## The weather\n\nClouds & sun: 2\n\n## Judged" in (folder / runs.COMPARISON_TABLE).read_text("utf-8")


def test_the_seed_report_leads_with_what_its_accuracy_is_worth(seed):
    for text in (page(seed), (seed / runs.COMPARISON_TABLE).read_text("utf-8")):
        head = text.partition("Losses and accuracy</h2>")[0].partition("## Losses")[0]
        assert "These 75 test comments (3 toxic) and 1 seed cannot tell which model is best." in head
        assert "Every model has a test accuracy of 0.960" in head


def test_every_id_is_on_the_page_once(quick):
    ids = [attributes["id"] for _, attributes in Elements(page(quick)).found if attributes.get("id")]
    doubled = {name for name in ids if ids.count(name) > 1}
    # The wide and the narrow drawing of one plot are two drawings.
    assert not doubled


@pytest.mark.slow
def test_the_same_folder_gives_the_same_bytes(make_run, quick, tmp_path):
    again = make_run(tmp_path / "quick")
    write_report(again)
    files = [path for path in quick.rglob("*") if path.is_file()]
    assert {path.relative_to(quick) for path in files} == {
        p.relative_to(again) for p in again.rglob("*") if p.is_file()
    }
    changed = [path for path in files if path.read_bytes() != (again / path.relative_to(quick)).read_bytes()]
    assert changed == []


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
    text = page(ten_arms)
    assert "[0, 2, 4, 6, 8, 10]" in text
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


def test_a_task_of_ones_own_gives_a_report_in_its_words(make_run, tmp_path):
    task_file = tmp_path / "spam.toml"
    task_file.write_text(SPAM, "utf-8")
    folder = make_run(
        tmp_path / "run", task=read_task(task_file), arms=("majority", "teacher", "odd"), preset="spam",
        rows=(200, 60, 100), epochs=1,
    )  # fmt: skip
    write_report(folder)
    written = [page(folder), (folder / runs.COMPARISON_TABLE).read_text("utf-8")]
    written += [svg.read_text("utf-8") for svg in (folder / runs.PLOTS).glob("*.svg")]
    written += [model_card(runs.read_comparison(folder), arm) for arm in ("majority", "teacher", "odd")]
    assert not [text for text in written if "toxic" in text.lower()]
    assert "Unwanted advertising" in written[1]
    assert "share of ham comments flagged" in (folder / runs.PLOTS / "ranking.svg").read_text("utf-8")


def test_a_run_folder_of_the_first_schema_has_a_whole_report_that_marks_what_it_lacks(quick, tmp_path):
    folder = shutil.copytree(quick, tmp_path / "run")
    comparison = json.loads((folder / runs.COMPARISON).read_text("utf-8"))
    comparison["schema"] = 1
    for key in ("task", "terms", "costs", "seeds", "failed_seeds", "margin", "limits", "recommendation"):
        del comparison[key]
    for row in comparison["pairs"]:
        words = {"better": row.pop("favours"), "equivalent": "tie"}
        row["verdict"] = words.get(row["verdict"], "cannot tell")
    kinds = {"majority": "majority", "tfidf": "tfidf", "lora": "lora", "teacher": "teacher"}
    for arm, facts in comparison["arms"].items():
        facts["kind"] = kinds.get(arm, "student")
        for key in (
            "role",
            "loader",
            "title",
            "description",
            "start",
            "distilled",
            "training",
            "thresholds",
            "validation",
        ):
            del facts[key]
        for row in facts["history"]:
            row["train_loss"] |= {"hard": row.pop("label_loss")}
    runs.write_json(folder / runs.COMPARISON, comparison)
    write_report(folder)
    one, other = ((place / runs.COMPARISON_TABLE).read_text("utf-8") for place in (folder, quick))
    for section in ("Losses and accuracy", "How they learned"):
        assert (
            one.partition(f"## {section}")[2].partition("##")[0]
            == other.partition(f"## {section}")[2].partition("##")[0]
        )
    assert "**No model is recommended.** Average precision on validation was not measured for any model." in one
    assert "calibration, choice of thresholds and review were not measured" in one
    assert "Made by an earlier version" in page(folder)


# --- in a browser ---


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync"]
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield opened
        opened.close()


@pytest.mark.parametrize("width", [360, 1280])
def test_in_a_browser_nothing_overflows_or_is_fetched_and_texts_open_without_scripts(browser, quick, width):
    opened = browser.new_context(viewport={"width": width, "height": 800}, java_script_enabled=False).new_page()
    requests, messages = [], []
    opened.on("request", lambda request: requests.append(request.url))
    opened.on("console", lambda message: messages.append(message.text))
    opened.goto((quick / runs.REPORT).as_uri())
    assert [url for url in requests if not url.startswith("file:")] == []
    assert messages == []
    body = opened.locator("body").bounding_box()
    assert body is not None
    assert body["width"] <= width
    text = opened.locator("details.masked p").first
    assert not text.is_visible()
    opened.locator("details.group > summary").first.click()
    assert not text.is_visible()
    opened.locator("details.masked > summary").first.click()
    assert text.is_visible()


@pytest.mark.parametrize("name", ["quick", "ten_arms", "seeded"])
def test_at_1200_pixels_every_column_of_every_table_is_visible(browser, request, name):
    folder = request.getfixturevalue(name)
    opened = browser.new_context(viewport={"width": 1200, "height": 800}).new_page()
    opened.goto((folder / runs.REPORT).as_uri())
    opened.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    cut = opened.evaluate(
        """[...document.querySelectorAll('.scroll')].filter(table => table.scrollWidth > table.clientWidth)
           .map(table => [table.closest('section').id, table.scrollWidth - table.clientWidth])"""
    )
    assert cut == []
    assert opened.evaluate("document.documentElement.scrollWidth") == 1200
