import numpy as np
import pytest

from retort.errors import ModelError
from retort.evaluation.predictions import read_predictions, uncalibrated, write_predictions


def test_predictions_saved_then_read_are_unchanged(tmp_path):
    probabilities = np.array([[0.1, 0.2], [0.3, 1.0]], np.float32)
    path = tmp_path / "predictions.parquet"
    write_predictions(path, ["a", "7"], ["train", "test"], probabilities, ("toxicity", "insult"))
    frame = read_predictions(path)
    assert list(frame.columns) == ["id", "split", "toxicity", "insult"]
    assert list(frame["id"]) == ["a", "7"]
    np.testing.assert_array_equal(frame[["toxicity", "insult"]].to_numpy(), probabilities)


def test_a_calibrated_attribute_keeps_the_models_own_probabilities_too(tmp_path):
    final, own = np.array([[0.1, 0.2], [0.3, 1.0]]), np.array([[0.2, 0.2], [0.6, 1.0]])
    path = tmp_path / "predictions.parquet"
    write_predictions(path, ["a", "b"], ["validation", "test"], final, ("toxicity", "insult"), own)
    frame = read_predictions(path)
    assert list(frame.columns) == ["id", "split", "toxicity", "insult", "toxicity__uncalibrated"]
    for column, name in enumerate(("toxicity", "insult")):
        np.testing.assert_array_equal(frame[name], final[:, column].astype(np.float32))
        np.testing.assert_array_equal(uncalibrated(frame, name), own[:, column].astype(np.float32))


def test_the_same_predictions_make_the_same_file(tmp_path):
    for name in ("one", "two"):
        write_predictions(tmp_path / name, ["a"], ["test"], np.array([[0.25]]), ("toxicity",))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("bad", [[[1.5]], [[float("nan")]], [[0.1, 0.2]]])
def test_values_that_are_no_probabilities_are_not_written(tmp_path, bad):
    with pytest.raises(ValueError, match=r"probabilities"):
        write_predictions(tmp_path / "p", ["a"], ["test"], np.array(bad), ("toxicity",))
    with pytest.raises(ValueError, match=r"probabilities"):
        write_predictions(tmp_path / "p", ["a"], ["test"], np.array([[0.5]]), ("toxicity",), np.array(bad))
    assert not (tmp_path / "p").exists()


def test_a_file_that_is_no_parquet_is_a_model_error(tmp_path):
    (tmp_path / "p").write_text("nothing")
    with pytest.raises(ModelError, match="cannot be read"):
        read_predictions(tmp_path / "p")
