"""The search of an arm's settings: the same trials for every arm, judged on validation alone, and repeatable."""

import dataclasses
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from retort.errors import DataError, RunError
from retort.evaluation.metrics import measure
from retort.recipes import steps, tune
from retort.recipes.experiment import ExperimentSettings, resolve
from retort.recipes.inputs import read_inputs
from retort.recipes.tune import Candidate, require_searchable
from retort.training.loop import AfterEpoch, Fitted
from tests.command import retort, without_report
from tests.conftest import tiny_rows
from tests.recipes.tiny_runs import (
    Compare,
    comparison_of,
    history_of,
    predictions_of,
    started,
    weights_of,
    write_comments,
)

ARMS = "majority,tfidf,teacher,odd,lora"
SEARCHED = ("teacher", "odd", "lora")
TRIALS = 4


class Searched(NamedTuple):
    """A run with a search of every arm, and what it printed on the way."""

    folder: Path
    printed: str


@pytest.fixture(scope="module")
def searched(tiny_bert: Path, tiny_comments: Path, tmp_path_factory: pytest.TempPathFactory) -> Searched:
    folder = tmp_path_factory.mktemp("runs") / "searched"
    with without_report():
        ended = started(tiny_bert, tiny_comments, folder, ARMS, "--tune", str(TRIALS))
    assert ended.code == 0, ended.err
    return Searched(folder, ended.err)


def search_of(run: Path, arm: str) -> Any:
    return comparison_of(run)["tuning"]["arms"][arm]


# --- whole comparisons ---


@pytest.mark.slow
def test_every_trained_arm_has_the_same_number_of_trials_and_the_first_is_its_settings(searched: Searched) -> None:
    tuning = comparison_of(searched.folder)["tuning"]
    assert json.loads((searched.folder / "tuning.json").read_text()) == tuning
    assert tuning["trials"] == TRIALS
    assert tuple(tuning["arms"]) == SEARCHED
    rates = {"teacher": 5e-3, "odd": 5e-3, "lora": 3e-2}
    for arm, search in tuning["arms"].items():
        tried = [trial["learning_rate"] for trial in search["trials"]]
        assert len(set(tried)) == len(tried) == TRIALS
        assert tried[0] == rates[arm]
        low, high = search["range"]["learning_rate"]
        assert (low, high) == pytest.approx((rates[arm] / 10, rates[arm] * 10))
        assert all(low <= rate <= high for rate in tried)
        assert all(("r" in trial) == (arm == "lora") for trial in search["trials"])
    assert search_of(searched.folder, "lora")["trials"][0]["r"] == 8
    assert search_of(searched.folder, "lora")["range"]["r"] == [4, 8, 16, 32]


@pytest.mark.slow
def test_the_best_trial_on_validation_is_the_training_that_is_judged(searched: Searched) -> None:
    for arm in SEARCHED:
        search, facts = search_of(searched.folder, arm), comparison_of(searched.folder)["arms"][arm]
        scores = [t["average_precision"] if t["state"] == "complete" else -1 for t in search["trials"]]
        number = search["chosen"]["trial"]
        assert number == int(np.argmax(scores)) + 1
        assert search["chosen"]["learning_rate"] == search["trials"][number - 1]["learning_rate"]
        kept = history_of(searched.folder, arm)[facts["best_epoch"] - 1]
        assert kept["validation"]["average_precision"] == scores[number - 1]


@pytest.mark.slow
def test_the_written_settings_give_the_same_models_without_a_search(searched: Searched, tmp_path: Path) -> None:
    written = tomllib.loads((searched.folder / "experiment.toml").read_text())
    assert written["tune"] == ""
    for arm in SEARCHED:
        rate = search_of(searched.folder, arm)["chosen"]["learning_rate"]
        assert written["arm"][arm]["training"] == {"learning_rate": rate}
    rank = search_of(searched.folder, "lora")["chosen"]["r"]
    assert written["arm"]["lora"]["lora"] == {"r": rank, "alpha": 4 * rank}
    again = tmp_path / "again"
    with without_report():
        ended = retort("compare", "--config", searched.folder / "experiment.toml", "--out", again)
    assert ended.code == 0, ended.err
    assert "tuning" not in comparison_of(again)
    for arm in ARMS.split(","):
        assert predictions_of(again, arm).equals(predictions_of(searched.folder, arm)), arm
        if arm != "majority":
            assert weights_of(again, arm) == weights_of(searched.folder, arm)


