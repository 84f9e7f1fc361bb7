import itertools
import json

import numpy as np
import pytest
from sklearn import metrics as sk

from retort.evaluation.metrics import METRICS
from retort.evaluation.pairs import PAIRED_METRICS
from retort.evaluation.planning import ONE_SEED
from retort.evaluation.statistics import judge
from tests.evaluation.made import arms_of, at

SETTINGS = {"samples": 200, "seed": 0, "margin": 0.01}


def pair(pairs, a, b, metric="average_precision"):
    return next(row for row in pairs if (row["a"], row["b"], row["metric"]) == (a, b, metric))


@pytest.mark.parametrize("seeds", [1, 3])
def test_every_figure_is_in_its_interval_and_no_interval_has_zero_width(seeds):
    for rows, share in ((75, 0.04), (75, 0.2), (600, 0.2), (600, 0.01)):
        labels, predictions = arms_of(rows, {"odd": 2, "perfect": 50}, share, seed=3, seeds=seeds)
        tests, _ = judge(labels, predictions, ("toxicity",), at(0.5, predictions), **SETTINGS)
        for arm, metric in itertools.product(predictions, METRICS):
            figure = tests[arm]["toxicity"][metric]
            if figure["low"] is None:
                assert figure["why"]
            else:
                assert figure["low"] <= figure["value"] <= figure["high"], (arm, metric, figure)
                assert figure["low"] < figure["high"], (arm, metric, figure)


def test_figures_are_means_over_seeds_with_every_seed_and_their_spread():
    labels, predictions = arms_of(200, {"odd": 2, "tfidf": 1}, seeds=3)
    predictions["tfidf"] = predictions["tfidf"][:1]
    limits = {"odd": np.array([[0.3], [0.4], [0.5]]), "tfidf": np.array([[0.2]])}
    tests, pairs = judge(labels, predictions, ("toxicity",), limits, **SETTINGS)
    figure = tests["odd"]["toxicity"]["f1"]
    expected = [
        sk.f1_score(labels, one >= limit) for one, limit in zip(predictions["odd"], (0.3, 0.4, 0.5), strict=True)
    ]
    assert figure["seeds"] == pytest.approx(expected)
    assert figure["value"] == pytest.approx(np.mean(expected))
    assert figure["spread"] == pytest.approx(np.std(expected, ddof=1))
    half = tests["odd"]["toxicity"]["f1_at_half"]["seeds"]
    assert half == pytest.approx([sk.f1_score(labels, one >= 0.5) for one in predictions["odd"]])
    alone = tests["tfidf"]["toxicity"]["f1"]
    assert alone["spread"] is None
    assert len(alone["seeds"]) == 1
    assert pair(pairs, "odd", "tfidf")["seeds_needed"] is not None


def test_one_seed_has_intervals_of_comments_and_says_that_it_has_no_spread():
    labels, predictions = arms_of(300, {"odd": 2, "even": 2})
    tests, pairs = judge(labels, predictions, ("toxicity",), at(0.5, predictions), **SETTINGS)
    assert tests["odd"]["toxicity"]["average_precision"]["spread"] is None
    row = pair(pairs, "odd", "even")
    assert (row["spread"], row["seeds_needed"], row["why"]) == (None, None, ONE_SEED)
    assert row["comments_needed"] > 300


def test_chance_in_training_widens_intervals():
    labels, predictions = arms_of(500, {"odd": 2, "even": 2})
    rng, seeds = np.random.default_rng(0), {}
    for name, apart in (("alike", 0.01), ("unlike", 0.6)):
        logits = {arm: np.log(one / (1 - one)) for arm, one in predictions.items()}
        seeds[name] = {
            arm: 1 / (1 + np.exp(-(one + apart * rng.normal(0, 1, (5, 1, 1)) * labels))) for arm, one in logits.items()
        }
    rows = {
        name: pair(judge(labels, made, ("toxicity",), at(0.5, made), **SETTINGS)[1], "odd", "even")
        for name, made in seeds.items()
    }
    widths = {name: row["high"] - row["low"] for name, row in rows.items()}
    assert widths["unlike"] > 3 * widths["alike"]
    assert rows["unlike"]["seeds_needed"] > rows["alike"]["seeds_needed"]


