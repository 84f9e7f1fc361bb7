"""Several seeds and several draws: what is shared, what is kept, and how a run is extended."""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pandas as pd
import pytest

from retort import runs
from retort.errors import ConfigError, RunError
from retort.recipes import further
from retort.recipes.experiment import resolve
from tests.command import QUICK, Finished, retort, without_report
from tests.recipes.tiny_runs import Compare, about, comparison_of, predictions_of, weights_of

ARMS = "majority,tfidf,teacher,odd,lora"
# What is learnt does not matter here, only that something is.
BRIEF = (
    *QUICK, "--set", "teacher.epochs=2", "--set", "student.epochs=1", "--set", "lora_training.epochs=1",
    "--set", "evaluation.latency_comments=1", "--set", "evaluation.speed_comments=2",
)  # fmt: skip


@pytest.fixture
def compare(tiny_bert: Path, tiny_comments: Path, tmp_path: Path) -> Iterator[Compare]:
    """Runs a brief comparison without its report and returns its folder."""

    def run(arms: str, *arguments: str | Path, out: str = "run") -> Path:
        ended = brief(tiny_bert, tiny_comments, tmp_path / out, arms, *arguments)
        assert ended.code == 0, ended.err
        return tmp_path / out

    with without_report():
        yield run


def brief(base: Path, data: Path, out: Path, arms: str, *arguments: str | Path) -> Finished:
    return retort(
        "compare", "--base", base, "--data", data, "--out", out, *BRIEF, "--set", f"arms=[{arms}]", *arguments
    )


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture(scope="module")
def three_seeds(tiny_bert: Path, tiny_comments: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three seeds; copy it before changing it."""
    out = tmp_path_factory.mktemp("seeds") / "run"
    with without_report():
        ended = brief(tiny_bert, tiny_comments, out, ARMS, "--seeds", "3")
    assert ended.code == 0, ended.err
    return out


def test_every_seed_keeps_its_predictions_and_history_and_the_first_its_models(three_seeds: Path) -> None:
    assert entries(three_seeds / "seeds") == {"1", "2"}
    for seed in ("1", "2"):
        folder = three_seeds / "seeds" / seed
        assert entries(folder) == {"teacher", "odd", "lora", "run.json"}
        for arm in ("teacher", "odd", "lora"):
            assert entries(folder / arm) == {
                "retort.json", "training.json", "history.jsonl", "predictions.parquet", "metrics.json",
            }  # fmt: skip
    assert weights_of(three_seeds, "odd")
    content = comparison_of(three_seeds)
    assert content["seeds"] == [0, 1, 2]
    assert content["failed_seeds"] == {}
    odd = content["arms"]["odd"]
    assert [row["seed"] for row in odd["training"]] == [0, 1, 2]
    assert odd["history"] == odd["training"][0]["history"]
    assert len(odd["test"]["toxicity"]["average_precision"]["seeds"]) == 3
    assert len(content["arms"]["tfidf"]["training"]) == 1, "a baseline is trained once"


def test_seeds_share_the_split_and_differ_in_what_they_learn(three_seeds: Path) -> None:
    first, second = (predictions_of(folder, "odd") for folder in (three_seeds, three_seeds / "seeds" / "1"))
    assert first["id"].tolist() == second["id"].tolist()
    assert first["split"].tolist() == second["split"].tolist()
    assert (first["toxicity"] != second["toxicity"]).any()


def test_a_further_seed_is_what_a_run_of_that_seed_alone_gives(three_seeds: Path, compare: Compare) -> None:
    """Each student learns from the teacher of its own seed: a run with this seed alone has no other."""
    alone = compare(ARMS, "--seed", "2")
    for arm in ("teacher", "odd", "lora"):
        pd.testing.assert_frame_equal(predictions_of(alone, arm), predictions_of(three_seeds / "seeds" / "2", arm))


def test_the_data_seed_draws_the_split_and_the_seed_does_not(three_seeds: Path, compare: Compare) -> None:
    other_seed = compare("majority,tfidf", "--seed", "7", out="seed")
    other_split = compare("majority,tfidf", "--set", "data.seed=7", out="split")
    own, same, different = (
        pd.read_parquet(folder / "splits.parquet")["split"].tolist()
        for folder in (three_seeds, other_seed, other_split)
    )
    assert same == own
    assert different != own


def test_an_extended_run_is_the_run_that_had_all_seeds_from_the_start(three_seeds: Path, compare: Compare) -> None:
    run = compare(ARMS)
    ended = retort("compare", "--extend", run, "--seeds", "3", "--json")
    assert ended.code == 0, ended.err
    whole, extended = comparison_of(three_seeds), comparison_of(run)
    assert json.loads(ended.out) == extended
    assert extended["seeds"] == [0, 1, 2]
    for arm, facts in whole["arms"].items():
        assert extended["arms"][arm]["test"] == facts["test"], arm
    assert extended["pairs"] == whole["pairs"]
    assert resolve(file=run / "experiment.toml").seeds == (0, 1, 2)


def test_extending_leaves_the_models_of_the_first_seed_untouched(compare: Compare) -> None:
    run = compare("tfidf,teacher")
    before = runs.sha256(run / "tfidf" / "manifest.json")
    assert retort("compare", "--extend", run, "--seeds", "2").code == 0
    assert runs.sha256(run / "tfidf" / "manifest.json") == before


def test_keep_all_keeps_models_that_can_be_loaded(compare: Compare) -> None:
    from retort import Classifier

    run = compare("teacher,odd", "--seeds", "2", "--keep-all")
    folder = run / "seeds" / "1"
    given = Classifier.load(folder / "odd").probabilities(["the good mayor opened the bridge today."])
    assert given.shape == (1, 2)


def test_resplits_repeat_the_draw_and_every_seed(compare: Compare) -> None:
    run = compare("majority,teacher,odd", "--resplits", "3", "--seeds", "2")
    assert entries(run / "resplits") == {"1", "2"}
    assert entries(run / "resplits" / "1") >= {"splits.parquet", "odd", "seeds", "run.json"}
    drawn = [pd.read_parquet(folder / "splits.parquet") for folder in (run, *sorted((run / "resplits").iterdir()))]
    assert len({tuple(frame["split"]) for frame in drawn}) == 3
    rows = comparison_of(run)["resplits"]
    assert [row["data_seed"] for row in rows] == [0, 1, 2]
    for row in rows:
        assert len(row["arms"]["odd"]["average_precision"]["seeds"]) == 2
        assert {(pair["a"], pair["b"]) for pair in row["pairs"]} >= {("teacher", "odd")}


class _FailsOnce:
    """Fails one seed, the first time it is trained."""

    def __init__(self, seed: int) -> None:
        self.seed, self.failed = seed, False
        self._train = further.train

    def __call__(self, settings: object, *arguments: object, **options: object) -> object:
        if getattr(settings, "seed") == self.seed and not self.failed:  # noqa: B009
            self.failed = True
            raise RunError("arm odd: epoch 1, step 2: the hard term is nan")
        return self._train(settings, *arguments, **options)  # type: ignore[arg-type]


def test_a_seed_that_fails_is_named_and_the_others_are_kept(
    tiny_bert: Path, tiny_comments: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with without_report(), mock.patch.object(further, "train", _FailsOnce(1)):
        ended = brief(tiny_bert, tiny_comments, run, "majority,teacher,odd", "--seeds", "3")
    assert ended.code == 6
    assert "seed 1: arm odd: epoch 1, step 2: the hard term is nan" in ended.error
    assert f"retort compare --extend {run}" in ended.error
    content = comparison_of(run)
    assert content["seeds"] == [0, 2]
    assert content["failed_seeds"] == {"seed 1": "arm odd: epoch 1, step 2: the hard term is nan"}
    assert entries(run / "seeds") == {"2"}
    with without_report():
        again = retort("compare", "--extend", run)
    assert again.code == 0, again.err
    assert comparison_of(run)["seeds"] == [0, 1, 2]
    assert comparison_of(run)["failed_seeds"] == {}


def test_an_interrupted_extension_keeps_its_finished_seeds_and_goes_on(compare: Compare) -> None:
    run = compare("majority,teacher")
    train = further.train

    def interrupted(settings: object, *arguments: object, **options: object) -> object:
        if getattr(settings, "seed") == 2:  # noqa: B009
            signal.raise_signal(signal.SIGINT)
        return train(settings, *arguments, **options)  # type: ignore[arg-type]

    with mock.patch.object(further, "train", interrupted):
        ended = retort("compare", "--extend", run, "--seeds", "3")
    assert ended.code == 130
    assert f"retort compare --extend {run}" in ended.err
    assert entries(run / "seeds") == {"1"}
    assert comparison_of(run)["seeds"] == [0], "the comparison is of what it was judged on"
    # As the error says: the number of seeds is remembered.
    assert retort("compare", "--extend", run).code == 0
    assert comparison_of(run)["seeds"] == [0, 1, 2]


def test_an_interrupted_judgement_says_that_the_run_is_kept(compare: Compare) -> None:
    run = compare("majority,tfidf")
    interrupt = mock.patch(
        "retort.recipes.compare.comparison_of", side_effect=lambda *_: signal.raise_signal(signal.SIGINT)
    )
    with interrupt:
        ended = retort("compare", "--extend", run)
    assert ended.code == 130
    assert "nothing was written" not in ended.error
    assert f"retort compare --extend {run}" in ended.error


def test_a_searched_run_gets_no_further_draws(compare: Compare) -> None:
    """What was chosen on the validation comments of one draw has seen test comments of another."""
    run = compare("majority,tfidf")
    (run / "tuning.json").write_text('{"trials": 1, "arms": {}}')
    ended = retort("compare", "--extend", run, "--resplits", "2")
    assert ended.code == 2
    assert "leave out --resplits" in ended.error
    assert not (run / "resplits").exists()


def test_an_experiment_that_cannot_have_further_draws_is_refused_in_one_line() -> None:
    files = {name: f"{name}.csv" for name in ("train_file", "validation_file", "test_file")}
    settings = resolve(overrides={"data": {"source": "file"} | files})
    with pytest.raises(ConfigError, match="nothing is drawn or split at random"):
        further.extended(settings, None, 2)


def test_a_threshold_and_limits_are_taken_together() -> None:
    with mock.patch("retort.recipes.compare.compare", return_value=None) as started:
        ended = retort("compare", "--threshold", "recall=0.8", "--limit", "size_mb=5", "--limit", "latency_ms=7")
    assert ended.code == 0, ended.err
    evaluation = started.call_args.args[0].evaluation
    assert (evaluation.threshold, evaluation.limits) == ("recall=0.8", {"size_mb": 5.0, "latency_ms": 7.0})


@pytest.mark.parametrize("option", ["--threshold=0.7", "--tune=2", "--seed=0", "--preset=seed", "--no-texts"])
def test_what_the_models_of_a_run_were_made_with_cannot_be_changed(tmp_path: Path, option: str) -> None:
    ended = retort("compare", "--extend", tmp_path, option)
    assert ended.code == 2
    assert f"{option.partition('=')[0]}: --extend goes on with the settings of the run" in ended.error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "0"], "seeds = 0: train each arm at least once"),
        (["--seeds", "-2"], "seeds = -2"),
        (["--resplits", "0"], "resplits"),
        (["--seeds", "2", "--set", "seeds=[3,3]"], "seeds names one of them twice"),
        (["--limit", "latency_ms"], "--limit 'latency_ms': not KEY=NUMBER"),
        (["--limit", "speed=3"], "speed"),
    ],
)
def test_seeds_resplits_and_limits_that_make_no_sense_are_refused(
    tiny_bert: Path, tiny_comments: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    ended = retort("compare", "--base", tiny_bert, "--data", tiny_comments, "--out", tmp_path / "run", *arguments)
    assert ended.code == 2
    assert message in ended.error
    assert not list(tmp_path.glob("run*"))


def test_resplits_without_anything_drawn_at_random_are_refused(tiny_bert: Path, tiny_comments: Path) -> None:
    ended = retort(
        "compare", "--base", tiny_bert, "--data", tiny_comments, "--validation", tiny_comments, "--test", tiny_comments,
        "--resplits", "2",
    )  # fmt: skip
    assert ended.code == 2
    assert "nothing is drawn or split at random" in ended.error


def test_what_a_run_is_extended_with_has_to_be_its_own(
    compare: Compare, tiny_comments: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    run = compare("majority,teacher", "--seeds", "2")
    assert "has 2 already" in retort("compare", "--extend", run, "--seeds", "1").error
    assert "--base: --extend goes on with the settings of the run" in (
        retort("compare", "--extend", run, "--seeds", "3", "--base", tiny_bert).error
    )
    assert "no finished run" in retort("compare", "--extend", tmp_path, "--seeds", "3").error
    other = tmp_path / "other.csv"
    other.write_text(tiny_comments.read_text().replace("bridge", "tunnel"))
    ended = retort("compare", "--extend", run, "--seeds", "3", "--data", other)
    assert ended.code == 2
    assert "the comments are not those of the run" in ended.error
    assert entries(run / "seeds") == {"1"}
    moved = shutil.copy(tiny_comments, tmp_path / "moved.csv")
    assert retort("compare", "--extend", run, "--seeds", "3", "--data", moved).code == 0
    assert about(run, "teacher")["arm"] == "teacher"
