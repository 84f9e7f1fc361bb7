"""The model to ship, and sentences that never contradict the table of pairs."""

import itertools
import re
from typing import Any

import pytest

from retort.report.choice import choose, pair_verdicts, verdict
from retort.report.comparison import Comparison
from retort.tasks import default_task

# Average precision and milliseconds of each made-up model, the best first.
MODELS = {"teacher": (0.80, 12.0), "odd": (0.78, 6.0), "tfidf": (0.60, 0.2)}
ROLES = {"majority": "baseline", "tfidf": "baseline", "teacher": "teacher"}
# Verdicts of a pair whose first model has the higher figure: it is never shown to be worse.
VERDICTS = ("a", "tie", "cannot tell")


def content(
    pairs: dict[tuple[str, str], str],
    models: dict[str, tuple[float, float | None]] = MODELS,
    beats_majority: frozenset[str] | None = None,
) -> dict[str, Any]:
    """comparison.json with the given verdicts; all models are shown to beat the majority unless named."""

    def arm(name: str, average_precision: float, milliseconds: float | None) -> dict[str, Any]:
        figure = {"value": average_precision, "low": average_precision - 0.1, "high": average_precision + 0.1}
        return {
            "role": ROLES.get(name, "student"),
            "loader": None if name == "majority" else "transformers",
            "test": {"toxicity": {"average_precision": figure}},
            "cost": {"latency_ms": {"p50": milliseconds}, "size_bytes": 1000},
        }

    def pair(a: str, b: str, verdict: str) -> dict[str, Any]:
        row = {"a": a, "b": b, "metric": "average_precision", "verdict": verdict}
        return row | {"difference": 0.01, "low": -0.1, "high": 0.1, "p_value": 0.5, "comments_needed": 5000}

    beaten = models if beats_majority is None else beats_majority
    return {
        "task": default_task().as_dict(),
        "attributes": ["toxicity"],
        "primary": "toxicity",
        "label_threshold": 0.6,
        "arms": {"majority": arm("majority", 0.2, None)}
        | {name: arm(name, *figures) for name, figures in models.items()},
        "pairs": [pair(name, "majority", "a" if name in beaten else "cannot tell") for name in models]
        + [pair(a, b, verdict) for (a, b), verdict in pairs.items()],
        "data": {"shares": {"test": {"rows": 150, "toxicity": 0.22}}},
    }


CASES = [
    # teacher-odd, teacher-tfidf, odd-tfidf; the headline
    (("a", "a", "a"), "On a CPU, ship teacher."),
    (("tie", "a", "a"), "On a CPU, ship odd."),
    (
        ("a", "tie", "a"),
        "No model is shown to be best; tfidf is the fastest of those not shown to be worse than teacher.",
    ),
    (("tie", "tie", "tie"), "On a CPU, ship tfidf."),
    (("cannot tell", "a", "a"), "No model is shown to be best; odd is the fastest of those not shown to be worse."),
    (
        ("cannot tell", "a", "cannot tell"),
        "No model is shown to be best; odd is the fastest of those not shown to be worse.",
    ),
    (("a", "cannot tell", "tie"), "No model is shown to be best; tfidf is the fastest of those not shown to be worse."),
    (("cannot tell",) * 3, "No model is shown to be best; tfidf is the fastest of those not shown to be worse."),
]


@pytest.mark.parametrize(("verdicts", "headline"), CASES)
def test_the_headline_names_a_model_to_ship_only_where_the_pairs_show_it(verdicts, headline):
    assert choose(comparison(verdicts)).headline == headline


def comparison(verdicts: tuple[str, ...]) -> Comparison:
    return Comparison(content(dict(zip(itertools.combinations(MODELS, 2), verdicts, strict=True))))


