"""An exported folder has the scores of its arm, or is not written at all."""

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from tokenizers import Tokenizer
from transformers import BertForSequenceClassification

from retort.errors import ConfigError, ModelError, ResourceError, RunError
from retort.export import onnx as exporting
from retort.export.source import read_source
from retort.inference.golden import TEXTS as GOLDEN_TEXTS
from retort.inference.predictor import Classifier
from retort.models.classifier import load_classifier
from retort.tasks import default_task
from tests.conftest import tiny_rows
from tests.export.test_rows import comments_file
from tests.inference.foreign_folder import write_foreign

TEXTS = [text for _, text, *_ in tiny_rows()][:40]
FILES = {"README.md", "config.json", "golden.json", "manifest.json", "model.onnx", "retort.json", "tokenizer.json"}


def export(folder: Path, out: Path, *, int8: bool = False, data: Path | None = None) -> dict[str, Any]:
    return exporting.export(folder, out, int8=int8, data=data, columns={}, progress=lambda *_: None)


def graph(folder: Path) -> onnx.ModelProto:
    return onnx.load(folder / "model.onnx")


@pytest.mark.parametrize("form", ["fp32", "int8"])
def test_an_export_is_these_files(tiny_exports: Path, form: str) -> None:
    assert {path.name for path in (tiny_exports / form).rglob("*")} == FILES
    manifest = json.loads((tiny_exports / form / "manifest.json").read_text())
    assert set(manifest) == FILES - {"manifest.json"}


@pytest.mark.parametrize("form", ["fp32", "int8"])
def test_windows_and_tokens_may_be_as_many_as_one_likes(tiny_exports: Path, form: str) -> None:
    model = graph(tiny_exports / form)
    shapes = {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in [*model.graph.input, *model.graph.output]
    }
    assert list(shapes) == ["input_ids", "attention_mask", "logits"]
    assert shapes["input_ids"] == shapes["attention_mask"] == ["windows", "tokens"]
    assert shapes["logits"][1] == 2


def test_retort_json_is_that_of_the_arm_with_another_loader(tiny_run: Path, tiny_exports: Path) -> None:
    arm = json.loads((tiny_run / "odd" / "retort.json").read_text())
    for form in ("fp32", "int8"):
        about = json.loads((tiny_exports / form / "retort.json").read_text())
        changed = {"schema": 2, "loader": "onnx", "role": "student", "task": default_task().as_dict()}
        assert (arm | changed).items() <= about.items()
        assert about["format"] == f"onnx {form}"
        assert (about["parity"]["calibration"] is None) == (form == "fp32")
        assert about["parity"]["rows"] > 0
        assert about["source_sha256"] == Classifier.load(tiny_run / "odd").sha256
        assert {"onnxruntime", "torch"} <= about["made_by"]["packages"].keys()


def test_config_json_names_the_labels_in_order(tiny_exports: Path) -> None:
    assert json.loads((tiny_exports / "int8" / "config.json").read_text())["id2label"] == {
        "0": "toxicity", "1": "insult",
    }  # fmt: skip


def test_golden_scores_are_the_exports_own(tiny_exports: Path) -> None:
    for form, tolerance in (("fp32", 1e-4), ("int8", 0.1)):
        golden = json.loads((tiny_exports / form / "golden.json").read_text())
        assert golden["tolerance"] == tolerance
        scores = Classifier.load(tiny_exports / form).probabilities(GOLDEN_TEXTS)
        np.testing.assert_allclose([row["probabilities"] for row in golden["texts"]], scores, atol=1e-9)


def test_int8_holds_its_matrices_and_its_words_as_integers(tiny_exports: Path) -> None:
    """2 layers with six linear ones each, and the table of word embeddings; the head stays as it is."""
    model = graph(tiny_exports / "int8")
    products = [node for node in model.graph.node if node.op_type == "MatMulInteger"]
    assert len(products) == 12
    kinds = {tensor.name: (tensor.data_type, list(tensor.dims)) for tensor in model.graph.initializer}
    assert {kinds[node.input[1]][0] for node in products} == {onnx.TensorProto.INT8}
    words = Tokenizer.from_file(str(tiny_exports / "int8" / "tokenizer.json")).get_vocab_size()
    assert (onnx.TensorProto.INT8, [words, 32]) in kinds.values()
    assert (onnx.TensorProto.FLOAT, [words, 32]) not in kinds.values()
    # A scale for each column of a matrix.
    scales = [dims for kind, dims in kinds.values() if kind == onnx.TensorProto.FLOAT and dims in ([32], [64])]
    assert len(scales) >= 12


