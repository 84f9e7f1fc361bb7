import pytest

from retort import runs
from retort.report.comparison import Comparison
from retort.report.comparison_tables import cost_table, judged_table, losses_table, pairs_table
from retort.report.tables import markdown


@pytest.fixture
def comparison(quick):
    return Comparison(runs.read_comparison(quick))


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
    assert len(table.columns) == 10
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


def test_pairs_name_the_better_model_or_the_comments_needed(comparison):
    table = pairs_table(comparison)
    assert len(table.rows) == 15
    needed = {row[4].text: row[5].text for row in table.rows}
    assert needed["teacher is better"] == "these were enough"
    assert needed["cannot tell"].replace(",", "").isdigit()


def test_pairs_with_and_without_a_baseline_are_all_pairs(comparison):
    parts = [pairs_table(comparison, baselines=kind).rows for kind in (True, False)]
    assert [len(part) for part in parts] == [9, 6]
    assert sorted(row[0].text for part in parts for row in part) == sorted(
        row[0].text for row in pairs_table(comparison).rows
    )


def test_computing_the_teachers_outputs_is_a_cost_of_its_own(comparison):
    sentence = "Computing the teacher's outputs once for all students took 12 s"
    assert sentence in cost_table(comparison).caption
    without = Comparison({key: value for key, value in comparison.content.items() if key != "costs"})
    assert "outputs" not in cost_table(without).caption


def test_markdown_rows_are_as_wide_as_their_header_whatever_a_name_holds(comparison):
    comparison.content["arms"]["a|b<script>"] = comparison.arms["odd"]
    lines = markdown(judged_table(comparison)).splitlines()
    header = lines[0].count("|")
    assert all(line.replace("\\|", "").count("|") == header for line in lines if line.startswith("|"))
    assert "<script" not in "".join(lines)
