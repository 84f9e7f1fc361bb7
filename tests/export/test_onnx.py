"""The exported folder: one file that says what its arm says, or none at all."""

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
import torch
from tokenizers import Tokenizer

from retort.config import ColumnNames
from retort.errors import ConfigError, ModelError, ResourceError, RunError
from retort.export import onnx as exporting
from retort.export import parity as gate
from retort.export import rows as checking
from retort.inference.golden import TEXTS as GOLDEN_TEXTS
from retort.inference.predictor import Classifier
from tests.conftest import tiny_rows

TEXTS = [text for _, text, *_ in tiny_rows()][:40]
FILES = {"README.md", "config.json", "golden.json", "manifest.json", "model.onnx", "retort.json", "tokenizer.json"}


def export(folder: Path, out: Path, *, int8: bool = False, data: Path | None = None) -> dict[str, Any]:
    return exporting.export(folder, out, int8=int8, data=data, columns=ColumnNames(), progress=lambda *_: None)


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


def test_retort_json_is_the_arms_with_the_format_beside_it(tiny_run: Path, tiny_exports: Path) -> None:
    arm = json.loads((tiny_run / "odd" / "retort.json").read_text())
    for form in ("fp32", "int8"):
        about = json.loads((tiny_exports / form / "retort.json").read_text())
        assert arm.items() <= about.items()
        assert about["format"] == f"onnx {form}"
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
        said = Classifier.load(tiny_exports / form).probabilities(GOLDEN_TEXTS)
        np.testing.assert_allclose([row["probabilities"] for row in golden["texts"]], said, atol=1e-9)


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
def test_the_file_says_nothing_of_the_machine_it_was_made_on(tiny_exports: Path, form: str) -> None:
    content = (tiny_exports / form / "model.onnx").read_bytes()
    for trace in (b"site-packages", b".py", str(Path.cwd()).encode(), str(tiny_exports).encode()):
        assert trace not in content


@pytest.mark.parametrize("arm", ["lora", "lora-odd"])
def test_an_exported_lora_arm_says_what_its_adapter_says(tiny_run: Path, tmp_path: Path, arm: str) -> None:
    export(tiny_run / arm, tmp_path / "onnx")
    adapter, exported = Classifier.load(tiny_run / arm), Classifier.load(tmp_path / "onnx")
    np.testing.assert_allclose(exported.probabilities(TEXTS), adapter.probabilities(TEXTS), atol=1e-4)
    assert exported.arm == arm


def test_an_adapter_is_merged_when_no_merged_model_lies_beside_it(tiny_run: Path, tmp_path: Path) -> None:
    arm = shutil.copytree(tiny_run / "lora", tmp_path / "lora", ignore=shutil.ignore_patterns("merged", "manifest*"))
    expected = Classifier.load(arm).probabilities(TEXTS)
    export(arm, tmp_path / "onnx", data=comments_file(tmp_path))
    np.testing.assert_allclose(Classifier.load(tmp_path / "onnx").probabilities(TEXTS), expected, atol=1e-4)


def test_an_adapter_whose_base_is_missing_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    arm = shutil.copytree(tiny_run / "lora-odd", tmp_path / "lora-odd", ignore=shutil.ignore_patterns("merged", "m*"))
    with pytest.raises(ModelError, match="teacher, which is missing"):
        export(arm, tmp_path / "onnx", data=comments_file(tmp_path))
    assert not (tmp_path / "onnx").exists()


def test_a_foreign_classifiers_labels_are_put_into_our_order(tiny_bert: Path, tmp_path: Path) -> None:
    from tests.inference.test_predictor import foreign

    folder = foreign(
        tmp_path / "theirs", tiny_bert, problem_type="multi_label_classification",
        id2label={0: "INSULT", 1: "Toxicity", 2: "spam"}, label2id={"INSULT": 0, "Toxicity": 1, "spam": 2},
    )  # fmt: skip
    export(folder, tmp_path / "onnx", data=comments_file(tmp_path))
    ours, theirs = Classifier.load(tmp_path / "onnx"), Classifier.load(folder)
    assert ours.attributes == theirs.attributes == ("toxicity", "insult", "spam")
    np.testing.assert_allclose(ours.probabilities(TEXTS), theirs.probabilities(TEXTS), atol=1e-5)
    config = json.loads((tmp_path / "onnx" / "config.json").read_text())
    assert config["id2label"] == {"0": "toxicity", "1": "insult", "2": "spam"}


def comments_file(folder: Path, rows: int = 30) -> Path:
    path = folder / "comments.csv"
    pd.DataFrame(tiny_rows()[:rows], columns=["id", "text", "toxicity", "insult"]).to_csv(path, index=False)
    return path