@pytest.mark.parametrize("form", ["fp32", "int8"])
def test_the_file_contains_nothing_about_the_machine_it_was_made_on(tiny_exports: Path, form: str) -> None:
    content = (tiny_exports / form / "model.onnx").read_bytes()
    for trace in (b"site-packages", b".py", str(Path.cwd()).encode(), str(tiny_exports).encode()):
        assert trace not in content


@pytest.mark.slow
def test_an_exported_lora_arm_has_the_scores_of_its_adapter(tiny_run: Path, tmp_path: Path) -> None:
    export(tiny_run / "lora-odd", tmp_path / "onnx")
    adapter, exported = Classifier.load(tiny_run / "lora-odd"), Classifier.load(tmp_path / "onnx")
    np.testing.assert_allclose(exported.probabilities(TEXTS), adapter.probabilities(TEXTS), atol=1e-4)
    assert (exported.arm, exported.format) == ("lora-odd", "onnx fp32")


def test_an_adapter_without_its_merged_model_is_merged(tiny_run: Path, tmp_path: Path) -> None:
    arm = shutil.copytree(tiny_run / "lora", tmp_path / "lora", ignore=shutil.ignore_patterns("merged", "manifest*"))
    source = read_source(arm)
    assert type(source.model) is BertForSequenceClassification
    expected = Classifier.load(arm).probabilities(TEXTS)
    np.testing.assert_allclose(source.scorer()(TEXTS).probabilities, expected, atol=1e-4)


@pytest.mark.usefixtures("cached_graph")
def test_an_arm_of_schema_1_is_exported_as_schema_2(tiny_run: Path, tmp_path: Path) -> None:
    arm = shutil.copytree(tiny_run / "odd", tmp_path / "odd", ignore=shutil.ignore_patterns("manifest.json"))
    about = json.loads((arm / "retort.json").read_text()) | {"schema": 1, "kind": "student"}
    former = {key: value for key, value in about.items() if key not in ("task", "role", "loader")}
    (arm / "retort.json").write_text(json.dumps(former))
    export(arm, tmp_path / "onnx", data=comments_file(tmp_path))
    exported = json.loads((tmp_path / "onnx" / "retort.json").read_text())
    assert (exported["schema"], exported["role"], exported["loader"]) == (2, "student", "onnx")
    assert Classifier.load(tmp_path / "onnx").task == default_task()


def test_an_adapter_whose_base_is_missing_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    arm = shutil.copytree(tiny_run / "lora-odd", tmp_path / "lora-odd", ignore=shutil.ignore_patterns("merged", "m*"))
    with pytest.raises(ModelError, match="teacher, which is missing"):
        export(arm, tmp_path / "onnx", data=comments_file(tmp_path))
    assert not (tmp_path / "onnx").exists()


def test_a_foreign_classifier_is_exported_with_its_labels_in_the_order_of_retort(
    tiny_bert: Path, tmp_path: Path
) -> None:
    """That the head is reordered with the labels: test_predictor.py."""
    source = read_source(write_foreign(tmp_path / "theirs", tiny_bert, {0: "INSULT", 1: "Toxicity", 2: "spam"}))
    assert source.model.config.id2label == {0: "toxicity", 1: "insult", 2: "spam"}
    assert source.attributes == ("toxicity", "insult", "spam")
    assert (source.about["role"], source.task, source.primary) == ("foreign", default_task(), "toxicity")


def test_the_report_holds_sizes_and_figures(tiny_run: Path, tmp_path: Path) -> None:
    report = export(tiny_run / "odd", tmp_path / "onnx", int8=True)
    weights = sum(p.numel() for p in load_classifier(tiny_run / "odd").parameters()) * 4
    assert report["bytes"] == {"before": weights, "after": (tmp_path / "onnx" / "model.onnx").stat().st_size}
    assert report["format"] == "onnx int8"
    found = report["parity"]
    assert found["weak"]
    assert 0 < found["largest_difference"] < 0.1
    assert found["calibration"] == {"rows": 64, "origin": "training rows of the run"}
    assert found == json.loads((tmp_path / "onnx" / "retort.json").read_text())["parity"]


