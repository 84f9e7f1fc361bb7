"""The formats found in a model folder, and their properties."""

import json
import shutil
from pathlib import Path

import pytest

from retort.bench.flops import Shape
from retort.bench.model_formats import formats_of, open_format, precision, shape_of, window_lengths
from retort.errors import ModelError


def names(arm: str, folder: Path) -> list[str]:
    return [form.name for form in formats_of(arm, folder)]


def test_an_arm_without_export_has_the_format_it_was_trained_in(tiny_run: Path) -> None:
    assert names("odd", tiny_run / "odd") == ["torch"]
    assert names("tfidf", tiny_run / "tfidf") == ["tfidf"]
    assert names("majority", tiny_run / "majority") == []


def test_a_static_student_has_a_format_of_its_own_and_no_matrix_products(tiny_run: Path) -> None:
    (form,) = formats_of("static", tiny_run / "static")
    classifier = open_format(form.folder, 1)
    assert form.name == "static"
    assert shape_of(form, classifier) is None
    assert precision(classifier) is None


def test_lora_has_the_formats_adapter_and_merged(tiny_run: Path) -> None:
    assert names("lora", tiny_run / "lora") == ["torch, adapter", "torch, merged"]
    assert names("lora", tiny_run / "lora" / "merged") == ["torch, merged"]


@pytest.mark.parametrize(("facts", "name"), [({"merged": True}, "torch, merged"), ({}, "torch")])
def test_a_merged_adapter_is_known_by_its_record_and_not_by_its_folder(
    facts: dict[str, bool], name: str, tmp_path: Path
) -> None:
    about = {"arm": "lora", "role": "adapter", "loader": "transformers"} | facts
    (tmp_path / "retort.json").write_text(json.dumps(about))
    assert names("lora", tmp_path) == [name]


def test_a_merged_adapter_of_a_former_run_is_known_by_its_folder(tmp_path: Path) -> None:
    for folder, expected in (("merged", "torch, merged"), ("odd", "torch")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "retort.json").write_text(json.dumps({"arm": "lora", "kind": "student"}))
        assert names("lora", tmp_path / folder) == [expected]


def test_every_export_below_an_arm_is_found_whatever_its_folder_is_called(
    tiny_run: Path, tiny_exports: Path, tmp_path: Path
) -> None:
    odd = shutil.copytree(tiny_run / "odd", tmp_path / "odd")
    shutil.copytree(tiny_exports / "int8", odd / "onnx")
    shutil.copytree(tiny_exports / "fp32", odd / "exact")
    assert names("odd", odd) == ["torch", "onnx fp32", "onnx int8"]
    # A second export of one format is named with its folder.
    shutil.copytree(tiny_exports / "int8", odd / "second")
    assert names("odd", odd) == ["torch", "onnx fp32", "onnx int8", "onnx int8 (second)"]


def test_an_export_alone_is_one_format(tiny_exports: Path) -> None:
    (form,) = formats_of("odd", tiny_exports / "int8")
    assert (form.key, form.is_export) == ("odd, onnx int8", True)


@pytest.mark.parametrize("format", ["torch", "fp32", "int8"])
def test_shape_and_windows_are_the_same_in_every_format(format: str, tiny_run: Path, tiny_exports: Path) -> None:
    folder = tiny_run / "odd" if format == "torch" else tiny_exports / format
    (form,) = formats_of("odd", folder)
    classifier = open_format(folder, 1)
    attributes = len(classifier.attributes)
    assert shape_of(form, classifier) == Shape(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_labels=attributes
    )
    lengths = window_lengths(classifier, ["a good bus", "bus"])
    assert lengths is not None
    # [CLS] and [SEP] are read too.
    assert lengths.tolist() == [5, 3]
    assert precision(classifier) == ("int8" if format == "int8" else "fp32")


def test_an_adapter_has_the_shape_of_its_base(tiny_run: Path) -> None:
    shapes = [shape_of(form, open_format(form.folder, 1)) for form in formats_of("lora", tiny_run / "lora")]
    assert shapes[0] == shapes[1]
    assert shapes[0] is not None
    assert shapes[0].num_hidden_layers == 4


def test_a_bag_of_words_has_no_shape_precision_or_windows(tiny_run: Path) -> None:
    (form,) = formats_of("tfidf", tiny_run / "tfidf")
    classifier = open_format(form.folder, 1)
    assert (shape_of(form, classifier), precision(classifier), window_lengths(classifier, ["bus"])) == (None,) * 3


def test_an_export_whose_config_lacks_its_sizes_is_refused(tiny_exports: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_exports / "int8", tmp_path / "int8")
    classifier = open_format(folder, 1)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": "wide"}))
    (form,) = formats_of("odd", folder)
    with pytest.raises(ModelError, match=r"config\.json: without the sizes of a BERT; take a whole copy"):
        shape_of(form, classifier)


def test_a_retort_json_that_is_not_an_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "retort.json").write_text("[]")
    with pytest.raises(ModelError, match=r"retort\.json: not a JSON object"):
        formats_of("odd", tmp_path)
