"""The bootstrap of the benchmark computes the figures of the program, and its intervals agree with them."""

import numpy as np
import pytest
from benchmarks.bias.bootstrap import Prepared, resampled
from benchmarks.bias.compare import comments, side_by_side

from retort.evaluation.bias import judge_bias


def _judged(labels, models, groups, threshold=0.4):
    return judge_bias(
        labels, {name: one[None] for name, one in models.items()}, {name: np.array([threshold]) for name in models},
        groups, samples=50, seed=0, reference="teacher",
    )  # fmt: skip


@pytest.mark.parametrize("decimals", [1, 12])
def test_with_every_comment_drawn_once_its_figures_are_those_of_the_program(monkeypatch, decimals) -> None:
    labels, models, groups = comments(2000, 3, 0)
    models = {name: np.round(one, decimals) for name, one in models.items()}
    result = _judged(labels, models, groups)

    class Once:
        def integers(self, _low, _high, size):
            return np.arange(size)

    monkeypatch.setattr(np.random, "default_rng", lambda _: Once())
    prepared = {name: Prepared.of(one, 0.4, groups) for name, one in models.items()}
    drawn = resampled(labels, prepared, result["in_final"], 1, 0)
    for arm, figures in drawn.items():
        for name, values in figures.items():
            group, _, kind = name.rpartition(" ")
            own = result["arms"][arm]["groups"][group][kind] if group else result["arms"][arm][kind]
            assert own["value"] is None or own["value"] == pytest.approx(values[0], abs=1e-9), name


def test_widths_of_intervals_agree_with_the_bootstrap() -> None:
    labels, models, groups = comments(4000, 2, 1)
    result = _judged(labels, models, groups)
    prepared = {name: Prepared.of(one, 0.4, groups) for name, one in models.items()}
    found = side_by_side(result, resampled(labels, prepared, result["in_final"], 200, 0))
    for kind in ("final", "final −", "subgroup_auc", "bpsn_auc −", "false_positive_rate −"):
        assert 0.75 < found[kind]["width"][1] < 1.3, (kind, found[kind])
