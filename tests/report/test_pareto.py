import itertools

import numpy as np

from retort.report.pareto import front


def test_the_front_is_every_model_that_no_other_beats_in_both() -> None:
    points = {
        "static": (0.3, 0.70),
        "odd": (6.0, 0.79),
        "even": (6.0, 0.78),
        "teacher": (12.0, 0.80),
        "lora": (12.5, 0.76),
    }
    assert front(points) == ["static", "odd", "teacher"]
    assert front({"odd": (6.0, 0.79), "even": (6.0, 0.79)}) == ["odd", "even"]
    assert front({}) == []


def test_on_the_front_quality_rises_with_cost_and_what_is_off_it_is_dominated_by_it() -> None:
    rng = np.random.default_rng(0)
    points = {str(i): (float(cost), float(quality)) for i, (cost, quality) in enumerate(rng.random((60, 2)))}
    kept = front(points)
    for one, other in itertools.pairwise(kept):
        assert points[one][0] < points[other][0]
        assert points[one][1] < points[other][1]
    for arm in set(points) - set(kept):
        assert any(points[k][0] <= points[arm][0] and points[k][1] >= points[arm][1] for k in kept)
