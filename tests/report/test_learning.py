"""The curves over epochs: the run's own numbers, all of them visible."""

import copy
import dataclasses

import pytest

from retort.report.comparison import Comparison
from retort.report.run_folder import Run, read_run
from retort.report.sections.learning import learning_curves, loss_terms, validation_curves
from retort.report.style import LIGHT


@pytest.fixture(scope="module")
def run(quick) -> Run:
    return read_run(quick)


@pytest.mark.parametrize("draw", [learning_curves, validation_curves])
@pytest.mark.parametrize("narrow", [False, True])
def test_no_curve_is_cut_off_where_one_arm_has_more_epochs_than_the_others(run, draw, narrow):
    figure = draw(run, LIGHT, narrow)
    # The teacher has five epochs, the others three; the teacher's fifth was kept.
    lasts = {max(line.get_xdata()) for axis in figure.axes for line in axis.get_lines() if max(line.get_xdata()) > 1}
    assert lasts == {3, 5}
    for axis in figure.axes:
        if axis.get_visible():
            low, high = axis.get_xlim()
            assert all(low <= x <= high for line in axis.get_lines() for x in line.get_xdata() if x > 1)


def test_terms_have_an_axis_as_long_as_their_longest_curve(run):
    content = copy.deepcopy(run.comparison.content)
    history = content["arms"]["odd"]["history"]
    history.append(history[-1] | {"epoch": 4})
    figure = loss_terms(dataclasses.replace(run, comparison=Comparison(content)), LIGHT, False)
    assert all(axis.get_xlim()[1] >= 4 for axis in figure.axes)


def test_terms_are_those_of_the_comparison_under_its_titles(run):
    figure = loss_terms(run, LIGHT, False)
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["soft term (KL from the teacher)", "hidden"]
    values = [row["train_loss"]["soft"] for row in run.comparison.history("odd")]
    assert list(figure.axes[0].get_lines()[0].get_ydata()) == values
    nothing = dataclasses.replace(run, comparison=Comparison(run.comparison.content | {"terms": {}}))
    assert loss_terms(nothing, LIGHT, False) is None


def test_train_and_validation_curves_are_the_same_quantity(run):
    axis = learning_curves(run, LIGHT, False).axes[1]
    history = run.comparison.history("odd")
    train, validation = (list(line.get_ydata()) for line in axis.get_lines()[:2])
    assert train == [row["label_loss"] for row in history]
    assert validation == [row["validation_loss"] for row in history]
