"""An exported model has the scores of its arm, without torch and in any batch; an unfit one is refused."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest

from retort import runs
from retort.errors import ModelError
from retort.inference.golden import check_golden
from retort.inference.predictor import Classifier
from retort.inference.reading import WindowedModel
from tests.conftest import tiny_rows

ODD = ["\U0001f621", "a\x01b good", "[SEP] fool", "x" * 300, "what a bus, " * 40, "\udcff bus", "bus"]
TEXTS = [text for _, text, *_ in tiny_rows()][:60] + ODD


@pytest.fixture(scope="module")
def fp32(tiny_exports: Path) -> Classifier:
    return Classifier.load(tiny_exports / "fp32")


@pytest.fixture(scope="module")
def int8(tiny_exports: Path) -> Classifier:
    return Classifier.load(tiny_exports / "int8")


@pytest.fixture
def copied(tiny_exports: Path, tmp_path: Path) -> Path:
    """The fp32 export, to be changed."""
    return shutil.copytree(tiny_exports / "fp32", tmp_path / "onnx")


def logits(classifier: Classifier, texts: list[str]) -> np.ndarray:
    """Of their windows: differences that probabilities near 0 and 1 would hide."""
    assert isinstance(classifier.model, WindowedModel)
    return classifier.model.scorer(classifier.model.reader.read(texts).windows)


def test_fp32_has_the_logits_of_torch(tiny_run: Path, fp32: Classifier) -> None:
    torch = Classifier.load(tiny_run / "odd")
    np.testing.assert_allclose(logits(fp32, TEXTS), logits(torch, TEXTS), atol=1e-4)
    np.testing.assert_allclose(fp32.probabilities(TEXTS), torch.probabilities(TEXTS), atol=1e-5)


def test_an_export_answers_as_its_arm_does(tiny_run: Path, fp32: Classifier, int8: Classifier) -> None:
    torch = Classifier.load(tiny_run / "odd")
    for exported, form in ((fp32, "onnx fp32"), (int8, "onnx int8")):
        assert exported.format == form
        assert (exported.arm, exported.attributes, exported.thresholds, exported.max_length) == (
            torch.arm, torch.attributes, torch.thresholds, torch.max_length,
        )  # fmt: skip
        for ours, theirs in zip(exported.read(TEXTS), torch.read(TEXTS), strict=True):
            assert (ours.verdict, ours.tokens, ours.windows, ours.warnings) == (
                theirs.verdict, theirs.tokens, theirs.windows, theirs.warnings,
            )  # fmt: skip
    assert len({torch.sha256, fp32.sha256, int8.sha256}) == 3


def test_int8_is_near_torch_and_not_the_same(tiny_run: Path, int8: Classifier) -> None:
    apart = np.abs(logits(int8, TEXTS) - logits(Classifier.load(tiny_run / "odd"), TEXTS))
    assert 1e-4 < apart.max() < 0.5


def test_fp32_scores_do_not_depend_on_the_rest_of_the_batch(fp32: Classifier) -> None:
    together = fp32.probabilities(TEXTS)
    for batch in (TEXTS[::-1], TEXTS[::3]):
        places = [batch.index(text) for text in batch]
        np.testing.assert_allclose(
            fp32.probabilities(batch), together[[TEXTS.index(batch[i]) for i in places]], atol=1e-5
        )
    alone = np.concatenate([fp32.probabilities([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, together, atol=1e-5)


def test_int8_scores_are_equal_whatever_the_rest_of_the_batch(int8: Classifier) -> None:
    together = logits(int8, TEXTS[:60])
    np.testing.assert_array_equal(logits(int8, TEXTS[:60][::-1])[::-1], together)
    np.testing.assert_array_equal(np.concatenate([logits(int8, [text]) for text in TEXTS[:60]]), together)
    np.testing.assert_array_equal(
        int8.probabilities(TEXTS), np.concatenate([int8.probabilities([text]) for text in TEXTS])
    )


@pytest.mark.parametrize("form", ["fp32", "int8"])
def test_sixteen_threads_get_the_scores_of_one(tiny_exports: Path, form: str) -> None:
    classifier = Classifier.load(tiny_exports / form, threads=2)
    alone = [classifier.probabilities([text])[0] for text in TEXTS]
    with ThreadPoolExecutor(16) as threads:
        together = list(threads.map(lambda text: classifier.probabilities([text])[0], TEXTS * 5))
    np.testing.assert_array_equal(together, alone * 5)


def test_the_number_of_threads_changes_no_score(tiny_exports: Path, int8: Classifier) -> None:
    one = Classifier.load(tiny_exports / "int8", threads=1)
    np.testing.assert_array_equal(one.probabilities(TEXTS), int8.probabilities(TEXTS))


def test_no_texts_give_no_answers(int8: Classifier) -> None:
    assert int8.read([]) == []
    assert int8.probabilities([]).shape == (0, 2)


@pytest.mark.parametrize("form", ["fp32", "int8"])
def test_an_export_has_the_scores_recorded_when_it_was_made(tiny_exports: Path, form: str) -> None:
    check_golden(Classifier.load(tiny_exports / form), tiny_exports / form)


HEAVY = ("torch", "transformers", "peft", "accelerate", "pandas", "pyarrow", "sklearn", "scipy", "safetensors", "onnx")
WITHOUT = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
sys.argv = ["retort", *sys.argv[1:]]
from retort.cli import main
main()
"""