@pytest.mark.slow
def test_no_trial_is_left_behind_and_each_has_its_line(searched: Searched) -> None:
    assert {path.name for path in searched.folder.iterdir() if path.is_dir()} == {*ARMS.split(",")}
    lines = [line.strip() for line in searched.printed.splitlines() if "tuning teacher" in line]
    trials = search_of(searched.folder, "teacher")["trials"]
    assert lines[0] == f"tuning teacher: trial 1 of {TRIALS}: rate 5e-3 -> {trials[0]['average_precision']:.3f}"
    for number, (line, trial) in enumerate(zip(lines, trials, strict=False), 1):
        assert line.startswith(f"tuning teacher: trial {number} of {TRIALS}: rate ")
        assert f"-> {trial['average_precision']:.3f}" in line
    assert lines[TRIALS].startswith("tuning teacher: chosen: rate ")
    assert len(lines) == TRIALS + 1


@pytest.mark.slow
def test_a_search_reads_no_test_label_and_no_test_text(compare: Compare, tmp_path: Path) -> None:
    rows = tiny_rows()
    data = write_comments(tmp_path / "train.csv", rows[:96])
    others = [(i, text.replace("the", "a"), round(1 - t, 3), round(1 - n, 3)) for i, text, t, n in rows[96:108]]
    tests = {"one": rows[96:], "other": others}
    one, other = (
        compare("teacher,odd", "--tune", "2", "--test", write_comments(tmp_path / f"{name}.csv", part), out=name,
                data=data)
        for name, part in tests.items()
    )  # fmt: skip
    for arm in ("teacher", "odd"):
        assert search_of(one, arm) | {"seconds": 0} == search_of(other, arm) | {"seconds": 0}
        assert weights_of(one, arm) == weights_of(other, arm)


@pytest.mark.slow
def test_students_are_searched_against_the_teacher_that_was_chosen(
    compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    outputs = steps.fitted_teacher

    def watched(context: Any) -> Any:
        teacher = outputs(context)
        seen.append((context.settings.training_of("teacher").learning_rate, teacher.outputs is not None))
        return teacher

    monkeypatch.setattr(steps, "fitted_teacher", watched)
    run = compare("teacher,odd", "--tune", "2")
    assert set(seen) == {(search_of(run, "teacher")["chosen"]["learning_rate"], True)}


# --- single arms, their training replaced by a made-up one ---

# (learning rate, epoch) -> average precision on validation, or an error.
Curve = Callable[[float, int], float]
EPOCHS = 3


@pytest.fixture
def made_up(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Any, list[str]]]:
    """Searches the odd arm (or another) whose average precision is a curve; returns its `Search` and the lines said."""

    def search(curve: Curve, arm: str = "odd", trials: int = 8, keep: str = "best") -> tuple[Any, list[str]]:
        settings = resolve(
            assignments=[f"tune={trials}", "student.learning_rate=1e-3", f"student.epochs={EPOCHS}",
                         f"student.keep={keep}", f"lora_training.epochs={EPOCHS}", f"base={tiny_bert}"]
        )  # fmt: skip

        def fit(context: Any, arm: Any) -> None:
            train(context.settings, arm.name, curve, context.after_epoch)

        monkeypatch.setattr(settings.kind_of(arm), "fit", fit)
        lines: list[str] = []
        context = FakeContext(settings)
        return tune.tuned(context, arm, lines.append), lines  # type: ignore[arg-type]

    return search


@dataclasses.dataclass(frozen=True)
class FakeContext:
    """What a search itself reads of a context."""

    settings: ExperimentSettings
    progress: None = None
    scratch: Path = Path("scratch")
    after_epoch: AfterEpoch | None = None


