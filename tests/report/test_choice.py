"""The model chosen on validation, whether the test comments confirm it, and sentences that never claim more."""

import itertools
import re
from typing import Any

import pytest

from retort.report.choice import by_cost, choose, needed, recommend, standing_of, verdict
from retort.report.comparison import Comparison
from retort.tasks import default_task

# Average precision on validation and milliseconds of each made-up model.
MODELS = {"teacher": (0.800, 12.0), "odd": (0.795, 6.0), "static": (0.700, 0.3)}
ROLES = {"majority": "baseline", "teacher": "teacher"}
# The possible verdicts of a pair (a, b), and which of the two each favours.
VERDICTS = (
    ("better", "a"), ("better", "b"), ("equivalent", None), ("not worse", "a"), ("not worse", "b"),
    ("cannot tell", None),
)  # fmt: skip


def content(
    pairs: dict[tuple[str, str], tuple[str, str | None]],
    models: dict[str, tuple[float | None, float | None]] = MODELS,
    *,
    above_majority: bool = True,
    sizes: dict[str, int] | None = None,
    seeds: tuple[int, ...] = (0, 1, 2),
) -> dict[str, Any]:
    """comparison.json with the given validation figures and verdicts."""

    def arm(name: str, value: float | None, milliseconds: float | None) -> dict[str, Any]:
        figure = {"value": value, "low": (value or 0) - 0.1, "high": (value or 0) + 0.1, "seeds": [value]}
        validation = {} if value is None else {"toxicity": {"average_precision": {"value": value, "seeds": [value]}}}
        return {
            "role": ROLES.get(name, "student"),
            "loader": None if name == "majority" else "transformers",
            "excluded": None,
            "validation": validation,
            "test": {"toxicity": {"average_precision": figure}},
            "cost": {"latency_ms": {"p50": milliseconds}, "size_bytes": (sizes or {}).get(name, 1000)},
        }

    def pair(a: str, b: str, found: tuple[str, str | None]) -> dict[str, Any]:
        row = {"a": a, "b": b, "metric": "average_precision", "verdict": found[0], "favours": found[1]}
        return row | {
            "difference": 0.01, "low": -0.1, "high": 0.1, "p_value": 0.5, "p_holm": 0.9, "seeds": [0.01],
            "comments_needed": 5000, "seeds_needed": 7,
        }  # fmt: skip

    against = ("better", "a") if above_majority else ("cannot tell", None)
    return {
        "schema": 3,
        "task": default_task().as_dict(),
        "attributes": ["toxicity"],
        "primary": "toxicity",
        "label_threshold": 0.6,
        "seeds": list(seeds),
        "failed_seeds": {},
        "margin": 0.01,
        "limits": {},
        "arms": {"majority": arm("majority", 0.2, None)}
        | {name: arm(name, *figures) for name, figures in models.items()},
        "pairs": [pair(name, "majority", against) for name in models]
        + [pair(a, b, found) for (a, b), found in pairs.items()],
        "data": {"shares": {"test": {"rows": 300, "toxicity": 16 / 300}}},
    }


def all_pairs(found: tuple[str, str | None]) -> dict[tuple[str, str], tuple[str, str | None]]:
    return dict.fromkeys(itertools.combinations(MODELS, 2), found)


# teacher-odd, teacher-static, odd-static: odd is the candidate, the cheapest within the margin of the teacher.
SHOWN = {
    ("teacher", "odd"): ("not worse", "b"),
    ("teacher", "static"): ("better", "a"),
    ("odd", "static"): ("better", "a"),
}


def test_the_candidate_is_the_cheapest_within_the_margin_on_validation_and_is_recommended_when_shown() -> None:
    found = content(SHOWN)
    assert recommend(found) == {"candidate": "odd", "arm": "odd", "shown": True}
    choice = choose(Comparison(found))
    assert choice.headline == "On a CPU, ship odd."
    assert "average precision of odd (0.795) is within 0.01 of the highest (teacher, 0.800)" in choice.reason
    assert "odd is shown to be better than static and not worse than teacher by more than 0.01." in choice.reason


