"""Scores on another scorer's scale, on request of the client or by the server's settings."""

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from retort import runs
from retort.config import ServeSettings
from retort.errors import ModelError
from retort.web.app import create_app
from retort.web.server.service import Service
from tests.web.conftest import TASK, WordClassifier
from tests.web.perspective.test_analyze import ANALYZE, asking, refused

CURVE = {"scores": [0, 0.5, 1], "calibrated": [0.1, 0.2, 0.9]}


def write(folder: Path, calibrated: list[float] | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    curve = CURVE | ({} if calibrated is None else {"calibrated": calibrated})
    runs.write_json(folder / runs.CALIBRATION, {"schema": 1, "attributes": {"toxicity": curve}})


def served(folder: Path, *, calibrated: bool = False) -> FlaskClient:
    settings = ServeSettings(calibrated=calibrated)
    service = Service({"odd": lambda: WordClassifier("odd")}, "odd", settings, TASK, folder)  # type: ignore[dict-item,return-value]
    service.start()
    return create_app(service, settings).test_client()


def toxicity(client: FlaskClient, query: str = "", **fields: Any) -> float:
    answer = client.post(ANALYZE + query, json=asking("you idiot", **fields))
    score: float = answer.get_json()["attributeScores"]["TOXICITY"]["summaryScore"]["value"]
    return score


def test_a_client_gets_calibrated_scores_on_request(tmp_path: Path) -> None:
    write(tmp_path)
    client = served(tmp_path)
    calibrated = 0.2 + 0.7 * (0.97 - 0.5) / 0.5
    assert toxicity(client) == 0.97
    assert toxicity(client, "?calibrated=0") == 0.97
    for query in ("?calibrated=1", "?calibrated=true"):
        assert toxicity(client, query) == pytest.approx(calibrated)


def test_spans_and_thresholds_are_on_the_same_scale(tmp_path: Path) -> None:
    write(tmp_path)
    client = served(tmp_path)
    body = asking("Fine. You idiot.", "TOXICITY", "INSULT", spanAnnotations=True)
    scores = client.post(f"{ANALYZE}?calibrated=1", json=body).get_json()["attributeScores"]
    assert [s["score"]["value"] for s in scores["TOXICITY"]["spanScores"]] == pytest.approx([0.106, 0.858])
    assert scores["INSULT"]["summaryScore"]["value"] == 0.95
    body["requestedAttributes"]["TOXICITY"]["scoreThreshold"] = 0.9
    assert "TOXICITY" not in client.post(f"{ANALYZE}?calibrated=1", json=body).get_json()["attributeScores"]
    assert "TOXICITY" in client.post(ANALYZE, json=body).get_json()["attributeScores"]


def test_a_server_can_calibrate_by_default(tmp_path: Path) -> None:
    write(tmp_path)
    client = served(tmp_path, calibrated=True)
    assert toxicity(client) == pytest.approx(0.858)
    assert toxicity(client, "?calibrated=false") == 0.97


def test_a_request_for_calibrated_scores_without_a_calibration_is_refused(tmp_path: Path) -> None:
    message = "This model is not calibrated: leave calibrated out, or run retort calibrate on the server."
    refused(served(tmp_path).post(f"{ANALYZE}?calibrated=1", json=asking("hello")), message)
    with pytest.raises(ModelError, match="not calibrated; run retort calibrate"):
        served(tmp_path, calibrated=True)


def test_a_broken_calibration_stops_the_server_at_its_start(tmp_path: Path) -> None:
    write(tmp_path, [0.9, 0.5, 0.1])
    with pytest.raises(ModelError, match="calibrate again"):
        served(tmp_path)


def test_of_a_run_it_is_that_of_the_default_model_and_before_it_that_of_its_export(tmp_path: Path) -> None:
    (tmp_path / runs.COMPARISON).write_text("{}", "utf-8")
    write(tmp_path / "even", [0, 0.1, 0.2])
    assert served(tmp_path).post(f"{ANALYZE}?calibrated=1", json=asking("hello")).status_code == 400
    write(tmp_path / "odd", [0, 0.5, 1])
    assert toxicity(served(tmp_path), "?calibrated=1") == pytest.approx(0.97)
    write(tmp_path / "odd" / "onnx")
    assert toxicity(served(tmp_path), "?calibrated=1") == pytest.approx(0.858)