@pytest.mark.parametrize("verdicts", list(itertools.product(VERDICTS, repeat=3)))
def test_headline_reason_and_pairs_agree_for_every_combination_of_verdicts(verdicts):
    found = comparison(verdicts)
    choice = choose(found)
    assert choice.arm is not None
    for other in set(MODELS) - {choice.arm}:
        better = (found.pair(choice.arm, other) or {})["better"]
        clause = {
            choice.arm: rf"{choice.arm} is shown to rank better than (?:(?! and ties)[^.])*\b{other}\b",
            other: rf"\b{other}\b[^.]* shown to rank better than {choice.arm}\.",
            "tie": rf"ties with [^.]*\b{other}\b",
            "cannot tell": rf"cannot tell {choice.arm} from [^.]*\b{other}\b",
        }
        for relation, pattern in clause.items():
            assert bool(re.search(pattern, choice.reason)) == (relation == better), choice.reason
    shown = all(
        (found.pair(choice.arm, other) or {})["better"] in (choice.arm, "tie") for other in set(MODELS) - {choice.arm}
    )
    assert choice.headline.startswith("On a CPU, ship") == shown
    assert choice.headline.startswith("No model is shown to be best") != shown


@pytest.mark.parametrize(("odd_ms", "even_ms"), [(5.9, 5.8), (5.8, 5.9)])
def test_noise_in_the_latency_does_not_choose_between_models_of_one_speed(odd_ms: float, even_ms: float) -> None:
    models = {"odd": (0.78, odd_ms), "even": (0.77, even_ms)}
    choice = choose(Comparison(content({("odd", "even"): "cannot tell"}, models)))
    assert choice.arm == "odd"
    assert ("about as fast as any" in choice.headline) == (odd_ms > even_ms)


def test_a_model_that_is_really_faster_is_chosen_where_it_is_not_shown_to_be_worse() -> None:
    models = {"odd": (0.78, 11.0), "even": (0.77, 5.9)}
    assert choose(Comparison(content({("odd", "even"): "cannot tell"}, models))).arm == "even"


def test_a_model_not_shown_to_beat_the_majority_is_no_candidate_and_the_reason_names_it() -> None:
    pairs = {("teacher", "odd"): "a", ("teacher", "tfidf"): "cannot tell", ("odd", "tfidf"): "cannot tell"}
    choice = choose(Comparison(content(pairs, beats_majority=frozenset({"teacher", "odd"}))))
    assert (
        choice.headline
        == "No model is shown to be best; teacher is the fastest of the candidates not shown to be worse."
    )
    assert "tfidf is no candidate: not shown to rank better than majority." in choice.reason


def test_no_model_is_shipped_that_is_not_shown_to_beat_the_majority() -> None:
    found = content(dict.fromkeys(itertools.combinations(MODELS, 2), "cannot tell"), beats_majority=frozenset())
    assert choose(Comparison(found)).arm is None
    assert verdict(found).startswith(
        "No model here is shown to be worth shipping. On these test comments none is shown"
    )


def test_a_slower_model_that_is_shown_to_be_best_comes_with_what_a_faster_student_keeps() -> None:
    assert "Where speed counts more, odd keeps 98 % of its average precision at 2.0 times the speed." in (
        choose(comparison(("a", "a", "a"))).reason
    )


def test_without_latencies_the_highest_figure_is_named_for_what_it_is() -> None:
    models = {name: (value, None) for name, (value, _) in MODELS.items()}
    pairs = dict.fromkeys(itertools.combinations(MODELS, 2), "cannot tell")
    choice = choose(Comparison(content(pairs, models)))
    assert choice.headline == "No model is shown to be best; teacher has the highest average precision."
    assert "No latency was measured. These test comments cannot tell teacher from odd and tfidf." in choice.reason


@pytest.mark.parametrize(("positives", "arm"), [(9, None), (10, "teacher")])
def test_fewer_than_ten_positive_comments_choose_no_model_whatever_the_pairs_show(positives, arm) -> None:
    found = content(dict.fromkeys(itertools.combinations(MODELS, 2), "a"))
    found["data"]["shares"]["test"]["toxicity"] = positives / 150
    choice = choose(Comparison(found))
    assert choice.arm == arm
    few = "Too few toxic test comments to choose a model."
    assert (choice.headline == few) == (arm is None)
    assert ("150 comments, 9 of them toxic." in choice.reason) == (arm is None)


def test_a_model_without_a_pair_is_undecided() -> None:
    found = Comparison(content({}))
    assert pair_verdicts(found, "odd").undecided == ["teacher", "tfidf"]
