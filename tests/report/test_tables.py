import numpy as np
import pytest

from retort import runs
from retort.report.comparison import Comparison
from retort.report.comparison_tables import (
    judged_table,
    losses_table,
    pairs_table,
    running_costs_table,
    training_costs_table,
    verdict_words,
)
from retort.report.display import METRIC_NAMES
from retort.report.tables import figure_cell, markdown


@pytest.fixture
def comparison(quick):
    return Comparison(runs.read_comparison(quick))


@pytest.fixture
def several(seeded):
    return Comparison(runs.read_comparison(seeded))


def cell(table, row, column):
    index = [c.title for c in table.columns].index(column)
    return next(cells[index] for cells in table.rows if cells[0].text == row)


def test_seed_table_holds_the_last_epoch_and_compares_the_same_quantity(comparison):
    table, last = losses_table(comparison), comparison.history("odd")[-1]
    assert cell(table, "odd", "epochs").text == "3"
    assert cell(table, "odd", "train loss").text == f"{last['label_loss']:.3f}"
    assert cell(table, "odd", "train loss, all terms").text == f"{last['train_loss']['total']:.3f}"
    assert cell(table, "odd", "validation loss").text == f"{last['validation_loss']:.3f}"
    assert cell(table, "odd", "validation accuracy").text == f"{last['validation']['accuracy']:.3f}"


def test_a_baseline_without_epochs_has_the_reason_in_place_of_its_losses(comparison):
    missing = cell(losses_table(comparison), "tfidf", "train loss")
    assert missing.text == "–"
    assert missing.why == "not trained in epochs"


def test_majority_has_the_accuracy_of_the_larger_class(comparison):
    share = comparison.share("validation")
    assert cell(losses_table(comparison), "majority", "validation accuracy").text == f"{1 - share:.3f}"


def test_judged_table_has_every_metric_with_its_interval(comparison):
    table = judged_table(comparison)
    assert [column.title for column in table.columns[1:]] == list(METRIC_NAMES.values())
    figure = comparison.figure("teacher", "f1")
    shown = cell(table, "teacher", "F1")
    assert shown.text == f"{figure['value']:.3f}"
    assert shown.note == f"{figure['low']:.3f}–{figure['high']:.3f}"


def test_a_missing_number_is_a_dash_with_a_footnote(comparison):
    table = judged_table(comparison)
    missing = cell(table, "majority", "precision")
    assert missing.text == "–"
    assert table.footnotes[int(table.mark(missing)) - 1] == "no comment was given 0.5 or more"
    assert "<sup>1</sup> no comment was given 0.5 or more." in markdown(table)


def test_pairs_name_the_better_model_or_what_would_show_a_difference_as_large_as_the_margin(comparison):
    table = pairs_table(comparison)
    assert len(table.rows) == 15
    assert "Margin 0.01." in table.caption
    for row, cells in zip(comparison.pairs(), table.rows, strict=True):
        verdict, comments, seeds = (cell.text for cell in cells[-3:])
        assert verdict == verdict_words(row)
        if row["verdict"] in ("better", "equivalent"):
            assert (comments, seeds) == ("enough", "enough")
        else:
            assert comments.replace(",", "").isdigit()
            assert (seeds, cells[-1].why) == ("–", "one seed: no spread")


@pytest.mark.parametrize(
    ("verdict", "favours", "words"),
    [
        ("better", "a", "odd is better"),
        ("better", "b", "even is better"),
        ("not worse", "b", "even not worse"),
        ("equivalent", None, "equivalent"),
        ("cannot tell", None, "cannot tell"),
    ],
)
def test_verdicts_in_words_name_the_arm_that_they_speak_for(verdict, favours, words):
    assert verdict_words({"a": "odd", "b": "even", "verdict": verdict, "favours": favours}) == words


def test_with_several_seeds_figures_have_their_spread_and_pairs_both_p_values_and_the_seeds_needed(several):
    figure = several.figure("odd", "f1")
    assert cell(judged_table(several), "odd", "F1").notes == [
        f"{figure['low']:.3f}–{figure['high']:.3f}", f"sd {figure['spread']:.3f}",
    ]  # fmt: skip
    assert "Means over 3 seeds" in judged_table(several).caption
    row = several.pair("odd", "even")
    cells = next(cells for cells in pairs_table(several).rows if cells[0].text == "odd − even")
    assert cells[1].note == f"sd {row['spread']:.3f}"
    assert [cells[3].text, cells[4].text] == [f"{row['p_value']:.3f}", f"{row['p_holm']:.3f}"]
    assert cells[7].text == str(row["seeds_needed"])


def test_an_ece_is_shown_with_that_of_perfect_probabilities():
    figure = {"value": 0.04, "low": 0.02, "high": 0.06, "spread": None, "perfect": 0.017}
    assert figure_cell(figure).notes == ["0.020–0.060", "perfect 0.017"]


def test_losses_are_means_over_the_seeds(several):
    lasts = [once["history"][-1]["validation_loss"] for once in several.arms["odd"]["training"]]
    shown = cell(losses_table(several), "odd", "validation loss")
    assert shown.text == f"{np.mean(lasts):.3f}"
    assert shown.note == f"sd {np.std(lasts, ddof=1):.3f}"


def test_pairs_with_and_without_a_baseline_are_all_pairs(comparison):
    parts = [pairs_table(comparison, baselines=kind).rows for kind in (True, False)]
    assert [len(part) for part in parts] == [9, 6]
    assert sorted(row[0].text for part in parts for row in part) == sorted(
        row[0].text for row in pairs_table(comparison).rows
    )


def test_costs_of_making_hold_the_teacher_and_what_was_not_needed_has_the_reason(several):
    table, cost = training_costs_table(several), several.arms["odd"]["cost"]
    assert cell(table, "odd", "teacher first").text == f"{cost['teacher_seconds']:.0f} s"
    assert cell(table, "odd", "total").text == f"{cost['teacher_seconds'] + cost['train_seconds']:.0f} s"
    assert cell(table, "lora", "teacher first").why == "needs no teacher"
    assert cell(table, "odd", "adapter").why == "is no adapter"
    assert cell(table, "lora", "adapter").text == "599 kB"
    assert cell(table, "lora", "ten tasks").text == "97.1 MB"


def test_costs_of_using_have_the_reason_where_none_was_measured(several):
    table = running_costs_table(several)
    assert cell(table, "odd", "memory to serve").why == "not measured for this model"
    assert cell(table, "static", "layers kept").why == "has no transformer layers"
    assert "device: cpu" in table.caption


def test_computing_the_teachers_outputs_is_told(comparison):
    sentence = "Computing the teacher's outputs once for all students took 12 s"
    assert sentence in training_costs_table(comparison).caption
    without = Comparison({key: value for key, value in comparison.content.items() if key != "costs"})
    assert "took" not in training_costs_table(without).caption


def test_markdown_rows_are_as_wide_as_their_header_whatever_a_name_holds(comparison):
    comparison.content["arms"]["a|b<script>"] = comparison.arms["odd"]
    lines = markdown(judged_table(comparison)).splitlines()
    header = lines[0].count("|")
    assert all(line.replace("\\|", "").count("|") == header for line in lines if line.startswith("|"))
    assert "<script" not in "".join(lines)
