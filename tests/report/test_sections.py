"""What the sections compute from the run's own predictions, and what their drawings show."""

import copy
import dataclasses

import numpy as np
import pytest

from retort.report import display
from retort.report.comparison import Comparison
from retort.report.run_folder import Run, read_run
from retort.report.savings import not_saved
from retort.report.sections import calibration, cost, disagreement, judged, pairs, resplits
from retort.report.style import LIGHT


@pytest.fixture(scope="module")
def run(seeded) -> Run:
    return read_run(seeded)


@pytest.fixture(scope="module")
def single(quick) -> Run:
    return read_run(quick)


def changed(run: Run, **keys) -> Run:
    return dataclasses.replace(run, comparison=Comparison(copy.deepcopy(dict(run.comparison.content)) | keys))


def xs(axis, marker: str) -> list[float]:
    return [float(x) for line in axis.get_lines() if line.get_marker() == marker for x in line.get_xdata()]


# --- figures and pairs ---


def test_every_seed_is_a_small_dot_beside_mean_and_interval(run, single) -> None:
    axis = judged.figures_with_intervals(run, LIGHT, False).axes[0]
    dots = {round(float(x), 9) for line in axis.get_lines() if line.get_markersize() == 2.4 for x in line.get_xdata()}
    seeds = run.comparison.figure("odd", "average_precision")["seeds"]
    assert {round(value, 9) for value in seeds} <= dots
    one = judged.figures_with_intervals(single, LIGHT, False).axes[0]
    assert not [line for line in one.get_lines() if line.get_markersize() == 2.4]


def test_the_band_in_the_picture_of_differences_is_the_margin(run) -> None:
    axis = pairs.differences(run, LIGHT, False).axes[0]
    (band,) = axis.patches
    assert (band.get_x(), band.get_width()) == pytest.approx((-0.01, 0.02))
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert len(names) == 10
    assert not [name for name in names if "majority" in name]


# --- cost ---


def test_limits_are_lines_and_the_front_is_drawn_in_every_panel(run) -> None:
    figure = cost.quality_against_cost(run, LIGHT, False)
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["against time", "against size", "against training"]
    lines = [[line.get_xdata()[0] for line in axis.get_lines() if line.get_linestyle() == "--"] for axis in figure.axes]
    assert lines == [[12.0], [80e6], []]
    without = cost.quality_against_cost(changed(run, limits={}), LIGHT, False)
    assert not [line for axis in without.axes for line in axis.get_lines() if line.get_linestyle() == "--"]


def test_each_method_has_a_sentence_on_what_it_does_not_save(run) -> None:
    found = {o.title: o.text for o in not_saved(run.comparison)}
    assert found["What lora does not save"].startswith(
        "lora does not make inference cheaper: merged, it is as large as its base. One comment takes 12.5 ms, with "
        "teacher, which has the same layers, 12.5 ms."
    )
    assert "static, odd and even need their teacher trained first" in found["What distilling does not save"]
    assert "loses their order" in found["What static does without"]


@pytest.mark.parametrize("gone", ["latency_ms", "ten_tasks_bytes", "peak_train_memory_bytes", "train_seconds"])
def test_sentences_on_savings_leave_out_what_was_not_measured(run, gone) -> None:
    content = copy.deepcopy(dict(run.comparison.content))
    for facts in content["arms"].values():
        facts["cost"][gone] = None
    texts = [o.text for o in not_saved(Comparison(content))]
    assert texts
    assert not [text for text in texts if "None" in text or "–" in text]


# --- calibration ---


def test_methods_have_the_ece_before_and_after_and_both_are_one_without_calibration(run, single) -> None:
    columns = [column.title for column in calibration.methods_table(run.comparison, run.judged()).columns]
    before, after = columns.index("ECE before"), columns.index("ECE after")
    for cells in calibration.methods_table(single.comparison, single.judged()).rows:
        assert cells[before].text == cells[after].text
    (odd,) = [c for c in calibration.methods_table(run.comparison, run.judged()).rows if c[0].text == "odd"]
    perfect = display.number(run.comparison.figure("odd", "ece")["perfect"])
    assert (odd[1].text, odd[after].notes[-1]) == ("platt", f"perfect {perfect}")
    assert odd[before].text != odd[after].text


def test_only_a_calibrated_model_has_a_dashed_curve(run, single) -> None:
    def dashed(one: Run) -> int:
        figure = calibration.reliability(one, LIGHT, False)
        return sum(line.get_marker() == "o" and line.get_linestyle() == "--" for a in figure.axes for line in a.lines)

    assert dashed(run) == 5
    assert dashed(single) == 0


