"""What validation decides is recorded with the model, and everything that uses the model goes by it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from retort import runs
from retort.config import ServeSettings
from retort.data.splits import labels
from retort.errors import ConfigError, ModelError
from retort.evaluation.metrics import Array
from retort.evaluation.predictions import as_saved, read_predictions, uncalibrated
from retort.inference.golden import check_golden
from retort.inference.predictor import Classifier
from retort.recipes.decision import decide_on_validation, review_figures
from retort.recipes.evaluate import evaluate
from retort.recipes.experiment import ExperimentSettings, resolve
from retort.web.server.models import service_of
from tests.command import QUICK, retort, without_report
from tests.conftest import built_once
from tests.recipes.tiny_runs import ATTRIBUTES, about, comparison_of, predictions_of, texts_of

# Enough validation comments that something can be chosen: 48, about half of them toxic and a third insulting.
SHARES = ("--set", "data.validation_share=0.4", "--set", "data.test_share=0.2")


@pytest.fixture(scope="module")
def run(tiny_bert: Path, tiny_comments: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose labels do not follow from the words entirely, so that calibration and thresholds matter."""

    def build(folder: Path) -> None:
        frame = pd.read_csv(tiny_comments)
        swapped = np.random.default_rng(0).random(len(frame)) < 0.15
        for name in ATTRIBUTES:
            frame.loc[swapped, name] = 1 - frame.loc[swapped, name]
        frame.to_csv(folder / "comments.csv", index=False)
        arms = ("--set", "arms=[majority,tfidf,teacher,odd]", "--set", "evaluation.calibration=platt")
        files = ("--base", tiny_bert, "--data", folder / "comments.csv", "--out", folder / "run")
        with without_report():
            ended = retort("compare", *files, *QUICK, *SHARES, *arms)
        assert ended.code == 0, ended.err

    return built_once(tmp_path_factory, "decided", build) / "run"


def settings(**evaluation: object) -> ExperimentSettings:
    return resolve(overrides={"evaluation": evaluation})


def drawn(rows: int = 400) -> tuple[Array, Array]:
    """(probabilities, labels), (n, 2); the first label is far too confident, of the second few rows are rated."""
    generator = np.random.default_rng(0)
    logits = generator.normal(-1, 2, (rows, 2))
    truth = (generator.random((rows, 2)) < 1 / (1 + np.exp(-logits * [0.3, 1]))).astype(np.float64)
    truth[12:, 1] = np.nan
    return 1 / (1 + np.exp(-logits)), truth


# --- deciding ---


def test_each_label_is_decided_on_its_own_rated_comments() -> None:
    probabilities, truth = drawn()
    record = decide_on_validation(probabilities, truth, ("toxicity", "insult"), settings()).as_json()
    assert record["calibration"]["toxicity"]["method"] in ("temperature", "platt", "isotonic")
    assert record["threshold_choices"]["toxicity"]["rows"] == 400
    assert record["threshold_choices"]["insult"]["rows"] == 12
    assert "fewer than 10" in record["calibration"]["insult"]["why"]
    assert record["thresholds"]["insult"] == 0.5
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_thresholds_and_bands_are_of_calibrated_probabilities() -> None:
    probabilities, truth = drawn()
    decision = decide_on_validation(probabilities, truth, ("toxicity", "insult"), settings(threshold="budget=100"))
    final = decision.calibrated(probabilities)
    assert (final[:, 1] == probabilities[:, 1]).all()
    assert (final[:, 0] >= decision.thresholds["toxicity"]).sum() == pytest.approx(40, abs=1)
    for share, (low, high) in decision.bands["toxicity"].items():
        assert ((final[:, 0] >= low) & (final[:, 0] <= high)).mean() == pytest.approx(float(share), abs=1e-9)