def test_test_figures_choose_nothing() -> None:
    """Whatever the figures on the test split, the candidate is the one of validation."""
    found = content(SHOWN)
    found["arms"]["static"]["test"]["toxicity"]["average_precision"]["value"] = 0.99
    assert recommend(found)["candidate"] == "odd"
    found["arms"]["static"]["validation"]["toxicity"]["average_precision"]["value"] = 0.99
    assert recommend(found)["candidate"] == "static"


@pytest.mark.parametrize("verdicts", list(itertools.product(VERDICTS, repeat=3)))
def test_a_model_is_recommended_only_where_every_pair_shows_it_and_the_sentences_follow_the_pairs(verdicts) -> None:
    found = Comparison(content(dict(zip(itertools.combinations(MODELS, 2), verdicts, strict=True))))
    choice = choose(found)
    others = [arm for arm in MODELS if arm != "odd"]
    pairs = {other: found.pair("odd", other) or {} for other in others}
    shown = all(pair["verdict"] == "equivalent" or pair["favours"] == "odd" for pair in pairs.values())
    assert choice.candidate == "odd"
    assert (choice.arm == "odd") == shown
    assert ("ship odd" in choice.headline) == shown
    for other, pair in pairs.items():
        clauses = {
            ("better", "odd"): rf"shown to be [^.]*better than[^.]*{other}",
            ("equivalent", None): rf"equivalent to[^.]*{other}",
            ("not worse", "odd"): rf"not worse than[^.]*{other}",
            ("better", other): rf"{other}[^.]* shown to be better than odd",
        }
        wanted = clauses.get(
            (pair["verdict"], pair["favours"]), rf"cannot tell whether (it|odd) is worse than[^.]*{other}"
        )
        assert re.search(wanted, choice.reason), choice.reason


def test_where_nothing_is_shown_the_headline_counts_comments_and_seeds_and_the_reason_says_what_it_takes() -> None:
    choice = choose(Comparison(content(all_pairs(("cannot tell", None)))))
    assert choice.headline == "These 300 test comments (16 toxic) and 3 seeds cannot tell which model is best."
    assert choice.reason.startswith(
        "Cheapest candidates: static, odd, teacher. To show that odd is within 0.01 of teacher takes about 5,000 test "
        "comments and 7 seeds. "
    )
    assert choice.arm is None


def test_candidates_are_not_those_that_are_shown_to_be_worse_than_the_best() -> None:
    pairs = all_pairs(("cannot tell", None)) | {("teacher", "static"): ("better", "a")}
    assert choose(Comparison(content(pairs))).reason.startswith("Cheapest candidates: odd, teacher. ")


def test_a_candidate_that_is_shown_to_be_worse_is_not_recommended_and_the_headline_says_so() -> None:
    choice = choose(Comparison(content(SHOWN | {("teacher", "odd"): ("better", "a")})))
    assert choice.headline == "No model is recommended: on test, odd is shown to be worse than teacher."
    assert (
        "For information: on the test comments teacher is shown not to be worse than any other model" in choice.reason
    )


def test_no_model_is_recommended_that_is_not_shown_to_rank_better_than_the_constant_baseline() -> None:
    choice = choose(Comparison(content(SHOWN, above_majority=False)))
    assert choice.arm is None
    assert choice.headline == "No model is recommended: odd is not shown to rank better than majority."


def test_one_seed_has_no_spread_and_says_so() -> None:
    for pairs in (SHOWN, all_pairs(("cannot tell", None))):
        text = verdict(content(pairs, seeds=(0,)))
        assert text.endswith(
            "One seed: no spread. The intervals cover the choice of test comments, not the chance in training."
        )
    assert "One seed" not in verdict(content(SHOWN))
    assert needed({"comments_needed": 900, "seeds_needed": None, "why": "one seed: no spread"}) == (
        "900 test comments for the chance in the comments alone (one seed: no spread)"
    )