def test_thresholds_are_shown_by_seed_with_their_target_and_the_reason(run, seed) -> None:
    (odd,) = [c for c in calibration.thresholds_table(run.comparison).rows if c[0].text == "odd"]
    values = run.comparison.thresholds("odd")
    assert (odd[1].text, odd[2].text) == ("f1", f"{values[0]:.3f}")
    assert odd[4].text == ", ".join(f"{value:.3f}" for value in values)
    few = calibration.thresholds_table(read_run(seed).comparison)
    assert few.footnotes == ("fewer than 10 positive validation comments: 0.5",)


def test_review_has_accuracy_and_recall_for_each_share(run) -> None:
    table = calibration.review_table(run.comparison)
    assert [column.title for column in table.columns[1:3]] == ["accuracy, 1% reviewed", "recall, 1% reviewed"]
    (odd,) = [cells for cells in table.rows if cells[0].text == "odd"]
    wanted = run.comparison.arms["odd"]["review"]["toxicity"]["0.1"]
    assert (odd[5].text, odd[6].text) == (f"{wanted['accuracy']:.3f}", f"{wanted['recall']:.3f}")
    assert odd[5].note == "10.0 % seen"


# --- disagreement ---


def test_moved_comments_are_counted_by_student_label_and_identity(run) -> None:
    found = {one.arm: one for one in disagreement.moved_by_student(run, run.judged())}
    assert list(found) == ["static", "odd", "even"]
    data = run.judged()
    verdicts = {
        arm: data.scores[arm] >= np.array(run.comparison.thresholds(arm))[:, None] for arm in ("odd", "teacher")
    }
    expected = [
        len({bool(v) for v in verdicts["odd"][:, i]}) == 1
        and (verdicts["teacher"][:, i] != verdicts["odd"][0, i]).sum() >= 2
        for i in range(len(data.ids))
    ]
    assert found["odd"].moved.tolist() == expected
    toxic = found["odd"].labels[0]
    assert (toxic.name, toxic.rows) == ("toxicity", int(data.labels.sum()))
    assert toxic.moved == int((found["odd"].moved & (data.labels == 1)).sum())
    mentions = (run.test["female"] >= 0.5).sum()
    assert {group.name: group.rows for group in found["odd"].identities}["female"] == mentions


def test_with_one_seed_there_is_no_section_on_disagreement(single) -> None:
    assert disagreement.content(single) is None


def test_the_comments_shown_are_moved_ones_with_scores_of_student_and_teacher(run) -> None:
    content = disagreement.content(run)
    moved = {one.arm: one for one in disagreement.moved_by_student(run, run.judged())}
    ids = np.array(run.judged().ids)
    for group, one in zip(content["groups"], moved.values(), strict=True):
        assert {example.id for example in group.examples} <= set(ids[one.moved])
        assert [name for name, _ in group.examples[0].scores] == ["raters", one.arm, "teacher"]


# --- other draws ---


def test_draws_are_rows_with_every_figure_and_the_answer_counts_them(run) -> None:
    draws = resplits.draws_of(run.comparison)
    table = resplits.draws_table(run.comparison, draws)
    assert [cells[0].text for cells in table.rows] == ["0", "1", "2", "3"]
    assert [column.title for column in table.columns] == [
        "data seed", "test comments", "static", "teacher", "odd", "even", "lora", "odd − even", "recommended",
    ]  # fmt: skip
    best = [max(d["arms"], key=lambda arm: d["arms"][arm]["average_precision"]["value"]) for d in draws]
    arm = max(set(best), key=best.count)
    assert f"that of {arm} in {best.count(arm)} of 4 draws" in resplits.same_answer(draws)
    assert resplits.same_answer(draws).startswith("Would another 300 test comments have said the same?")


def test_recommendations_of_the_draws_are_counted(run) -> None:
    draws = copy.deepcopy(resplits.draws_of(run.comparison))
    for draw, arm in zip(draws, ["odd", "odd", "even", None], strict=True):
        draw["recommendation"]["arm"] = arm
    assert resplits.same_answer(draws).endswith("Recommended: odd in 2 and even in 1; none in 1.")
    for draw in draws:
        draw["recommendation"]["arm"] = None
    assert resplits.same_answer(draws).endswith("None of the draws recommends a model.")


def test_agreement_counts_signs_and_verdicts_of_each_pair(run) -> None:
    draws = copy.deepcopy(resplits.draws_of(run.comparison))
    for place, draw in enumerate(draws):
        for row in draw["pairs"]:
            if (row["a"], row["b"]) == ("odd", "even"):
                row |= {"difference": 0.1 if place else -0.1, "verdict": "better", "favours": "a" if place else "b"}
    table = resplits.agreement_table(draws, "majority")
    (pair,) = [cells for cells in table.rows if cells[0].text == "odd − even"]
    assert [cell.text for cell in pair[1:]] == ["3 of 4", "−0.100 to +0.100", "odd is better (3), even is better (1)"]
    assert not [cells for cells in table.rows if "majority" in cells[0].text]


def test_a_run_without_other_draws_has_no_such_section(single) -> None:
    assert resplits.content(single) is None