def train(settings: ExperimentSettings, arm: str, curve: Curve, after_epoch: AfterEpoch) -> Fitted:
    training = settings.training_of(arm)
    scores: list[float] = []
    for epoch in range(1, training.epochs + 1):
        scores.append(curve(training.learning_rate, epoch))
        kept = epoch if training.keep == "last" else int(np.argmax(scores)) + 1
        after_epoch({"epoch": epoch, "validation": {"average_precision": scores[-1]}}, kept)
    raise AssertionError("a trial goes on after its last epoch")


def peak(rate: float, epoch: int) -> float:
    """Best at a rate of 2e-3."""
    return 0.2 * epoch - 0.1 * abs(np.log10(rate / 2e-3))


def test_the_best_rate_on_validation_is_chosen(made_up: Callable[..., Any]) -> None:
    search, _ = made_up(peak, trials=12)
    distances = [abs(np.log10(trial["learning_rate"] / 2e-3)) for trial in search.record["trials"]]
    assert search.record["chosen"]["trial"] == int(np.argmin(distances)) + 1
    assert search.settings.training_of("odd").learning_rate == search.record["chosen"]["learning_rate"]
    # No other arm's settings are touched.
    assert search.settings.training_of("even").learning_rate == 1e-3


def test_a_trial_below_the_median_is_given_up_after_its_second_epoch(made_up: Callable[..., Any]) -> None:
    search, lines = made_up(peak, trials=12)
    trials = search.record["trials"]
    states = [trial["state"] for trial in trials]
    assert "pruned" in states
    # The rule itself, computed apart: the best so far against the median of those trained to the end.
    for index, trial in enumerate(trials):
        finished = [t["learning_rate"] for t in trials[:index] if t["state"] == "complete"]
        median = np.median([peak(rate, 2) for rate in finished]) if len(finished) >= 3 else -np.inf
        given_up = peak(trial["learning_rate"], 2) < median
        assert (trial["state"], trial["epochs"]) == (("pruned", 2) if given_up else ("complete", 3)), index
        assert ("given up after epoch 2" in lines[index]) == given_up


def test_a_trial_that_was_given_up_is_never_chosen(made_up: Callable[..., Any]) -> None:
    """Even where it was better, at its second epoch, than all others in the end."""

    def falling(rate: float, epoch: int) -> float:
        return peak(rate, {1: 1, 2: 4, 3: 2}[epoch])

    search, _ = made_up(falling, trials=12, keep="last")
    trials = search.record["trials"]
    best = {s: max(t["average_precision"] for t in trials if t["state"] == s) for s in ("pruned", "complete")}
    assert best["pruned"] > best["complete"]
    assert trials[search.record["chosen"]["trial"] - 1]["average_precision"] == best["complete"]


def test_among_equals_the_settings_as_they_are_win(made_up: Callable[..., Any]) -> None:
    search, _ = made_up(lambda _rate, _epoch: 0.5)
    assert search.record["chosen"] == {"trial": 1, "learning_rate": 1e-3}


@pytest.mark.parametrize(("keep", "measured"), [("best", 0.7), ("last", 0.4)])
def test_a_trial_is_measured_by_the_epoch_that_the_arm_keeps(
    made_up: Callable[..., Any], keep: str, measured: float
) -> None:
    search, _ = made_up(lambda _rate, epoch: {1: 0.2, 2: 0.7, 3: 0.4}[epoch], trials=1, keep=keep)
    assert search.record["trials"] == [
        {"learning_rate": 1e-3, "average_precision": measured, "epochs": 3, "state": "complete"}
    ]


def test_a_trial_that_diverges_is_recorded_and_the_search_goes_on(made_up: Callable[..., Any]) -> None:
    def diverging(rate: float, epoch: int) -> float:
        if rate > 1e-3:
            raise RunError("arm odd: epoch 1, step 2: the hard term is nan; lower its learning rate")
        return peak(rate, epoch)

    search, lines = made_up(diverging, trials=6)
    failed = [trial for trial in search.record["trials"] if trial["state"] == "failed"]
    assert failed
    assert all(trial["learning_rate"] > 1e-3 for trial in failed)
    assert all((t["average_precision"], t["epochs"]) == (None, 0) for t in failed)
    assert all("the hard term is nan" in trial["why"] for trial in failed)
    assert len(search.record["trials"]) == 6
    assert search.record["chosen"]["learning_rate"] <= 1e-3
    assert sum("failed: arm odd: epoch 1" in line for line in lines) == len(failed)


