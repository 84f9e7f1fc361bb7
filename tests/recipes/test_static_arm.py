"""The static arm of a comparison: exported, scored, explained and served like the others, or refused."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file, save_file

from retort.bench.model_formats import formats_of, open_format, shape_of
from retort.inference.explain import highlights, weigh
from retort.inference.predictor import Classifier
from tests.command import retort
from tests.conftest import tiny_rows
from tests.recipes.tiny_runs import Compare, about, comparison_of, history_of, started, texts_of

TEXTS = [text for _, text, *_ in tiny_rows()][:40]


@pytest.fixture(scope="module")
def exported(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("static") / "onnx"
    ended = retort("export", tiny_run / "static", "--out", folder)
    assert ended.code == 0, ended.err
    return folder


def test_it_is_a_distilled_student_without_layers(tiny_run: Path) -> None:
    facts = about(tiny_run, "static")
    assert (facts["kind"], facts["role"], facts["loader"]) == ("static", "student", "static")
    assert (facts["start"], facts["distilled"]) == ("teacher", True)
    assert facts["layer_indices"] is facts["teacher_layers"] is None
    for row in history_of(tiny_run, "static"):
        assert row["train_loss"]["hard"] is not None
        assert row["train_loss"]["soft"] is not None
        assert row["train_loss"]["hidden"] is row["train_loss"]["attention"] is None


def test_its_parameters_are_its_vectors_and_its_head(tiny_run: Path, tiny_bert: Path) -> None:
    vocabulary = json.loads((tiny_bert / "config.json").read_text())["vocab_size"]
    found = comparison_of(tiny_run)["arms"]["static"]
    # As wide as the teacher; the head reads mean and maximum.
    assert found["parameters"]["total"] == found["parameters"]["trainable"] == vocabulary * 32 + 2 * (2 * 32 + 1)
    assert found["test"]["toxicity"]["roc_auc"]["value"] > 0.9


def test_its_export_gives_the_same_probabilities_alone_and_in_batches(tiny_run: Path, exported: Path) -> None:
    own, export = Classifier.load(tiny_run / "static"), Classifier.load(exported)
    assert (own.format, export.format) == ("static", "onnx fp32")
    np.testing.assert_allclose(export.probabilities(TEXTS), own.probabilities(TEXTS), atol=1e-6)
    alone = np.concatenate([own.probabilities([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, own.probabilities(TEXTS), atol=1e-6)
    # However long a comment is: the graph has no number of positions.
    shape = onnx.load(exported / "model.onnx").graph.input[0].type.tensor_type.shape
    assert [axis.dim_param for axis in shape.dim] == ["windows", "tokens"]


def test_the_shape_of_its_export_is_no_berts(exported: Path) -> None:
    (form,) = formats_of("static", exported)
    assert shape_of(form, open_format(exported, 1)) is None


def test_a_comment_in_several_windows_gets_the_largest_of_their_scores(tiny_run: Path) -> None:
    classifier = Classifier.load(tiny_run / "static")
    kind = "the good mayor opened the bridge today. " * 30
    (answer,) = classifier.read([kind + "what a fool is the driver, a moron and a fool!"])
    assert answer.windows > 1
    assert answer.probabilities["toxicity"] > classifier.probabilities([kind])[0, 0]


def test_int8_is_refused_because_there_is_nothing_to_speed_up(tiny_run: Path, tmp_path: Path) -> None:
    ended = retort("export", tiny_run / "static", "--int8", "--out", tmp_path / "int8")
    assert ended.code == 2
    assert "static student has no matrix products" in ended.error
    assert not (tmp_path / "int8").exists()


def test_a_file_is_scored_with_it(tiny_run: Path, tiny_comments: Path, tmp_path: Path) -> None:
    ended = retort("score", tiny_comments, tmp_path / "scores.csv", "--model", tiny_run / "static")
    assert ended.code == 0, ended.err
    with (tmp_path / "scores.csv").open(newline="") as file:
        found = [float(row["toxicity"]) for row in csv.DictReader(file)]
    expected = Classifier.load(tiny_run / "static").probabilities([text for _, text, *_ in tiny_rows()])[:, 0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_word_that_insults_weighs_more_than_those_that_name_things(tiny_run: Path) -> None:
    classifier = Classifier.load(tiny_run / "static")
    text = "the mayor who opened the bridge today is a fool!"
    probability, weights = weigh(classifier, text)
    assert probability > 0.5
    by_word = {text[one.begin : one.end]: one.weight for one in weights}
    assert by_word["fool"] > max(by_word[word] for word in ("mayor", "opened", "bridge", "today"))
    assert highlights(classifier, text)


def test_it_can_start_from_the_base_and_be_narrower(compare: Compare) -> None:
    run = compare(
        "static,fresh",
        "--set", "arm.static.start=base", "--set", "arm.static.distilled=false",
        "--set", "arm.fresh.kind=static", "--set", "arm.fresh.start=base", "--set", "arm.fresh.distilled=false",
        "--set", "arm.fresh.static.width=8",
    )  # fmt: skip
    config = json.loads((run / "fresh" / "config.json").read_text())
    assert config["width"] == 8
    assert all(row["train_loss"]["soft"] is None for row in history_of(run, "static"))
    texts = texts_of(run, "test")["text"].tolist()
    assert not np.allclose(*(Classifier.load(run / arm).probabilities(texts) for arm in ("static", "fresh")), atol=1e-3)


REFUSED = {
    "layers to choose": ("arm.static.layers=odd", "a static student has no layers to choose"),
    "hidden states to compare": ("arm.static.distillation.hidden=1", "set arm.static.distillation.hidden and"),
    "attention to compare": ("arm.static.distillation.attention=1", "no layers to compare with the teacher's"),
    "no width": ("static.width=0", "static.width"),
    "a misspelt key": ("arm.static.static.breadth=8", "breadth"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_settings_that_do_not_fit_are_refused_before_any_training(
    tiny_bert: Path, tiny_comments: Path, tmp_path: Path, name: str
) -> None:
    assignment, telling = REFUSED[name]
    ended = started(tiny_bert, tiny_comments, tmp_path / "run", "teacher,static", "--set", assignment)
    assert ended.code == 2
    assert telling in ended.error
    assert not list(tmp_path.iterdir())


def test_a_folder_with_fewer_vectors_than_tokens_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_run / "static", tmp_path / "static")
    (folder / "manifest.json").unlink()
    weights = load_file(folder / "model.safetensors")
    save_file(
        weights | {"word_embeddings.weight": weights["word_embeddings.weight"][:-1].copy()},
        folder / "model.safetensors",
    )
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": config["vocab_size"] - 1}))
    ended = retort("predict", "--model", folder, "a good bus")
    assert ended.code == 4
    assert "its tokenizer knows more tokens than it has vectors" in ended.error
