"""The section on bias: what it says follows from the recorded figures, and nothing is said without them."""

import copy
import dataclasses

import numpy as np
import pytest

from retort.recipes.identities import bias_by_identity
from retort.report.bias_tables import answered, differences_table, figures_by_group, is_shown, unanswered_table
from retort.report.comparison import Comparison
from retort.report.observations.bias import costs_of_groups, groups_without_answer
from retort.report.rendering import templates
from retort.report.run_folder import Run, read_run
from retort.report.sections import bias as section
from retort.report.style import LIGHT

ARMS = ("majority", "teacher", "odd", "lora")


@pytest.fixture(scope="module")
def run(make_run, tmp_path_factory) -> Run:
    """odd scores comments that mention `male` higher than the teacher does; few mention `hindu`."""
    folder = make_run(
        tmp_path_factory.mktemp("bias") / "run", arms=ARMS, rows=(40, 40, 2000), attributes=("toxicity",), seed=4
    )
    made = read_run(folder)
    rng, judged, test = np.random.default_rng(0), made.judged(), made.test
    male = rng.random(len(test)) < 0.3
    frame = test.assign(male=np.where(male, 1.0, np.nan), female=1.0 * (rng.random(len(test)) < 0.2), hindu=0.0)
    frame.iloc[:5, frame.columns.get_loc("hindu")] = 0.5
    scores = {arm: one.astype(float) for arm, one in judged.scores.items()}
    scores["lora"] = np.clip(scores["teacher"] + 0.001 * rng.normal(0, 1, len(test)), 0, 1)
    scores["odd"] = np.where(male, scores["odd"] ** 0.3, scores["teacher"])
    limits = {arm: np.array([0.5]) for arm in ARMS}
    found = bias_by_identity(
        frame, ("male", "female", "hindu"), judged.labels, scores, limits, samples=20, seed=0, reference="teacher"
    )
    return with_bias(made, found)


def with_bias(run: Run, bias) -> Run:
    content = copy.deepcopy(dict(run.comparison.content)) | {"bias": bias}
    return dataclasses.replace(run, comparison=Comparison(content))


def rendered(run: Run) -> str:
    return templates("html").get_template("sections/bias.j2").render(section.content(run), plots=[])


def test_a_group_harmed_by_compression_is_named_with_its_interval(run):
    (warning,) = [one for one in costs_of_groups(run.comparison) if one.category == "warning"]
    assert warning.title == "odd is worse than teacher for some groups"
    assert "Harmless mentions of the group are taken for offences more often (BPSN AUC): male (−" in warning.text
    # Some comments mention both.
    assert "; female (" in warning.text
    assert "95 % interval" in warning.text


def test_a_model_worse_by_the_final_metric_alone_is_not_said_to_be_worse_for_a_group(run):
    bias = copy.deepcopy(run.comparison.content["bias"])
    for pair in bias["pairs"]:
        pair["final"] |= {"difference": -0.02, "low": -0.03, "high": -0.01}
        for kinds in pair["groups"].values():
            for row in kinds.values():
                row["p_holm"] = None if row["p_holm"] is None else 0.06
    found = [one for one in costs_of_groups(with_bias(run, bias).comparison) if one.category == "warning"]
    assert [one.title for one in found] == [f"{arm} is worse than teacher over all groups" for arm in ("odd", "lora")]
    assert "difference −0.020, 95 % interval −0.030 to −0.010" in found[0].text


def test_nothing_is_said_of_a_difference_that_may_be_chance(run):
    bias = copy.deepcopy(run.comparison.content["bias"])
    for pair in bias["pairs"]:
        pair["final"] |= {"low": -0.1, "high": 0.1}
        for kinds in pair["groups"].values():
            for row in kinds.values():
                row["p_holm"] = None if row["p_holm"] is None else 0.06
    found = list(costs_of_groups(with_bias(run, bias).comparison))
    assert [one.category for one in found] == ["finding"]
    assert "odd and lora are not shown to be worse" in found[0].text


def test_a_group_without_an_answer_is_listed_with_the_reason_and_not_drawn(run):
    bias = run.comparison.content["bias"]
    assert answered(bias) == ["male", "female"]
    (row,) = unanswered_table(bias).rows
    assert [cell.text for cell in row][:4] == ["hindu", "5", row[2].text, "none"]
    assert "fewer than 10" in row[4].text
    (limit,) = groups_without_answer(run.comparison)
    assert limit.text.startswith("1 of 3 identities")
    names = [label.get_text() for label in section.cost_by_group(run, LIGHT, False).axes[0].get_yticklabels()]
    assert [name.partition(",")[0] for name in names] == ["all comments", "male", "female"]


def test_only_shown_differences_have_filled_marks(run):
    bias, figure = run.comparison.content["bias"], section.cost_by_group(run, LIGHT, False)
    shown = sum(
        is_shown(pair["groups"][group]["bpsn_auc"])
        for pair in bias["pairs"] if pair["a"] in ("odd", "lora") for group in answered(bias)
    )  # fmt: skip
    lines = [line for line in figure.axes[1].get_lines() if line.get_marker() not in ("None", None, "")]
    overall = [line for line in lines if line.get_ydata()[0] > 1.5]
    filled = [line for line in lines if line.get_markerfacecolor() == line.get_color() and line not in overall]
    assert len(lines) == 2 * 3
    assert len(filled) == shown > 0


def test_tables_have_a_row_for_each_group_and_differences_with_intervals(run):
    bias = run.comparison.content["bias"]
    for table in (differences_table(bias, "odd"), figures_by_group(bias, "odd")):
        assert len(table.rows) == 2
        assert table.rows[0][0].text.startswith("male (")
    cell = differences_table(bias, "odd").rows[0][2]
    row = next(pair for pair in bias["pairs"] if pair["a"] == "odd")["groups"]["male"]["bpsn_auc"]
    assert cell.text == f"{row['difference']:+.3f}".replace("-", "−")
    assert cell.tone == "unsure"
    assert "odd − teacher, by group" in rendered(run)


def test_former_runs_and_data_without_identities_have_no_section(run):
    for bias in (None, {"arms": None, "pairs": [], "why": "the data has no identity columns"}):
        without = with_bias(run, bias)
        assert section.content(without) is None
        assert section.cost_by_group(without, LIGHT, False) is None
        assert not [*costs_of_groups(without.comparison), *groups_without_answer(without.comparison)]


def test_where_no_group_has_an_answer_the_section_says_so(run):
    frame = run.test.assign(hindu=[0.5] * 5 + [0.0] * (len(run.test) - 5))
    judged = run.judged()
    found = bias_by_identity(
        frame, ("hindu",), judged.labels, judged.scores, {arm: np.array([0.5]) for arm in ARMS}, samples=5, seed=0,
        reference="teacher",
    )  # fmt: skip
    few = with_bias(run, found)
    assert section.cost_by_group(few, LIGHT, False) is None
    assert "this test split has no answer" in rendered(few)