def test_an_arm_whose_trials_all_fail_fails_with_the_error_of_its_own_settings(made_up: Callable[..., Any]) -> None:
    def failing(rate: float, epoch: int) -> float:
        raise RunError(f"arm odd: epoch 1, step 2: the hard term is nan at {rate}; lower its learning rate")

    with pytest.raises(RunError, match=r"the hard term is nan at 0\.001; lower"):
        made_up(failing, trials=3)


def test_the_same_seed_searches_the_same_settings(made_up: Callable[..., Any]) -> None:
    first, second = (made_up(peak, arm="lora")[0].record["trials"] for _ in range(2))
    assert first == second
    assert len({trial["r"] for trial in first}) > 1


def test_an_interruption_ends_the_search_at_once(made_up: Callable[..., Any]) -> None:
    def interrupted(rate: float, epoch: int) -> float:
        if rate != 1e-3:
            raise KeyboardInterrupt
        return 0.5

    with pytest.raises(KeyboardInterrupt):
        made_up(interrupted)


# --- settings ---


@pytest.mark.parametrize(("rank", "alpha"), [(4, 16), (8, 32), (32, 128)])
def test_alpha_keeps_its_ratio_to_the_rank(rank: int, alpha: int) -> None:
    settings = Candidate(1e-3, rank).put_into(resolve(), "lora")
    assert (settings.lora_of("lora").r, settings.lora_of("lora").alpha) == (rank, alpha)
    assert settings.lora_of("lora").dropout == resolve().lora.dropout
    assert settings.lora == resolve().lora


def test_overrides_of_an_arm_are_kept_beside_those_of_the_search() -> None:
    settings = resolve(assignments=["arm.odd.training.epochs=7"])
    chosen = Candidate(2e-5).put_into(settings, "odd")
    assert chosen.arm["odd"].training == {"epochs": 7, "learning_rate": 2e-5}


@pytest.mark.parametrize("trials", [0, -3])
def test_no_trials_at_all_are_refused(tiny_bert: Path, tiny_comments: Path, tmp_path: Path, trials: int) -> None:
    ended = started(tiny_bert, tiny_comments, tmp_path / "run", "teacher", "--tune", str(trials))
    assert ended.code == 2
    assert f"tune = {trials}: Input should be greater than 0" in ended.error


def test_a_search_without_an_arm_to_search_is_refused(tiny_bert: Path, tiny_comments: Path, tmp_path: Path) -> None:
    ended = started(tiny_bert, tiny_comments, tmp_path / "run", "majority,tfidf", "--tune", "3")
    assert ended.code == 2
    assert "tune searches rates, but none of majority, tfidf is trained by one; leave it out" in ended.error


def test_a_ready_made_teacher_is_not_searched(tmp_path: Path) -> None:
    settings = resolve(overrides={"teacher_folder": tmp_path}, assignments=["tune=2"])
    assert settings.searched == ["odd", "even", "lora"]


def test_validation_comments_of_one_kind_are_refused(tiny_comments: Path, tmp_path: Path) -> None:
    calm = [(f"v{i}", text.upper() + "!", 0.1, 0.0) for i, text, t, _ in tiny_rows() if t < 0.5]
    data = {"source": "file", "train_file": tiny_comments, "validation_file": write_comments(tmp_path / "v.csv", calm)}
    settings = resolve(overrides={"data": data}, assignments=["tune=2"])
    inputs = read_inputs(settings)
    with pytest.raises(DataError, match=r"validation: its \d+ comments are not of both kinds of toxicity, .*--tune"):
        require_searchable(settings, inputs)
    require_searchable(settings.model_copy(update={"tune": None}), inputs)
    assert measure(inputs.validation.labels[:, 0], np.zeros(len(inputs.validation.ids)), 0.5)["roc_auc"] is None