def test_it_is_checked_on_the_validation_rows_of_its_run(tiny_run: Path, tmp_path: Path) -> None:
    seen: list[str] = []
    original = checking.checking_rows

    def noted(*arguments: Any) -> checking.Rows:
        rows = original(*arguments)
        seen.extend(rows.texts)
        return rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "checking_rows", noted)
        report = export(tiny_run / "odd", tmp_path / "onnx")
    splits = pd.read_parquet(tiny_run / "splits.parquet")
    ids = set(splits.loc[splits["split"] == "validation", "id"])
    comments = pd.read_parquet(tiny_run / "comments.parquet")
    assert sorted(seen) == sorted(comments.loc[comments["id"].isin(ids), "text"])
    assert report["parity"]["rows"] == len(ids)
    assert report["parity"]["origin"] == "validation rows of the run"


def test_a_file_named_is_used_instead_and_at_even_distances(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "MOST", 10)
    report = export(tiny_run / "odd", tmp_path / "onnx", data=comments_file(tmp_path, rows=28))
    assert report["parity"]["rows"] == 10
    assert report["parity"]["origin"] == "comments of comments.csv"


def test_the_report_holds_sizes_and_figures(tiny_run: Path, tmp_path: Path) -> None:
    report = export(tiny_run / "odd", tmp_path / "onnx", int8=True)
    weights = sum(p.numel() for p in torch_model(tiny_run / "odd").parameters()) * 4
    assert report["bytes"] == {"before": weights, "after": (tmp_path / "onnx" / "model.onnx").stat().st_size}
    assert report["format"] == "onnx int8"
    assert report["parity"]["weak"]
    assert 0 < report["parity"]["largest_difference"] < 0.1


def torch_model(folder: Path) -> torch.nn.Module:
    from retort.models.classifier import load_classifier

    return load_classifier(folder)


def test_the_card_says_what_was_checked_and_that_few_rows_show_little(tiny_exports: Path) -> None:
    fp32, int8 = ((tiny_exports / form / "README.md").read_text() for form in ("fp32", "int8"))
    for card in (fp32, int8):
        assert "18 validation rows of the run" in card
        assert "The gate is weak" in card
        assert "average precision, toxicity | " in card
    assert "| 0.0001 |" in fp32
    assert "| 0.005 lost |" in int8
    assert "any company" in int8
    assert "any company" not in fp32


@pytest.mark.parametrize(
    ("int8", "limit", "telling"),
    [
        (False, "LARGEST_DIFFERENCE", "onnx fp32 differs by up to"),
        (True, "MOST_LOST", "onnx int8 loses"),
        (True, "_FLIPPED_ROWS", "onnx int8 flips 0 of 18"),
    ],
)
def test_an_export_that_misses_its_gate_is_not_kept(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, int8: bool, limit: str, telling: str
) -> None:
    monkeypatch.setattr(gate, limit, -1)
    monkeypatch.setattr(gate, "_FLIPPED_SHARE", -1.0 if limit == "_FLIPPED_ROWS" else 0.01)
    with pytest.raises(RunError, match=telling):
        export(tiny_run / "odd", tmp_path / "out" / "onnx", int8=int8)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_export_that_says_something_else_is_not_kept(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the exporter had swapped the weights of one layer."""
    original = exporting.onnx_graph

    def swapped(model: Any) -> onnx.ModelProto:
        made = original(model)
        for tensor in made.graph.initializer:
            if tensor.name.endswith("LayerNorm.weight"):
                tensor.raw_data = (np.frombuffer(tensor.raw_data, np.float32) * 1.01).tobytes()
        return made

    monkeypatch.setattr(exporting, "onnx_graph", swapped)
    with pytest.raises(RunError, match="onnx fp32 differs by up to"):
        export(tiny_run / "odd", tmp_path / "onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("model", "error", "telling"),
    [
        ("gone", ModelError, "no such folder"),
        (".", ModelError, "a run, not a model"),
        ("plots", ModelError, r"no config\.json"),
        ("majority", ModelError, "majority is no neural model"),
        ("tfidf", ModelError, "tfidf is no neural model"),
    ],
)
def test_what_is_no_neural_model_is_refused(
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


def test_without_comments_to_check_it_on_they_are_asked_for(tiny_run: Path, tmp_path: Path) -> None:
    arm = shutil.copytree(tiny_run / "odd", tmp_path / "apart" / "from" / "odd")
    with pytest.raises(ConfigError, match="name some with --data"):
        export(arm, tmp_path / "onnx")
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(tiny_run / "splits.parquet", run)
    with pytest.raises(ConfigError, match=r"keeps no texts \(--no-texts\)"):
        export(shutil.copytree(arm, run / "odd"), tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()


def test_a_folder_that_holds_something_is_not_written_over(tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "mine").write_text("kept")
    with pytest.raises(ConfigError, match="not empty"):
        export(tiny_run / "odd", tmp_path / "onnx")
    assert (tmp_path / "onnx" / "mine").read_text() == "kept"


@pytest.mark.parametrize("step", ["quantized", "write_golden"])
def test_a_full_disk_leaves_nothing_half_written(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_arguments: Any, **_named: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(exporting, step, full)
    with pytest.raises(ResourceError, match="No space left on device"):
        export(tiny_run / "odd", tmp_path / "onnx", int8=True)
    assert list(tmp_path.iterdir()) == []