def test_the_original_assignment_cannot_tell_its_arms_apart():
    """75 test comments, 3 of them positive, every verdict negative: 96 % accuracy means nothing."""
    labels = np.zeros((75, 1))
    labels[:3] = 1
    rng = np.random.default_rng(0)
    arms = {"majority": np.full((1, 75, 1), 0.05)} | {
        arm: rng.uniform(0.01, 0.3, (1, 75, 1)) for arm in ("teacher", "odd", "even", "lora")
    }
    tests, pairs = judge(labels, arms, ("toxicity",), at(0.5, arms), **SETTINGS)
    for arm in arms:
        figures = tests[arm]["toxicity"]
        assert figures["accuracy"]["value"] == pytest.approx(0.96)
        assert figures["accuracy"]["low"] < 0.9
        assert figures["accuracy"]["high"] < 1
        assert figures["precision"]["value"] is None
        assert figures["precision"]["why"]
        assert (figures["recall"]["low"], figures["recall"]["high"]) == pytest.approx((0, 0.5615), abs=1e-3)
        assert figures["f1"]["value"] == 0
        assert figures["f1"]["high"] > 0.5
    assert len(pairs) == 10 * len(PAIRED_METRICS)
    assert {row["verdict"] for row in pairs} == {"cannot tell"}


def test_unrated_comments_do_not_count_and_labels_are_independent():
    labels, predictions = arms_of(300, {"odd": 2, "even": 1}, seeds=2)
    two = np.hstack([labels, labels])
    two[100:, 1] = np.nan
    doubled = {arm: np.concatenate([p, p], axis=2) for arm, p in predictions.items()}
    tests, _ = judge(two, doubled, ("toxicity", "insult"), at(0.5, doubled), **SETTINGS)
    first = {arm: p[:, :100] for arm, p in predictions.items()}
    alone, _ = judge(labels[:100], first, ("insult",), at(0.5, first), **SETTINGS)
    assert tests["odd"]["insult"] == alone["odd"]["insult"]


def test_the_same_seed_gives_the_same_figures_which_json_can_hold():
    labels, predictions = arms_of(200, {"odd": 2, "even": 1}, seeds=2)
    once, again = (judge(labels, predictions, ("toxicity",), at(0.5, predictions), **SETTINGS) for _ in range(2))
    assert json.dumps(once, allow_nan=False) == json.dumps(again)


def test_a_label_without_a_positive_comment_has_the_reason():
    labels, predictions = arms_of(100, {"odd": 2, "even": 1})
    tests, pairs = judge(labels * 0, predictions, ("toxicity",), at(0.5, predictions), **SETTINGS)
    assert tests["odd"]["toxicity"]["average_precision"] == {
        "value": None, "low": None, "high": None, "spread": None, "seeds": [None], "why": "no comment is positive",
    }  # fmt: skip
    assert pair(pairs, "odd", "even")["why"] == "no comment is positive"


def test_a_label_that_nobody_rated_has_the_reason():
    labels, predictions = arms_of(20, {"odd": 2, "even": 1})
    tests, pairs = judge(labels * np.nan, predictions, ("toxicity",), at(0.5, predictions), **SETTINGS)
    assert {one["why"] for one in tests["odd"]["toxicity"].values()} == {"no comment is rated for this attribute"}
    assert {row["verdict"] for row in pairs} == {"cannot tell"}


@pytest.mark.parametrize(
    ("shape", "limits"), [((1, 2, 1), (1, 1)), ((1, 3, 1), (2, 1)), ((3, 1), (1, 1)), ((2, 3, 1), (2, 1))]
)
def test_shapes_that_do_not_fit_are_refused(shape, limits):
    predictions = {"odd": np.zeros(shape), "even": np.zeros((3, 3, 1))}
    thresholds = {"odd": np.zeros(limits), "even": np.zeros((3, 1))}
    with pytest.raises(ValueError, match="arm odd"):
        judge(np.zeros((3, 1)), predictions, ("toxicity",), thresholds, **SETTINGS)
