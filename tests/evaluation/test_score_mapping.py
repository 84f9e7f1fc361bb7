"""ScoreMapping to another scorer: probabilities come closer to its scores, and rankings do not change."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retort import runs
from retort.errors import DataError, ModelError
from retort.evaluation import score_mapping
from retort.evaluation.curve import Curve
from retort.evaluation.score_mapping import (
    ScoreMapping,
    fit_curve,
    fit_mapping,
    read_mapping,
    write_mapping,
)

shares = st.floats(0, 1)


def scores_and_wanted(rows: int, seed: int = 0, noise: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """A model's scores, and another scorer's: their square roots with some noise."""
    generator = np.random.default_rng(seed)
    scores = generator.beta(0.5, 2, rows)
    return scores, np.clip(np.sqrt(scores) + generator.normal(0, noise, rows), 0, 1)


def test_a_threshold_tuned_on_the_other_scorer_carries_over() -> None:
    scores, wanted = scores_and_wanted(2000)
    fitted = fit_mapping(scores, wanted, seed=0)
    assert fitted.before.mean_absolute_difference > 0.15
    assert fitted.after.mean_absolute_difference < 0.05
    fresh, others = scores_and_wanted(2000, seed=1)
    for threshold in (0.3, 0.5, 0.7, 0.9):
        agreed = ((fitted.curve(fresh) >= threshold) == (others >= threshold)).mean()
        assert agreed > 0.9
        assert agreed > ((fresh >= threshold) == (others >= threshold)).mean() + 0.005


def test_held_out_rows_are_not_fitted_and_the_seed_draws_them(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, wanted = scores_and_wanted(80, noise=0.3)
    fitted_on: list[np.ndarray] = []

    def recorded(some: np.ndarray, wanted: np.ndarray) -> Curve:
        fitted_on.append(some)
        return fit_curve(some, wanted)

    monkeypatch.setattr(score_mapping, "fit_curve", recorded)
    one, again, other = (fit_mapping(scores, wanted, seed=seed) for seed in (3, 3, 4))
    assert (one.rows, one.held_out, len(fitted_on[0])) == (60, 20, 60)
    held_out = ~np.isin(scores, fitted_on[0])
    assert held_out.sum() == 20
    assert one.before.mean_absolute_difference == pytest.approx(np.abs(scores - wanted)[held_out].mean())
    assert one.after.mean_absolute_difference == pytest.approx(np.abs(one.curve(scores) - wanted)[held_out].mean())
    assert one.after == again.after != other.after


@given(st.lists(st.tuples(shares, shares), min_size=1, max_size=60), st.lists(st.integers(0, 10**6), max_size=40))
def test_no_two_scores_change_order_or_become_equal(rows: list[tuple[float, float]], millionths: list[int]) -> None:
    curve = fit_curve(np.array([s for s, _ in rows]), np.array([w for _, w in rows]))
    given_scores = np.unique(np.array([0, *millionths, 10**6]) / 10**6)
    calibrated = curve(given_scores)
    assert (np.diff(calibrated) > 0).all()
    assert calibrated.min() >= 0
    assert calibrated.max() <= 1


def test_ranking_figures_are_the_same_before_and_after() -> None:
    scores, wanted = scores_and_wanted(400, noise=0.3)
    fitted = fit_mapping(scores, wanted, seed=0)
    assert fitted.before.spearman is not None
    assert fitted.before.spearman == pytest.approx(fitted.after.spearman, abs=1e-12)


def test_a_scorer_with_one_score_for_all_rows_has_no_rank_correlation() -> None:
    fitted = fit_mapping(np.full(60, 0.4), np.full(60, 0.9), seed=0)
    assert fitted.before.spearman is None
    assert fitted.after.mean_absolute_difference < 0.01
    assert fitted.as_json()["after"]["spearman"] is None


def test_too_few_rows_are_refused() -> None:
    fit_mapping(*scores_and_wanted(50), seed=0)
    with pytest.raises(DataError, match="49 rows with a score; give at least 50"):
        fit_mapping(*scores_and_wanted(49), seed=0)


def test_a_label_without_a_curve_keeps_its_probability() -> None:
    half = Curve(np.array([0.0, 1.0]), np.array([0.0, 0.5]))
    calibrated = ScoreMapping({"toxicity": half}).apply({"toxicity": 0.8, "threat": 0.8})
    assert calibrated == {"toxicity": pytest.approx(0.4), "threat": 0.8}
    assert all(type(value) is float for value in calibrated.values())


# --- on disk ---


def written(folder: Path) -> Path:
    write_mapping(folder, {"toxicity": fit_mapping(*scores_and_wanted(200), seed=0)}, {"sha256": "0", "rows": 200})
    return folder / runs.CALIBRATION


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    fitted = fit_mapping(*scores_and_wanted(200), seed=0)
    path = written(tmp_path)
    curve = read_mapping(path).curves["toxicity"]
    points = np.linspace(0, 1, 101)
    assert (curve(points) == fitted.curve(points)).all()
    assert not (tmp_path / runs.MANIFEST).exists()


def test_the_manifest_gets_the_calibration_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    runs.write_manifest(tmp_path)
    before = runs.read_json(tmp_path / runs.MANIFEST, "")
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").write_bytes(b"export")
    for _ in range(2):  # a new file, then an old one overwritten
        path = written(tmp_path)
        runs.check_manifest(tmp_path)
        assert runs.read_json(tmp_path / runs.MANIFEST, "") == before | {runs.CALIBRATION: runs.sha256(path)}
    path.write_text(path.read_text("utf-8") + " ", "utf-8")
    with pytest.raises(ModelError, match="changed since"):
        runs.check_manifest(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scores", [0, 0.5, 0.5, 1]),
        ("calibrated", [0, 0.6, 0.4, 1]),
        ("calibrated", [0, 0.4, 0.6, 1.2]),
        ("calibrated", [-0.1, 0.4, 0.6, 1]),
        ("calibrated", [0, 0.4, 1]),
        ("calibrated", [0, 0.4, None, 1]),
        ("calibrated", "high"),
        ("scores", [0.1, 0.2, 0.3, 1]),
    ],
)
def test_an_invalid_curve_is_refused(tmp_path: Path, key: str, value: object) -> None:
    path = tmp_path / runs.CALIBRATION
    curve = {"scores": [0, 0.2, 0.5, 1], "calibrated": [0, 0.4, 0.6, 1]}
    path.write_text(json.dumps({"schema": 1, "attributes": {"toxicity": curve}}), "utf-8")
    assert read_mapping(path).apply({"toxicity": 0.2}) == {"toxicity": pytest.approx(0.4)}
    path.write_text(json.dumps({"schema": 1, "attributes": {"toxicity": curve | {key: value}}}), "utf-8")
    with pytest.raises(ModelError, match="calibrate again"):
        read_mapping(path)


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"schema": 2, "attributes": {}}', '{"schema": 1, "attributes": 7}']
)
def test_a_file_that_is_no_calibration_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / runs.CALIBRATION
    path.write_text(content, "utf-8")
    with pytest.raises(ModelError):
        read_mapping(path)