def test_a_chosen_calibration_is_taken_and_none_leaves_all_as_it_is() -> None:
    probabilities, truth = drawn()
    for method in ("temperature", "isotonic"):
        chosen = decide_on_validation(probabilities, truth, ("toxicity", "insult"), settings(calibration=method))
        assert chosen.calibrations["toxicity"].method == method
    none = decide_on_validation(probabilities, truth, ("toxicity", "insult"), settings(calibration="none"))
    assert (none.calibrated(probabilities) == probabilities).all()


def test_a_threshold_that_is_no_target_is_refused_with_the_key_and_the_forms() -> None:
    assert settings(threshold=0.3).evaluation.threshold == "0.3"
    assert resolve(assignments=("evaluation.threshold=precision=0.9",)).evaluation.threshold_target.value == 0.9
    with pytest.raises(ConfigError, match=r"evaluation.threshold = 'f2': 'f2' is no target .*\"recall=0.8\""):
        settings(threshold="f2")


# --- the run folder ---


@pytest.mark.parametrize("arm", ["tfidf", "teacher", "odd"])
def test_a_model_records_what_was_decided_and_gives_what_was_judged(run: Path, arm: str) -> None:
    record = about(run, arm)
    assert record["calibration"]["toxicity"]["method"] == "platt"
    assert record["thresholds"] == {name: one["value"] for name, one in record["threshold_choices"].items()}
    test = texts_of(run, "test")
    classifier = Classifier.load(run / arm)
    check_golden(classifier, run / arm)
    frame = read_predictions(run / arm / runs.PREDICTIONS).set_index("id").loc[test["id"]]
    given, own = (rate(test["text"].tolist()) for rate in (classifier.probabilities, classifier.uncalibrated))
    for column, name in enumerate(ATTRIBUTES):
        np.testing.assert_allclose(frame[name], given[:, column], atol=1e-6)
        np.testing.assert_allclose(uncalibrated(frame, name), own[:, column], atol=1e-6)
        line = record["calibration"][name]
        expected = 1 / (1 + np.exp(-line["scale"] * np.log(own / (1 - own))[:, column] - line["shift"]))
        np.testing.assert_allclose(given[:, column], expected, atol=1e-9)
    assert np.abs(given - own).max() > 0.01


def test_an_arm_without_a_model_has_only_the_fallback(run: Path) -> None:
    assert about(run, "majority")["thresholds"] == {"toxicity": 0.5, "insult": 0.5}
    facts = comparison_of(run)["arms"]["majority"]
    assert facts["thresholds"] == {"toxicity": [0.5], "insult": [0.5]}
    assert not facts.keys() & {"threshold_choices", "calibration", "review"}
    assert not [name for name in predictions_of(run, "majority") if "uncalibrated" in name]


def test_the_choices_depend_on_no_test_comment(run: Path) -> None:
    frame, splits = predictions_of(run, "odd"), texts_of(run, "validation")
    frame = frame[frame["split"] == "validation"].set_index("id").loc[splits["id"]]
    own = np.stack([uncalibrated(frame, name) for name in ATTRIBUTES], axis=1)
    truth = labels(splits, ATTRIBUTES, 0.6)
    again = decide_on_validation(own, truth, ATTRIBUTES, resolve(file=run / runs.EXPERIMENT))
    assert again.thresholds == about(run, "odd")["thresholds"]


def test_the_comparison_has_thresholds_calibration_and_what_reviewing_gains(run: Path) -> None:
    facts, record = comparison_of(run)["arms"]["odd"], about(run, "odd")
    assert facts["thresholds"] == {name: [value] for name, value in record["thresholds"].items()}
    assert facts["calibration"] == record["calibration"]
    assert facts["threshold_choices"] == record["threshold_choices"]
    by_share = facts["review"]["toxicity"]
    assert by_share.keys() == record["review_bands"]["toxicity"].keys() == {"0.05", "0.1"}
    accuracy = facts["test"]["toxicity"]["accuracy"]["value"]
    assert accuracy <= by_share["0.05"]["accuracy"] <= by_share["0.1"]["accuracy"]


