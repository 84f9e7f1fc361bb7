"""A static student's files: what was saved is loaded, and what does not fit is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from retort.errors import ModelError
from retort.models.static_weights import StaticWeights

LABELS = ("toxicity", "insult")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    drawn = np.random.default_rng(0)
    weights = StaticWeights(
        drawn.normal(size=(11, 3)).astype(np.float32),
        drawn.normal(size=(2, 6)).astype(np.float32),
        drawn.normal(size=2).astype(np.float32),
    )
    weights.save(LABELS, tmp_path / "static")
    return tmp_path / "static"


def test_saved_then_loaded_weights_are_unchanged(folder: Path, tmp_path: Path) -> None:
    first = StaticWeights.load(folder, LABELS)
    first.save(LABELS, tmp_path / "again")
    for name in ("model.safetensors", "config.json"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert (first.vectors.shape, first.head.shape, first.bias.shape) == ((11, 3), (2, 6), (2,))


def test_config_json_names_sizes_and_labels(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    assert (config["vocab_size"], config["width"]) == (11, 3)
    assert config["id2label"] == {"0": "toxicity", "1": "insult"}


def of_config(key: str, value: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text()) | {key: value}
        (folder / "config.json").write_text(json.dumps(config))

    return change


def of_weights(**arrays: np.ndarray | None) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        kept = load_file(folder / "model.safetensors") | {k.replace("_", ".", 1): v for k, v in arrays.items()}
        save_file({name: array for name, array in kept.items() if array is not None}, folder / "model.safetensors")

    return change


BROKEN = {
    "no config": (lambda folder: (folder / "config.json").unlink(), "config.json: cannot be read"),
    "a BERT's config": (of_config("architecture", None), "not that of a static student"),
    "labels in another order": (of_config("id2label", {"0": "insult", "1": "toxicity"}), "other labels or pools"),
    "other pools": (of_config("pools", ["mean"]), "other labels or pools"),
    "another width": (of_config("width", 4), "other shapes than config.json says"),
    "no width": (of_config("width", "three"), "other shapes than config.json says"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "not a whole static student"),
    "half a file": (lambda folder: (folder / "model.safetensors").write_bytes(b"half"), "not a whole static student"),
    "no bias": (of_weights(classifier_bias=None), "not a whole static student"),
    "a bias for one label": (of_weights(classifier_bias=np.zeros(1, np.float32)), "other shapes"),
    "half precision": (of_weights(classifier_bias=np.zeros(2, np.float16)), "other shapes"),
    "no number": (of_weights(classifier_bias=np.array([0, np.nan], np.float32)), "holds NaN or infinity"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_folder_that_is_not_whole_is_refused(folder: Path, name: str) -> None:
    change, telling = BROKEN[name]
    change(folder)
    with pytest.raises(ModelError, match=telling) as refused:
        StaticWeights.load(folder, LABELS)
    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_other_labels_than_those_asked_for_are_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="other labels or pools"):
        StaticWeights.load(folder, ("toxicity",))
