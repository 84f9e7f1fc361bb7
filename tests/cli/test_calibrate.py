"""`retort calibrate`: what it prints, what it leaves in the model's folder, and what it refuses."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retort import runs
from retort.config import ServeSettings
from retort.inference.predictor import Classifier
from retort.web.app import create_app
from retort.web.server.models import service_of
from tests.command import retort


@pytest.fixture
def model(tiny_run: Path, tmp_path: Path) -> Path:
    """An arm that may be changed."""
    return shutil.copytree(tiny_run / "tfidf", tmp_path / "tfidf")


@pytest.fixture
def old_scores(tiny_comments: Path, tmp_path: Path) -> Path:
    """The tiny comments with another scorer's scores, under Perspective's names."""
    frame = pd.read_csv(tiny_comments)
    noise = np.random.default_rng(0).normal(0, 0.02, len(frame))
    frame["TOXICITY"] = (0.3 * frame["toxicity"] + noise).clip(0, 1)
    frame["INSULT"] = (0.5 + 0.4 * frame["insult"] + noise).clip(0, 1)
    frame.loc[frame.index[30:], "INSULT"] = np.nan
    path = tmp_path / "old_scores.csv"
    frame[["text", "TOXICITY", "INSULT"]].to_csv(path, index=False)
    return path


def test_scores_come_nearer_and_the_mapping_stays_with_the_model(model: Path, old_scores: Path) -> None:
    before = Classifier.load(model)
    ended = retort("calibrate", "--to", old_scores, "--model", model, "--json")
    assert ended.code == 0, ended.err
    assert "insult: only 30 scores, not calibrated; 50 are needed" in ended.err
    found = json.loads(ended.out)["calibrated"]
    assert list(found) == ["toxicity"]
    toxicity = found["toxicity"]
    assert (toxicity["rows"], toxicity["held_out"]) == (90, 30)
    assert toxicity["after"]["mean_absolute_difference"] < 0.5 * toxicity["before"]["mean_absolute_difference"]
    assert toxicity["after"]["spearman"] == pytest.approx(toxicity["before"]["spearman"])
    stored = json.loads((model / runs.CALIBRATION).read_text())
    assert stored["source"] == {"sha256": runs.sha256(old_scores), "rows": 120}
    # The model itself is as it was, whole by its manifest, and known by another sha256 of it.
    after = Classifier.load(model)
    assert after.sha256 != before.sha256
    assert after.predict(["the mayor is a fool!"]) == before.predict(["the mayor is a fool!"])


def test_the_server_answers_on_the_old_scale_with_calibrated_true(model: Path, old_scores: Path) -> None:
    retort("calibrate", "--to", old_scores, "--model", model)
    settings = ServeSettings()
    service = service_of(model, settings)
    service.start()
    client = create_app(service, settings).test_client()
    frame = pd.read_csv(old_scores).head(20)
    gaps: dict[str, list[float]] = {"": [], "?calibrated=1": []}
    for query, found in gaps.items():
        for text, old in zip(frame["text"], frame["TOXICITY"], strict=True):
            body = {"comment": {"text": text}, "requestedAttributes": {"TOXICITY": {}}, "languages": ["en"]}
            answer = client.post(f"/v1alpha1/comments:analyze{query}", json=body).get_json()
            found.append(abs(answer["attributeScores"]["TOXICITY"]["summaryScore"]["value"] - old))
    assert np.mean(gaps["?calibrated=1"]) < 0.5 * np.mean(gaps[""])


def test_people_read_a_line_for_each_attribute(model: Path, old_scores: Path) -> None:
    ended = retort("calibrate", "--to", old_scores, "--model", model)
    assert ended.code == 0
    head, line = ended.out.splitlines()
    assert head.split() == ["fitted", "on", "judged", "on", "mean", "difference", "Spearman"]
    assert line.split()[:3] == ["toxicity", "90", "30"]
    assert line.count("→") == 2


def test_columns_can_be_named(model: Path, old_scores: Path) -> None:
    renamed = old_scores.with_name("renamed.tsv")
    columns = {"text": "body", "TOXICITY": "theirs"}
    pd.read_csv(old_scores).rename(columns=columns).to_csv(renamed, sep="\t", index=False)
    flags = ("--text-column", "body", "--toxicity-column", "theirs")
    assert retort("calibrate", "--to", renamed, "--model", model, *flags).code == 0


def test_perspectives_names_are_known_headers(model: Path, old_scores: Path) -> None:
    named = old_scores.with_name("named.csv")
    pd.read_csv(old_scores).assign(PROFANITY=0.5, SEXUALLY_EXPLICIT=0.5).to_csv(named, index=False)
    ended = retort("data", named, "--json")
    assert {"obscene", "sexual_explicit"} <= set(json.loads(ended.out)["attributes"])


def test_too_few_rows_are_exit_3_and_nothing_is_left_behind(model: Path, old_scores: Path) -> None:
    few = old_scores.with_name("few.csv")
    pd.read_csv(old_scores).head(49).to_csv(few, index=False)
    ended = retort("calibrate", "--to", few, "--model", model)
    assert ended.code == 3
    assert ended.error.startswith(f"error: {few}: toxicity: 49 rows with a score; give at least 50")
    assert not (model / runs.CALIBRATION).exists()
    runs.check_manifest(model)


def test_a_missing_file_or_model_has_its_own_exit_code(model: Path, old_scores: Path, tmp_path: Path) -> None:
    assert retort("calibrate", "--to", tmp_path / "none.csv", "--model", model).code == 3
    assert retort("calibrate", "--to", old_scores, "--model", tmp_path / "none").code == 4
    assert retort("calibrate", "--model", model).code == 2
