"""Model folders are loaded by the loader that they record, those of the former schema included."""

import inspect
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retort import runs
from retort.errors import ModelError
from retort.inference import loaders
from retort.inference.folders import checked_about
from retort.inference.loaders import Loader, known_loaders, loader_of
from retort.inference.predictor import Classifier
from retort.tasks import default_task
from tests.conftest import tiny_rows

TEXTS = [text for _, text, *_ in tiny_rows()][:8]


def rewritten(folder: Path, change: dict[str, Any], drop: tuple[str, ...] = ()) -> Path:
    """The folder with other keys in its retort.json."""
    about = json.loads((folder / runs.RETORT).read_text()) | change
    runs.write_json(folder / runs.RETORT, {key: value for key, value in about.items() if key not in drop})
    runs.write_manifest(folder)
    return folder


def parameters(owner: object, function: str) -> list[str]:
    return [name for name in inspect.signature(getattr(owner, function)).parameters if name != "self"]


def test_every_module_of_the_package_is_a_loader(tiny_run: Path) -> None:
    assert known_loaders() == ("onnx", "peft", "static", "tfidf", "transformers")
    for name in known_loaders():
        loader = loader_of(tiny_run, {"loader": name})
        for function in ("load", "plain"):
            assert parameters(loader, function) == parameters(Loader, function)


@pytest.mark.parametrize(("loader", "telling"), [("gguf", "'gguf' is unknown"), (["onnx"], "is unknown")])
def test_an_unknown_loader_is_refused_with_the_known_ones(
    tiny_run: Path, tmp_path: Path, loader: object, telling: str
) -> None:
    folder = rewritten(
        shutil.copytree(tiny_run / "tfidf", tmp_path / "tfidf"),
        {"role": "baseline", "loader": loader, "task": default_task().as_dict()},
    )
    with pytest.raises(ModelError, match=telling) as refused:
        Classifier.load(folder)
    assert "onnx, peft, static, tfidf, transformers" in str(refused.value)


def test_an_arm_without_a_model_is_refused(tiny_run: Path) -> None:
    with pytest.raises(ModelError, match="majority gives every comment the same scores and is no model"):
        Classifier.load(tiny_run / "majority")


def test_a_config_with_other_labels_than_retort_json_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    folder = rewritten(
        shutil.copytree(tiny_run / "odd", tmp_path / "odd"),
        {"attributes": ["toxicity", "threat"], "thresholds": {"toxicity": 0.5, "threat": 0.5}},
    )
    with pytest.raises(ModelError, match=r"retort\.json names toxicity, threat, config\.json toxicity, insult"):
        Classifier.load(folder)


KINDS = {"tfidf": "tfidf", "teacher": "teacher", "odd": "student", "lora": "lora", "lora-odd": "lora"}


@pytest.mark.parametrize("arm", [*KINDS, "export"])
def test_a_folder_of_schema_1_gives_the_same_probabilities(
    tiny_run: Path, tiny_exports: Path, tmp_path: Path, arm: str
) -> None:
    """It records the kind of the arm, but no task, role or loader. lora-odd needs the teacher beside it."""
    source = tiny_exports / "fp32" if arm == "export" else tiny_run / arm
    if arm == "lora-odd":
        shutil.copytree(tiny_run / "teacher", tmp_path / "teacher")
    folder = rewritten(
        shutil.copytree(source, tmp_path / arm),
        {"schema": 1, "kind": KINDS.get(arm, "student")},
        drop=("task", "role", "loader", "title", "description"),
    )
    old, new = Classifier.load(folder), Classifier.load(source)
    np.testing.assert_array_equal(old.probabilities(TEXTS), new.probabilities(TEXTS))
    assert (old.task, old.format, old.thresholds) == (default_task(), new.format, new.thresholds)


def test_plain_classifiers_have_their_logits_in_the_recorded_order(tiny_run: Path) -> None:
    from retort.models.classifier import attributes_of

    for arm in ("odd", "lora"):
        about = checked_about(tiny_run / arm)
        model = loader_of(tiny_run / arm, about).plain(tiny_run / arm, about)
        assert attributes_of(model) == ("toxicity", "insult")
        assert not model.training


IMPORTED = """
import sys
from retort.inference.predictor import Classifier
Classifier.load(sys.argv[1]).predict(["a good bus"])
print(*(name for name in ("torch", "transformers", "peft") if name in sys.modules))
"""


def test_tfidf_runs_without_importing_torch(tiny_run: Path) -> None:
    """An export runs where torch is not even installed: test_onnx_predictor.py."""
    command = [sys.executable, "-c", IMPORTED, tiny_run / "tfidf"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "\n"


LOADER_FILE = """
from retort.inference.loaders import Loaded
def load(folder, about, threads, truncate, device): return Loaded("constant", None)
"""


def test_a_loader_is_one_new_module(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "constant.py").write_text(LOADER_FILE)
    monkeypatch.setattr(loaders, "__path__", [*loaders.__path__, str(tmp_path)])
    folder = rewritten(
        shutil.copytree(tiny_run / "tfidf", tmp_path / "arm"),
        {"role": "student", "loader": "constant", "task": default_task().as_dict()},
    )
    assert Classifier.load(folder).format == "constant"


@pytest.mark.parametrize("arm", ["odd", "lora", "tfidf", "static", "fp32"])
def test_a_model_reads_texts_as_they_were_normalised_for_its_training(
    tiny_run: Path, tiny_exports: Path, tmp_path: Path, arm: str
) -> None:
    source = tiny_exports / arm if arm == "fp32" else tiny_run / arm
    if not source.is_dir():
        pytest.skip(f"the tiny run has no {arm}")
    folder = shutil.copytree(source, tmp_path / arm)
    # Version 1 undoes the zero alone, version 2 the full stops as well, version 0 nothing.
    text = "the g0od go.o.d bus"
    read = {0: text, 1: "the good go.o.d bus", 2: "the good good bus"}
    plain = Classifier.load(rewritten(folder, {"normaliser_version": 0})).uncalibrated([*read.values()])
    for version in read:
        classifier = Classifier.load(rewritten(folder, {"normaliser_version": version}))
        assert classifier.normaliser_version == version
        np.testing.assert_allclose(classifier.uncalibrated([text])[0], plain[version], atol=1e-6)
    assert abs(plain[0] - plain[1]).max() > 1e-6 < abs(plain[1] - plain[2]).max()