def test_a_model_over_a_limit_is_no_contender_and_is_named() -> None:
    found = content(SHOWN)
    found["arms"]["odd"]["excluded"] = "one comment 6.0 ms, over 5.0 ms"
    choice = choose(Comparison(found))
    assert choice.candidate == "teacher"
    assert "Not within the limits: odd (one comment 6.0 ms, over 5.0 ms)." in choice.reason


def test_limits_hold_where_no_reason_was_recorded_too() -> None:
    found = content(SHOWN) | {"limits": {"latency_ms": 5.0}}
    for facts in found["arms"].values():
        del facts["excluded"]
    choice = choose(Comparison(found))
    assert (choice.candidate, choice.arm) == ("static", "static")
    assert "teacher (one comment 12.0 ms, over 5.0 ms) and odd (one comment 6.0 ms, over 5.0 ms)" in choice.reason


def test_limits_that_exclude_every_model_give_no_recommendation() -> None:
    found = content(SHOWN)
    for facts in found["arms"].values():
        facts["excluded"] = "on disk 90 MB, over 1 MB"
    choice = choose(Comparison(found))
    assert choice.headline == "No model is within the limits."
    assert choice.reason.startswith("No recommendation. Not within the limits: teacher (on disk 90 MB, over 1 MB), odd")
    assert recommend(found) == {"candidate": None, "arm": None, "shown": False}


def test_without_figures_on_validation_nothing_is_chosen_and_what_the_test_shows_is_said() -> None:
    models = {name: (None, cost) for name, (_, cost) in MODELS.items()}
    assert recommend(content(SHOWN, models))["candidate"] is None
    some = content(SHOWN)
    some["arms"]["static"]["validation"] = {}
    choice = choose(Comparison(some))
    assert choice.headline == "No model is recommended."
    assert choice.reason.startswith("Average precision on validation was not measured for static.")
    assert "teacher is shown to be better than static." in choice.reason


@pytest.mark.parametrize(("milliseconds", "expected"), [((6.0, 6.5), "even"), ((6.0, 6.7), "odd")])
def test_of_models_within_a_tenth_of_the_fastest_the_smaller_on_disk_is_the_cheaper(milliseconds, expected) -> None:
    models = {"odd": (0.8, milliseconds[0]), "even": (0.8, milliseconds[1])}
    found = Comparison(content({("odd", "even"): ("equivalent", None)}, models, sizes={"odd": 900, "even": 800}))
    assert by_cost(found, ["odd", "even"])[0] == expected
    assert choose(found).candidate == expected


def test_a_model_without_a_measured_latency_is_the_dearest() -> None:
    found = Comparison(content({}, {"odd": (0.8, None), "even": (0.8, 50.0)}))
    assert by_cost(found, ["odd", "even"]) == ["even", "odd"]


def test_a_single_model_is_recommended_when_it_beats_the_constant_baseline() -> None:
    choice = choose(Comparison(content({}, {"odd": (0.8, 6.0)})))
    assert choice.arm == "odd"
    assert "It is the only contender." in choice.reason


def test_a_comparison_without_a_model_says_so() -> None:
    assert choose(Comparison(content({}, {}))).headline == "There is no model to choose."


def test_a_model_without_a_pair_is_undecided() -> None:
    found = Comparison(content({}))
    assert standing_of(found, "odd", list(MODELS)).undecided == ["teacher", "static"]


def test_a_pair_seen_from_its_other_arm_has_every_sign_turned() -> None:
    found = content({("teacher", "odd"): ("not worse", "a")})
    found["pairs"][-1] |= {"difference": 0.02, "low": -0.005, "high": 0.045, "seeds": [0.01, 0.03]}
    pair = Comparison(found).pair("odd", "teacher")
    assert pair is not None
    assert (pair["difference"], pair["low"], pair["high"], pair["seeds"]) == (-0.02, -0.045, 0.005, [-0.01, -0.03])
    assert (pair["a"], pair["b"], pair["favours"]) == ("odd", "teacher", "teacher")
