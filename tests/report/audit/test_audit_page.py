"""The report of an audit: tables, plots and a page that hides its texts, from a folder alone."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from retort.errors import ModelError
from retort.recipes.auditing import audit_result, write_audit
from retort.report.audit.page import write_audit_report
from retort.report.audit.result import read_audit
from tests.recipes.audit.made import TASK, model, silent, suite

NASTY = "<script>alert('gotcha')</script> you \u202egnihton\u202c"
ROWS = [
    {"text": NASTY, "label": 1, "functionality": "direct_attack", "group": "cats"},
    {"text": "Muslims read many books.", "label": 0, "functionality": "neutral_mention", "group": "muslim"},
    {"text": "Lovely cats.", "label": 0, "functionality": "neutral_mention", "group": "cats"},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two models that both flag what names somebody and miss the attack. Copy it before changing anything in it."""
    return written(tmp_path_factory.mktemp("made"), ROWS)


def written(tmp_path: Path, rows: list[dict[str, Any]], **facts: Any) -> Path:
    models = [
        model("teacher", lambda text: 0.7 if "Muslims" in text else 0.2, role="teacher"),
        model("odd", lambda text: 0.9 if "s" in text.lower()[:7] else 0.1, **facts),
    ]
    result, failures = audit_result(models, suite(tmp_path, rows), ["swap"], silent)
    out = tmp_path / "audit"
    out.mkdir()
    write_audit(result, failures, out)
    return out


def without_details(page: str) -> str:
    return re.sub(r'<details class="masked">.*?</details>', "", page, flags=re.DOTALL)


def test_the_page_is_one_file_without_scripts_or_addresses(folder: Path) -> None:
    page = (folder / "audit.html").read_text("utf-8")
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?!#)', page)
    assert "\u202e" not in page


def test_failed_texts_are_masked_until_opened(folder: Path) -> None:
    page = (folder / "audit.html").read_text("utf-8")
    assert "gotcha" in page
    assert "gotcha" not in without_details(page)
    assert "read many books" not in without_details(page)
    tables = (folder / "audit.md").read_text("utf-8")
    assert "gotcha" not in tables
    assert "read many books" not in tables


def test_models_are_side_by_side_in_tables_and_plots(folder: Path) -> None:
    tables = (folder / "audit.md").read_text("utf-8")
    (heading,) = [line for line in tables.splitlines() if line.startswith("| functionality")]
    assert heading == "| functionality | right is | teacher | odd |"
    (row,) = [line for line in tables.splitlines() if line.startswith("| neutral mention")]
    assert "50 %" in row
    assert "1 of 2" in row
    # Groups of one or two cases are in their table alone.
    assert not list((folder / "plots").glob("groups*"))
    for name in ("functionalities", "swap"):
        assert {path.name for path in (folder / "plots").glob(f"{name}*")} == {
            f"{name}.svg", f"{name}.png", f"{name}-dark.png",
        }  # fmt: skip
        drawing = (folder / "plots" / f"{name}.svg").read_text("utf-8")
        assert "teacher" in drawing
        assert "odd" in drawing


def test_the_title_says_whom_it_is_about_in_the_tasks_words(folder: Path) -> None:
    page = (folder / "audit.html").read_text("utf-8")
    (title,) = re.findall(r"<h1>(.*?)</h1>", page)
    assert title == f"teacher flags 50 % of {TASK.negative_adjective} cases, odd 50 %"


def test_the_same_folder_gives_the_same_bytes(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    write_audit_report(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_sections_without_content_are_left_out(tmp_path: Path) -> None:
    bare = written(tmp_path, [{"text": "Nice weather.", "label": 0}, {"text": "You fool.", "label": 1}])
    tables = (bare / "audit.md").read_text("utf-8")
    assert re.findall(r"^## (.*)$", tables, re.MULTILINE) == ["All cases", "Failures", "What was audited"]
    assert "swap is left out: no case names an identity" in tables
    assert not list((bare / "plots").iterdir())


def test_a_suite_of_one_kind_of_case_has_a_page_too(tmp_path: Path) -> None:
    only = written(tmp_path, [{"text": f"You fool {i}.", "label": 1} for i in range(3)])
    page = (only / "audit.html").read_text("utf-8")
    assert "no case for which a negative verdict is right" in page


def test_a_missing_threshold_is_said_on_the_page(tmp_path: Path) -> None:
    foreign = written(tmp_path, ROWS, role="foreign", thresholds={})
    assert "odd: none was chosen for it" in (foreign / "audit.html").read_text("utf-8")


def test_a_missing_file_is_named(folder: Path, tmp_path: Path) -> None:
    shutil.copyfile(folder / "audit.json", tmp_path / "audit.json")
    with pytest.raises(ModelError, match=r"failures\.jsonl"):
        write_audit_report(tmp_path)


def test_failures_are_the_most_wrong_first_and_bounded(tmp_path: Path) -> None:
    rows = [{"text": f"case {i:02d}", "label": 0, "functionality": "same"} for i in range(60)]
    rising = model("rising", lambda text: 0.5 + int(text[-2:]) / 200)
    result, failures = audit_result([rising], suite(tmp_path, rows), [], silent)
    assert [failure["text"] for failure in failures[:3]] == ["case 59", "case 58", "case 57"]
    assert len(failures) == result["failures"]["kept"] == 25


def test_models_are_drawn_apart(folder: Path) -> None:
    marks = read_audit(folder).marks
    assert marks["teacher"].colour == "ink"
    assert marks["odd"].colour != "ink"
    assert marks["odd"].marker != marks["teacher"].marker


def test_a_model_that_cannot_be_read_without_the_normaliser_has_a_dash_and_a_reason(tmp_path: Path) -> None:
    rows = [{"text": "you are an idiot", "label": 1}, {"text": "you are a friend", "label": 0}]
    rule = model("rule", lambda text: 0.9 if "idiot" in text else 0.1)
    result, failures = audit_result([rule], suite(tmp_path, rows), ["attack"], silent)
    out = tmp_path / "audit"
    out.mkdir()
    write_audit(result, failures, out)
    tables = (out / "audit.md").read_text("utf-8")
    (row, gained) = [line for line in tables.splitlines() if line.startswith("| leet")]
    assert "+100.0" in row
    assert "| 0.0" in gained
    assert "–" in row.split("|")[-2]
    assert "this model cannot be read without the normaliser" in tables
    (recall, false_alarms) = [line for line in tables.splitlines() if line.startswith("| as they were")]
    assert "100.0 %" in recall
    assert "0.0 %" in false_alarms
    assert "100.0 %" not in false_alarms
    assert (out / "plots" / "attack.svg").is_file()