@pytest.mark.parametrize("form", ["fp32", "int8"])
def test_an_export_runs_where_torch_is_not_installed(
    tiny_exports: Path, form: str, request: pytest.FixtureRequest
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT, "predict", "--model", tiny_exports / form, "--json", *TEXTS[:3]],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    classifier: Classifier = request.getfixturevalue(form)
    assert [json.loads(line) for line in ended.stdout.splitlines()] == classifier.predict(TEXTS[:3])


def test_an_arm_that_needs_torch_is_answered_with_its_install_line(tiny_run: Path) -> None:
    """Which also shows that the test above hides torch."""
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT, "predict", "--model", tiny_run / "odd", "a bus"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 5
    assert "pip install 'retort-nlp[train]'" in ended.stderr


def test_weights_in_another_file_are_refused(copied: Path) -> None:
    model = onnx.load(copied / "model.onnx")
    onnx.save(model, copied / "model.onnx", save_as_external_data=True, location="model.data", size_threshold=16)
    runs.write_manifest(copied)
    with pytest.raises(ModelError, match="keeps its weights in another file"):
        Classifier.load(copied)


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json", "config.json", "golden.json"])
def test_a_file_changed_since_the_manifest_is_refused(copied: Path, file: str) -> None:
    (copied / file).write_bytes((copied / file).read_bytes() + b" ")
    with pytest.raises(ModelError, match=rf"{file}: changed since manifest\.json"):
        Classifier.load(copied)


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json", "retort.json"])
def test_a_manifest_that_leaves_a_file_out_is_refused(copied: Path, file: str) -> None:
    manifest = json.loads((copied / "manifest.json").read_text())
    del manifest[file]
    (copied / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=f"does not name {file}"):
        Classifier.load(copied)


@pytest.mark.parametrize("content", ["[]", '"x"', "null", "{", "3"])
def test_a_manifest_that_is_none_is_refused(copied: Path, content: str) -> None:
    (copied / "manifest.json").write_text(content)
    with pytest.raises(ModelError, match=r"manifest\.json"):
        Classifier.load(copied)


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json"])
def test_without_manifest_a_missing_file_is_refused(copied: Path, file: str) -> None:
    (copied / "manifest.json").unlink()
    Classifier.load(copied)
    (copied / file).unlink()
    with pytest.raises(ModelError, match=f"no {file}"):
        Classifier.load(copied)


@pytest.mark.parametrize("cut", [0, 100, 20_000])
def test_a_model_cut_short_is_refused(copied: Path, cut: int) -> None:
    (copied / "model.onnx").write_bytes((copied / "model.onnx").read_bytes()[:cut])
    runs.write_manifest(copied)
    with pytest.raises(ModelError, match="onnxruntime does not load it"):
        Classifier.load(copied)


def test_a_model_with_other_inputs_is_refused(copied: Path) -> None:
    model = onnx.load(copied / "model.onnx")
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = "words" if name == "input_ids" else name
    model.graph.input[0].name = "words"
    onnx.save(model, copied / "model.onnx")
    runs.write_manifest(copied)
    with pytest.raises(ModelError, match="takes words, attention_mask"):
        Classifier.load(copied)


@pytest.mark.parametrize(
    ("change", "telling"),
    [
        ({"attributes": ["toxicity"]}, "logits of 1 attributes"),
        ({"format": "onnx fp4"}, "format 'onnx fp4'"),
        ({"normaliser_version": 99}, "normalised by version 99"),
    ],
)
def test_a_retort_json_that_does_not_fit_the_model_is_refused(
    copied: Path, change: dict[str, object], telling: str
) -> None:
    about = json.loads((copied / "retort.json").read_text())
    runs.write_json(copied / "retort.json", about | change)
    runs.write_manifest(copied)
    with pytest.raises(ModelError, match=telling):
        Classifier.load(copied)


def test_an_onnx_file_of_unknown_origin_is_refused(copied: Path) -> None:
    (copied / "retort.json").unlink()
    with pytest.raises(ModelError, match=r"model\.onnx without retort\.json"):
        Classifier.load(copied)
