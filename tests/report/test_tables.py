import json

import pytest

from retort import runs
from retort.report import tables


@pytest.fixture
def comparison(quick):
    return json.loads((quick / runs.COMPARISON).read_text("utf-8"))


def cell(table, row, column):
    index = [c.title for c in table.columns].index(column)
    return next(cells[index] for cells in table.rows if cells[0].text == row)


def test_seed_table_holds_the_last_epoch_and_compares_the_same_quantity(comparison):
    table, last = tables.seed_table(comparison), comparison["arms"]["odd"]["history"][-1]
    assert cell(table, "odd", "epochs").text == "5"
    assert cell(table, "odd", "train loss").text == f"{last['train_loss']['hard']:.3f}"
    assert cell(table, "odd", "train loss, all terms").text == f"{last['train_loss']['total']:.3f}"
    assert cell(table, "odd", "validation loss").text == f"{last['validation_loss']:.3f}"
    assert cell(table, "odd", "validation accuracy").text == f"{last['validation']['accuracy']:.3f}"


def test_a_baseline_without_epochs_says_why_it_has_no_losses(comparison):
    missing = cell(tables.seed_table(comparison), "tfidf", "train loss")
    assert missing.text == "–"
    assert missing.why == "not trained in epochs"


def test_majority_has_the_accuracy_of_the_larger_class(comparison):
    share = comparison["data"]["shares"]["validation"]["toxicity"]
    assert cell(tables.seed_table(comparison), "majority", "validation accuracy").text == f"{1 - share:.3f}"


def test_judged_table_has_every_metric_with_its_interval(comparison):
    table = tables.judged_table(comparison)
    assert len(table.columns) == 10
    figure = comparison["arms"]["teacher"]["test"]["toxicity"]["f1"]
    shown = cell(table, "teacher", "F1")
    assert shown.text == f"{figure['value']:.3f}"
    assert shown.note == f"{figure['low']:.3f}–{figure['high']:.3f}"


def test_a_missing_number_is_a_dash_with_a_footnote(comparison):
    table = tables.judged_table(comparison)
    missing = cell(table, "majority", "precision")
    assert missing.text == "–"
    assert table.footnotes[int(table.mark(missing)) - 1] == "no comment was given 0.5 or more"
    assert "<sup>1</sup> no comment was given 0.5 or more." in tables.markdown(table)


def test_pairs_say_which_is_better_or_how_many_comments_it_would_take(comparison):
    table = tables.pairs_table(comparison)
    assert len(table.rows) == 15
    told = {row[4].text: row[5].text for row in table.rows}
    assert told["teacher is better"] == "these were enough"
    assert told["cannot tell"].replace(",", "").isdigit()


def test_the_two_kinds_of_pairs_make_the_whole(comparison):
    parts = [tables.pairs_table(comparison, baselines=kind).rows for kind in (True, False)]
    assert [len(part) for part in parts] == [9, 6]
    assert sorted(row[0].text for part in parts for row in part) == sorted(
        row[0].text for row in tables.pairs_table(comparison).rows
    )


def test_rows_come_as_plain_texts_for_a_terminal(comparison):
    texts = tables.judged_table(comparison).texts()
    assert len(texts) == 6
    assert texts[2][0] == "teacher"
    assert "(" in texts[2][1]


def test_markdown_rows_are_as_wide_as_their_header_whatever_a_name_holds(comparison):
    comparison["arms"]["a|b<script>"] = comparison["arms"]["odd"]
    lines = tables.markdown(tables.judged_table(comparison)).splitlines()
    header = lines[0].count("|")
    assert all(line.replace("\\|", "").count("|") == header for line in lines if line.startswith("|"))
    assert "<script" not in "".join(lines)
