"""The drawing, tables and sentences of `retort bench`."""

import copy
import io
import re
from pathlib import Path
from typing import Any

import matplotlib.image
import pytest
from matplotlib.figure import Figure

from retort.report import canvas
from retort.report.bench import drawing
from retort.report.bench.tables import ceilings_table, measured_on, operations, speed_table
from retort.report.bench.verdict import verdict
from retort.report.style import DARK, LIGHT
from retort.report.tables import Table

G = 1e9
CEILINGS = {"fp32": 150 * G, "bf16": 400 * G, "int8": 700 * G}
FLOP = {6: 1.6 * G, 3: 0.7 * G}


def row(
    arm: str, form: str, milliseconds: float, rate: float, *, layers: int = 3, gate: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A row of bench.json whose parts fit each other."""
    kind = {"torch": "fp32", "onnx fp32": "fp32", "onnx int8": "int8"}.get(form.partition(",")[0])
    found: dict[str, Any] = {
        "arm": arm,
        "format": form,
        "gate": gate,
        "latency_ms": {"p50": milliseconds, "p95": 2.5 * milliseconds},
        "comments_per_second": rate,
        "memory_bytes": {"loaded": 150_000_000, "after": 190_000_000, "peak": 200_000_000 + 1_000_000 * layers},
        "precision": kind,
    }
    if kind is None:
        return found | {"flop_per_comment": None, "tokens_per_comment": None, "useful": None, "why": "it is no BERT"}
    useful = {"one": FLOP[layers] * 1000 / milliseconds, "many": FLOP[layers] * rate}
    shares = {which: {"flop_per_second": f, "of_ceiling": f / CEILINGS[kind]} for which, f in useful.items()}
    return found | {"flop_per_comment": FLOP[layers], "tokens_per_comment": 66.2, "useful": shares}


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in cells] for cells in table.rows]


PASSED = {"passed": True, "rows": 812, "weak": False}
WEAK = {"passed": True, "rows": 98, "weak": True}
OUTDATED = {"passed": False, "rows": 98, "weak": True}


@pytest.fixture
def result() -> dict[str, Any]:
    rates = {name: {"flop_per_second": rate, "engine": "torch"} for name, rate in CEILINGS.items()}
    halves = {name: {"flop_per_second": rate / 2, "engine": "torch"} for name, rate in CEILINGS.items()}
    return {
        "threads": 2,
        "comments": {"count": 128, "origin": "test comments of the run"},
        "ceilings": {"all": {"threads": 2} | rates, "one": {"threads": 1} | halves},
        "formats": [
            row("tfidf", "tfidf", 0.21, 5100),
            row("teacher", "torch", 21, 62, layers=6),
            row("odd", "torch", 11, 118),
            row("odd", "onnx fp32", 9.1, 131, gate=PASSED),
            row("odd", "onnx int8", 2.9, 402, gate=WEAK),
            row("even", "torch", 11.2, 116),
            row("even", "onnx int8", 3.0, 410, gate=WEAK),
            row("lora", "torch, adapter", 27, 48, layers=6),
            row("lora", "torch, merged", 22, 61, layers=6),
        ],
    }


def written(figure: Figure) -> list[str]:
    """Every text of a figure."""
    return [artist.get_text() for artist in figure.findobj(matplotlib.text.Text) if artist.get_text()]


def test_every_format_has_a_line_and_every_ceiling_a_name(result: dict[str, Any]) -> None:
    with canvas.settings("bench"):
        texts = written(drawing.draw(result, LIGHT))
    for one in result["formats"][1:]:
        assert f"{one['arm']} · {one['format']}" in texts
    # What is called like its format is not named twice.
    assert "tfidf" in texts
    assert {"fp32", "bf16", "int8"} <= set(texts)


def test_latencies_are_labelled_from_median_to_95th_percentile_with_fitting_decimals(result: dict[str, Any]) -> None:
    result["formats"][1]["latency_ms"] = {"p50": 1223.2, "p95": 1525.8}
    with canvas.settings("bench"):
        texts = written(drawing.draw(result, LIGHT))
    assert {"0.21–0.53", "1,223–1,526", "2.9–7.2"} <= set(texts)


def test_a_ceiling_is_drawn_where_it_was_measured(result: dict[str, Any]) -> None:
    with canvas.settings("bench"):
        _, _, work, _ = drawing.draw(result, LIGHT).axes
    upright = {float(line.get_xdata()[0]) for line in work.lines if list(line.get_ydata()) == [0, 1]}
    assert upright == {150.0, 400.0, 700.0}


def test_no_two_labels_overlap_and_all_lie_within_the_figure(result: dict[str, Any]) -> None:
    with canvas.settings("bench"):
        figure = drawing.draw(result, LIGHT)
        figure.draw_without_rendering()
        for axis in figure.axes:
            boxes = [text.get_window_extent() for text in axis.texts]
            assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]
            # None of them runs out of the figure.
            assert all(figure.bbox.x1 >= box.x1 and figure.bbox.y1 >= box.y1 for box in boxes)


def test_one_drawing_becomes_three_files_in_light_and_dark(result: dict[str, Any], tmp_path: Path) -> None:
    drawing.write_drawings(result, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bench-dark.png", "bench.png", "bench.svg"]
    svg = (tmp_path / "bench.svg").read_text("utf-8")
    assert "prefers-color-scheme: dark" in svg
    assert "odd · onnx int8" in svg
    # No placeholder colour is left.
    assert "#0b0c" not in svg
    for name, theme in (("bench.png", LIGHT), ("bench-dark.png", DARK)):
        picture = matplotlib.image.imread(io.BytesIO((tmp_path / name).read_bytes()))
        corner = "#" + "".join(f"{round(float(part) * 255):02x}" for part in picture[0, 0, :3])
        assert corner == theme["paper"]


def test_the_same_figures_give_the_same_bytes(result: dict[str, Any], tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        drawing.write_drawings(copy.deepcopy(result), tmp_path / name)
    for name in ("bench.svg", "bench.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_missing_memory_has_no_bar_and_a_footnote(result: dict[str, Any]) -> None:
    one = result["formats"][1]
    one["memory_bytes"] = {"loaded": None, "after": None, "peak": None, "why": "it was ended by the system"}
    with canvas.settings("bench"):
        figure = drawing.draw(result, LIGHT)
    assert "not measured" in written(figure)
    assert len(figure.axes[3].patches) == len(result["formats"]) - 1
    table = speed_table(result)
    assert table.rows[1][7].text == "–"
    assert table.footnotes[-1] == "it was ended by the system"


def test_a_result_without_neural_models_has_drawing_and_tables(result: dict[str, Any], tmp_path: Path) -> None:
    result["formats"] = result["formats"][:1]
    drawing.write_drawings(result, tmp_path)
    assert texts(speed_table(result))[0][:5] == ["tfidf", "tfidf", "0.21 ms", "0.53 ms", "5,100"]
    assert not [line for line in verdict(result) if "fastest" in line]
    assert measured_on(result) == "128 test comments of the run; 2 threads"


def test_the_table_holds_the_share_of_the_ceiling_that_its_precision_has(result: dict[str, Any]) -> None:
    rows = {(cells[0], cells[1]): cells for cells in texts(speed_table(result))}
    # 402 comments of 0.7 GFLOP in a second, of 700; 118 of them, of 150.
    assert rows["odd", "onnx int8"][6] == "40 %"
    assert rows["odd", "torch"][6] == "55 %"
    assert rows["odd", "onnx int8"][8] == "passed, 98 rows (weak)"
    assert rows["odd", "onnx fp32"][8] == "passed, 812 rows"
    assert rows["odd", "torch"][8] == "–"


def test_ceilings_are_shown_for_all_cores_and_for_one(result: dict[str, Any]) -> None:
    table = ceilings_table(result)
    assert [column.title for column in table.columns] == ["ceiling", "2 cores", "1 core", "engine"]
    assert texts(table)[2] == ["int8", "700 G/s", "350 G/s", "torch"]
    result["ceilings"]["gpu"] = {"bf16": {"flop_per_second": 6.2e14, "engine": "torch on a card"}}
    assert texts(ceilings_table(result))[3] == ["bf16, GPU", "620 T/s", "–", "torch on a card"]


@pytest.mark.parametrize(
    ("rate", "text"), [(142.4e9, "142 G/s"), (1.5e12, "1.5 T/s"), (3.1e6, "3.1 M/s"), (999e9, "999 G/s")]
)
def test_rates_have_a_fitting_unit(rate: float, text: str) -> None:
    assert operations(rate) == text


def test_the_verdict_names_the_fastest_for_one_and_for_many(result: dict[str, Any]) -> None:
    one, many, words, *_ = verdict(result)
    assert one.startswith("One comment at a time: odd (onnx int8) is fastest, 2.9 ms")
    assert "9.3 × as fast as lora (torch, adapter), 27.0 ms" in one
    assert many.startswith("Many comments: even (onnx int8) is fastest, 410 comments/s")
    assert "tfidf takes 0.21 ms" in words


def test_formats_of_almost_equal_speed_are_named_together(result: dict[str, Any]) -> None:
    one, many, *_ = verdict(result)
    assert "(even (onnx int8) within 10 % of it)" in one
    assert "(odd (onnx int8) within 10 % of it)" in many
    result["formats"] = [one for one in result["formats"] if one["arm"] != "even"]
    assert "within 10 %" not in " ".join(verdict(result))


def test_the_verdict_names_exports_that_passed_their_gate_and_outdated_ones(
    result: dict[str, Any],
) -> None:
    gates = verdict(result)[-2]
    assert gates == (
        "Passed the parity gate when exported: odd (onnx fp32) on 812 rows, odd (onnx int8) on 98 rows and "
        "even (onnx int8) on 98 rows. With so few rows the gate is weak and can miss a relevant loss."
    )
    for one in result["formats"]:
        one["gate"] = one["gate"] and OUTDATED
    gates = verdict(result)[-2]
    assert gates.startswith("The model has changed since the export, export again: odd (onnx fp32), ")
    assert "Passed" not in gates
    for one in result["formats"]:
        one["gate"] = None
    assert "None of these is an export" in verdict(result)[-2]


def test_a_figure_that_changes_changes_the_words(result: dict[str, Any]) -> None:
    before = " ".join(verdict(result))
    result["formats"][4]["latency_ms"]["p50"] = 30
    assert " ".join(verdict(result)) != before
    assert re.search(r"even \(onnx int8\) is fastest, 3\.0 ms", verdict(result)[0])