def test_the_card_shows_every_label_and_the_limits(tiny_exports: Path) -> None:
    fp32, int8 = ((tiny_exports / form / "README.md").read_text() for form in ("fp32", "int8"))
    for text in (fp32, int8):
        assert "Both rated 18 validation rows of the run." in text
        assert "The gate is weak" in text
        assert "| toxicity | 9 | 1." in text
        assert "| insult | 6 | " in text
    assert "Limit for every label: a difference of 0.0001." in fp32
    assert "average precision lost 0.005 (toxicity)." in int8
    assert "at most 0.1): insult." in int8
    assert "calibrated with: 64 training rows of the run" in int8
    for only_int8 in ("calibrated", "does not depend on other comments", "Fewer than 10 positive rows"):
        assert only_int8 in int8
        assert only_int8 not in fp32


def test_an_export_with_other_scores_is_not_kept(
    tiny_run: Path, tiny_exports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the exporter had changed some weights."""
    changed = graph(tiny_exports / "fp32")
    for tensor in changed.graph.initializer:
        if tensor.name.endswith("LayerNorm.weight"):
            tensor.raw_data = (np.frombuffer(tensor.raw_data, np.float32) * 1.01).tobytes()
    monkeypatch.setattr(exporting, "onnx_graph", lambda _: changed)
    with pytest.raises(RunError, match=r"onnx fp32 differs by up to .* in the probability of toxicity"):
        export(tiny_run / "odd", tmp_path / "onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("model", "error", "telling"),
    [
        ("gone", ModelError, "no such folder"),
        (".", ModelError, "a run, not a model"),
        ("plots", ModelError, r"no config\.json"),
        ("majority", ModelError, "majority gives every comment the same scores and is no model"),
        ("tfidf", ModelError, "tfidf is no neural network"),
    ],
)
def test_what_is_no_neural_network_is_refused(
    tiny_run: Path, tmp_path: Path, model: str, error: type[Exception], telling: str
) -> None:
    with pytest.raises(error, match=telling):
        export(tiny_run / model, tmp_path / "onnx")
    assert list(tmp_path.iterdir()) == []


def test_an_export_is_not_exported_again(tiny_exports: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"an export already \(onnx fp32\)"):
        export(tiny_exports / "fp32", tmp_path / "onnx")


def test_a_bare_adapter_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "peft").mkdir()
    shutil.copy(tiny_run / "lora" / "adapter_config.json", tmp_path / "peft")
    with pytest.raises(ModelError, match="an adapter without its base"):
        export(tmp_path / "peft", tmp_path / "onnx")


def test_weights_that_are_no_numbers_are_refused(tiny_run: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    arm = shutil.copytree(tiny_run / "odd", tmp_path / "odd")
    weights = load_file(arm / "model.safetensors")
    weights["bert.encoder.layer.0.output.dense.weight"][0, 0] = float("nan")
    save_file(weights, arm / "model.safetensors", metadata={"format": "pt"})
    (arm / "manifest.json").unlink()
    with pytest.raises(ModelError, match="holds NaN"):
        export(arm, tmp_path / "onnx", data=comments_file(tmp_path))
    assert not (tmp_path / "onnx").exists()


def test_an_arm_changed_since_its_manifest_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    arm = shutil.copytree(tiny_run / "odd", tmp_path / "odd")
    (arm / "config.json").write_text((arm / "config.json").read_text() + " ")
    with pytest.raises(ModelError, match="changed since"):
        export(arm, tmp_path / "onnx", data=comments_file(tmp_path))


def test_a_folder_that_holds_something_is_not_written_over(tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "mine").write_text("kept")
    with pytest.raises(ConfigError, match="not empty"):
        export(tiny_run / "odd", tmp_path / "onnx")
    assert (tmp_path / "onnx" / "mine").read_text() == "kept"


@pytest.mark.usefixtures("cached_graph")
@pytest.mark.parametrize(("step", "int8"), [("quantized", True), ("write_golden", False)])
def test_a_full_disk_leaves_nothing_half_written(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, int8: bool
) -> None:
    def full(*_arguments: Any, **_named: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(exporting, step, full)
    with pytest.raises(ResourceError, match="No space left on device"):
        export(tiny_run / "odd", tmp_path / "onnx", int8=int8)
    assert list(tmp_path.iterdir()) == []