def test_verdicts_and_recall_are_those_of_the_models_own_threshold(run: Path) -> None:
    test = texts_of(run, "test")
    truth = labels(test, ["toxicity"], 0.6)[:, 0]
    found = predictions_of(run, "odd").set_index("id").loc[test["id"], "toxicity"].to_numpy()
    verdicts = found >= about(run, "odd")["thresholds"]["toxicity"]
    recall = comparison_of(run)["arms"]["odd"]["test"]["toxicity"]["recall"]["value"]
    assert recall == pytest.approx(verdicts[truth == 1].mean())


def test_review_figures_are_of_the_comments_given() -> None:
    probabilities, truth = drawn()
    decision = decide_on_validation(probabilities, truth, ("toxicity", "insult"), settings())
    found = review_figures(
        decision.as_json(), as_saved(decision.calibrated(probabilities)), truth, ("toxicity", "insult")
    )
    assert found["toxicity"]["0.05"]["share"] == pytest.approx(0.05)
    assert found["toxicity"]["0.1"]["accuracy"] > found["toxicity"]["0.01"]["accuracy"]


# --- everything that uses a model ---


def test_evaluate_judges_by_the_tuned_threshold_and_calibrated_probabilities(run: Path, tmp_path: Path) -> None:
    test = texts_of(run, "test")
    test[["id", "text", *ATTRIBUTES]].to_csv(tmp_path / "test.csv", index=False)
    _, result = evaluate(run / "odd", tmp_path / "test.csv", {})
    expected = comparison_of(run)["arms"]["odd"]["test"]["toxicity"]
    for metric in ("recall", "f1", "brier", "average_precision"):
        assert result["test"]["toxicity"][metric]["value"] == pytest.approx(expected[metric]["value"], abs=1e-6), metric


@pytest.mark.parametrize("flags", [(), ("--int8",)])
def test_an_export_carries_the_decision_and_gives_the_same_probabilities(
    run: Path, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    ended = retort("export", run / "odd", "--out", tmp_path / "onnx", *flags)
    assert ended.code == 0, ended.err
    keys = ("thresholds", "threshold_choices", "calibration", "review_bands")
    exported, record = json.loads((tmp_path / "onnx" / runs.RETORT).read_text("utf-8")), about(run, "odd")
    assert {key: exported[key] for key in keys} == {key: record[key] for key in keys}
    texts = texts_of(run, "test")["text"].tolist()
    before, after = Classifier.load(run / "odd"), Classifier.load(tmp_path / "onnx")
    check_golden(after, tmp_path / "onnx")
    tolerance = 0.1 if flags else 1e-4
    np.testing.assert_allclose(after.probabilities(texts), before.probabilities(texts), atol=tolerance)
    largest = np.abs(after.probabilities(texts) - before.probabilities(texts)).max()
    assert largest < np.abs(before.probabilities(texts) - before.uncalibrated(texts)).max()


def answers(*arguments: str | Path, stdin: bytes) -> list[dict[str, Any]]:
    ended = retort("predict", *arguments, "--json", stdin=stdin)
    assert ended.code == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]


def test_people_review_the_comments_in_the_band_and_no_others(run: Path) -> None:
    texts = texts_of(run, "validation")["text"].tolist()
    stdin = "\n".join(texts).encode()
    low, high = about(run, "odd")["review_bands"]["toxicity"]["0.1"]
    usual = answers("--model", run / "odd", stdin=stdin)
    found = answers("--model", run / "odd", "--review", "0.1", stdin=stdin)
    assert [one["probabilities"] for one in found] == [one["probabilities"] for one in usual]
    assert "unsure" not in {one["verdict"] for one in usual}
    unsure = [one for one in found if one["verdict"] == "unsure"]
    assert unsure == [one for one in found if low <= one["probabilities"]["toxicity"] <= high]
    assert len(unsure) == round(0.1 * len(texts))
    assert [one for one in found if one not in unsure] == [one for one in usual if one in found]


