import numpy as np
import pytest
from sklearn import metrics as sk

from retort.evaluation import intervals
from retort.evaluation.metrics import METRICS
from retort.evaluation.statistics import judge

SETTINGS = {"samples": 400, "seed": 0, "tie_margin": 0.01}


def arms_of(rows: int, skills: dict[str, float], share: float = 0.2, seed: int = 0):
    rng = np.random.default_rng(seed)
    labels = (rng.random((rows, 1)) < share).astype(float)
    noise = rng.normal(0, 1, (rows, 1))
    predictions = {
        arm: 1 / (1 + np.exp(-(skill * labels - 1.5 + noise + 0.3 * rng.normal(0, 1, (rows, 1)))))
        for arm, skill in skills.items()
    }
    return labels, predictions


def pair(pairs, a, b, metric):
    return next(row for row in pairs if (row["a"], row["b"], row["metric"]) == (a, b, metric))


def test_every_figure_is_in_its_interval_and_no_interval_has_zero_width():
    for rows, share in ((75, 0.04), (75, 0.2), (600, 0.2), (600, 0.01)):
        labels, predictions = arms_of(rows, {"odd": 2, "perfect": 50}, share, seed=3)
        tests, _ = judge(labels, predictions, ("toxicity",), 0.5, **SETTINGS)
        for arm in predictions:
            for metric in METRICS:
                figure = tests[arm]["toxicity"][metric]
                if figure["low"] is None:
                    assert figure["why"]
                else:
                    assert figure["low"] <= figure["value"] <= figure["high"], (arm, metric, figure)
                    assert figure["low"] < figure["high"], (arm, metric, figure)


def test_the_original_assignment_cannot_tell_its_arms_apart():
    """75 test comments, 3 of them positive, every verdict negative: 96 % accuracy means nothing."""
    labels = np.zeros((75, 1))
    labels[:3] = 1
    rng = np.random.default_rng(0)
    arms = {"majority": np.full((75, 1), 0.05)} | {
        arm: rng.uniform(0.01, 0.3, (75, 1)) for arm in ("teacher", "odd", "even", "lora")
    }
    tests, pairs = judge(labels, arms, ("toxicity",), 0.5, **SETTINGS)
    for arm in arms:
        figures = tests[arm]["toxicity"]
        assert figures["accuracy"]["value"] == 0.96
        assert figures["accuracy"]["low"] < 0.9
        assert figures["accuracy"]["high"] < 1
        assert figures["precision"]["value"] is None
        assert figures["precision"]["why"]
        assert figures["recall"] == pytest.approx(
            {"value": 0, "low": 0, "high": 0.5615, "interval": "wilson"}, abs=1e-3
        )
        assert figures["f1"]["value"] == 0
        assert figures["f1"]["high"] > 0.5
    assert len(pairs) == 10 * 3
    assert {row["verdict"] for row in pairs} == {"cannot tell"}
    accuracy = pair(pairs, "odd", "even", "accuracy")
    assert accuracy["difference"] == 0
    assert accuracy["low"] < -0.04
    assert accuracy["high"] > 0.04
    assert accuracy["p_value"] == 1
    assert accuracy["comments_needed"] is None
    assert accuracy["why"]


def test_a_better_arm_is_found_on_either_side_of_a_pair():
    labels, predictions = arms_of(2000, {"weak": 1, "strong": 3})
    _, pairs = judge(labels, predictions, ("toxicity",), 0.5, **SETTINGS)
    row = pair(pairs, "weak", "strong", "average_precision")
    assert row["verdict"] == "b"
    assert row["high"] < 0
    assert row["p_value"] < 0.05
    assert row["comments_needed"] < 2000
    swapped = {"strong": predictions["strong"], "weak": predictions["weak"]}
    row = pair(judge(labels, swapped, ("toxicity",), 0.5, **SETTINGS)[1], "strong", "weak", "average_precision")
    assert row["verdict"] == "a"
    assert row["low"] > 0


def test_a_difference_whose_interval_is_within_the_margin_is_a_tie():
    labels, predictions = arms_of(5000, {"odd": 2})
    predictions["even"] = predictions["odd"] + np.random.default_rng(0).normal(0, 1e-4, labels.shape).clip(0)
    _, pairs = judge(labels, predictions, ("toxicity",), 0.5, **SETTINGS)
    assert {row["verdict"] for row in pairs} == {"tie"}


def test_smaller_differences_need_more_comments():
    labels, predictions = arms_of(400, {"odd": 2.0, "even": 2.05, "last": 1.7}, seed=5)
    _, pairs = judge(labels, predictions, ("toxicity",), 0.5, **SETTINGS)
    near = pair(pairs, "odd", "even", "average_precision")
    far = pair(pairs, "odd", "last", "average_precision")
    assert near["verdict"] == "cannot tell"
    assert near["comments_needed"] > 400
    assert near["comments_needed"] > far["comments_needed"]