def test_a_file_is_scored_with_the_same_verdicts(run: Path, tmp_path: Path) -> None:
    rows = texts_of(run, "validation")
    rows[["id", "text"]].to_csv(tmp_path / "in.csv", index=False)
    model = ("--model", run / "odd", "--review", "0.1")
    assert retort("score", tmp_path / "in.csv", tmp_path / "out.csv", *model).code == 0
    scored = pd.read_csv(tmp_path / "out.csv")
    stdin = "\n".join(rows["text"]).encode()
    assert scored["verdict"].tolist() == [one["verdict"] for one in answers(*model, stdin=stdin)]


def test_a_server_answers_as_predict_does(run: Path) -> None:
    texts = texts_of(run, "validation")["text"].tolist()
    service = service_of(run, ServeSettings(review=0.1), "odd")
    service.start()
    found = [answer.as_json(index) for index, answer in enumerate(service.read(texts, "odd", float("inf")))]
    expected = answers("--model", run / "odd", "--review", "0.1", stdin="\n".join(texts).encode())
    assert [one["verdict"] for one in found] == [one["verdict"] for one in expected]
    assert found[0]["threshold"] == about(run, "odd")["thresholds"]["toxicity"]


def test_a_share_without_a_band_names_those_there_are(run: Path) -> None:
    ended = retort("predict", "--model", run / "odd", "--review", "0.2", "a text")
    assert ended.code == 2
    assert ended.error == "error: review 0.2: odd has no band for this share of the comments; it has 0.05, 0.1"
    with pytest.raises(ConfigError, match=r"odd has no band .* 0.05, 0.1"):
        service_of(run, ServeSettings(review=0.3), "odd").start()


def test_the_flag_sets_what_thresholds_are_chosen_for(tiny_bert: Path, tiny_comments: Path, tmp_path: Path) -> None:
    files = ("--base", tiny_bert, "--data", tiny_comments, "--out", tmp_path / "run")
    with without_report():
        ended = retort("compare", *files, *QUICK, *SHARES, "--set", "arms=[tfidf]", "--threshold", "recall=0.9")
    assert ended.code == 0, ended.err
    assert about(tmp_path / "run", "tfidf")["threshold_choices"]["toxicity"]["target"] == "recall=0.9"
    refused = retort("compare", *files, *QUICK, "--threshold", "best")
    assert refused.code == 2
    assert "evaluation.threshold = 'best': 'best' is no target of a threshold" in refused.error


def changed(run: Path, folder: Path, **record: object) -> Path:
    """A copy of tfidf with other values in its retort.json; None leaves a key out."""
    folder.mkdir()
    for name in (runs.VOCABULARY, runs.TFIDF_WEIGHTS):
        (folder / name).write_bytes((run / "tfidf" / name).read_bytes())
    kept = {key: value for key, value in (about(run, "tfidf") | record).items() if value is not None}
    runs.write_json(folder / runs.RETORT, kept)
    return folder


def test_a_folder_from_before_calibration_answers_as_ever(run: Path, tmp_path: Path) -> None:
    old = changed(run, tmp_path / "old", calibration=None, review_bands=None, threshold_choices=None)
    classifier = Classifier.load(old)
    texts = ["the good bus", "what a rotten park"]
    assert (classifier.probabilities(texts) == Classifier.load(run / "tfidf").uncalibrated(texts)).all()
    with pytest.raises(ConfigError, match="it has none; compare again"):
        classifier.reviewing(0.05)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("calibration", {"toxicity": {"method": "platt", "scale": 0, "shift": 1}}),
        ("calibration", {"toxicity": {"method": "guess"}}),
        ("calibration", ["platt"]),
        ("review_bands", {"toxicity": {"0.05": [0.1]}}),
        ("review_bands", {"toxicity": 7}),
    ],
)
def test_a_broken_record_is_refused_by_name(run: Path, tmp_path: Path, key: str, value: object) -> None:
    with pytest.raises(ModelError, match=rf"retort.json: {key} not as retort writes it"):
        Classifier.load(changed(run, tmp_path / "broken", **{key: value}))