def test_three_positive_comments_never_decide_a_pair():
    labels = np.zeros((75, 1))
    labels[:3] = 1
    good, bad = np.linspace(0.9, 0.1, 75)[:, None], np.linspace(0.1, 0.9, 75)[:, None]
    bad[:3] = [[0.5], [0.5], [0.5]]
    good[:3], good[3:6] = [[0.45]] * 3, [[0.46]] * 3
    _, pairs = judge(labels, {"a": good, "b": bad}, ("toxicity",), 0.95, **SETTINGS)
    assert pair(pairs, "a", "b", "average_precision")["verdict"] == "cannot tell"


def test_unrated_comments_do_not_count_and_labels_are_independent():
    labels, predictions = arms_of(300, {"odd": 2, "even": 1})
    two = np.hstack([labels, labels])
    two[100:, 1] = np.nan
    tests, _ = judge(
        two, {arm: np.hstack([p, p]) for arm, p in predictions.items()}, ("toxicity", "insult"), 0.5, **SETTINGS
    )
    alone, _ = judge(labels[:100], {a: p[:100] for a, p in predictions.items()}, ("insult",), 0.5, **SETTINGS)
    assert tests["odd"]["insult"] == alone["odd"]["insult"]


def test_the_same_seed_gives_the_same_figures():
    labels, predictions = arms_of(200, {"odd": 2, "even": 1})
    assert judge(labels, predictions, ("toxicity",), 0.5, **SETTINGS) == judge(
        labels, predictions, ("toxicity",), 0.5, **SETTINGS
    )


def test_each_label_may_have_its_own_threshold():
    labels, predictions = arms_of(200, {"odd": 2})
    low, _ = judge(labels, predictions, ("toxicity",), {"toxicity": 0.1}, **SETTINGS)
    assert low["odd"]["toxicity"]["recall"]["value"] == pytest.approx(
        sk.recall_score(labels, predictions["odd"] >= 0.1)
    )


def test_a_label_without_a_positive_comment_has_the_reason():
    labels, predictions = arms_of(100, {"odd": 2, "even": 1})
    tests, pairs = judge(labels * 0, predictions, ("toxicity",), 0.5, **SETTINGS)
    assert tests["odd"]["toxicity"]["average_precision"] == {
        "value": None, "low": None, "high": None, "why": "no comment is positive",
    }  # fmt: skip
    row = pair(pairs, "odd", "even", "average_precision")
    assert row["verdict"] == "cannot tell"
    assert row["why"] == "no comment is positive"
    assert row["difference"] is None


def test_bootstrap_intervals_contain_the_truth_about_95_percent_of_the_time():
    held = 0
    big, predictions = arms_of(200_000, {"odd": 2}, seed=9)
    truth = sk.roc_auc_score(big, predictions["odd"])
    for start in range(0, 60_000, 300):
        rows = slice(start, start + 300)
        tests, _ = judge(
            big[rows], {"odd": predictions["odd"][rows]}, ("toxicity",), 0.5, samples=200, seed=1, tie_margin=0.01
        )
        figure = tests["odd"]["toxicity"]["roc_auc"]
        held += figure["low"] <= truth <= figure["high"]
    assert 0.89 <= held / 200 <= 0.99


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="arm odd"):
        judge(np.zeros((3, 1)), {"odd": np.zeros((2, 1))}, ("toxicity",), 0.5, **SETTINGS)


def test_wilson_is_as_published():
    # Newcombe 1998, table I: 81/263 and 0/20.
    assert intervals.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert intervals.wilson(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)


def test_tango_has_width_without_a_disputed_comment():
    low, high = intervals.paired_shares(1, 0, 44)
    assert low < 0 < 1 / 44 < high
    number, z2 = 75, intervals.Z**2
    assert intervals.paired_shares(0, 0, number) == pytest.approx((-z2 / (number + z2), z2 / (number + z2)), abs=1e-6)
    low, high = intervals.paired_shares(3, 8, 60)
    assert intervals.paired_shares(8, 3, 60) == pytest.approx((-high, -low), abs=1e-6)


def test_a_perfect_ranking_of_few_comments_has_a_wide_interval():
    low, high = intervals.auc_interval(1.0, 3, 72)
    assert high == 1
    assert 0.3 < low < 0.95
    low, high = intervals.auc_interval(0.8, 40, 60)
    assert 0.69 < low < 0.72
    assert 0.87 < high < 0.89


def test_four_times_the_comments_halve_an_interval():
    assert intervals.comments_for_half_width(100, 0.4, 0.6, 0.05) == 400
