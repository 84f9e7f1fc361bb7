"""One whole comparison of tiny models, and the laws that its run folder has to keep."""

import hashlib
import html
import json
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from retort import runs
from retort.config import resolve
from retort.data.splits import labels
from retort.evaluation.metrics import METRICS
from retort.inference.golden import TEXTS
from retort.inference.predictor import Classifier
from retort.models import adapters
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base
from retort.recipes.arms import Workbench
from retort.text import fold, normalised_text
from tests.command import QUICK, Finished, retort, without_report
from tests.conftest import ARMS, tiny_rows

ATTRIBUTES = ["toxicity", "insult"]
LEARNING = ("teacher", "odd", "even", "lora", "odd-alone", "odd-random", "lora-odd")
STUDENTS = ("odd", "even", "odd-alone", "odd-random")
PLAIN = ("teacher", *STUDENTS)

Compare = Callable[..., Path]


@pytest.fixture
def compare(tiny_bert: Path, tiny_comments: Path, tmp_path: Path) -> Iterator[Compare]:
    """Runs a comparison without its report and returns its folder; `arms` as one text, e.g. "teacher,odd"."""

    def run(arms: str, *arguments: str | Path, out: str = "run", data: Path | None = None) -> Path:
        ended = started(tiny_bert, data or tiny_comments, tmp_path / out, arms, *arguments)
        assert ended.code == 0, ended.err
        return tmp_path / out

    with without_report():
        yield run


def started(base: Path, data: Path, out: Path, arms: str, *arguments: str | Path) -> Finished:
    return retort(
        "compare", "--base", base, "--data", data, "--out", out, *QUICK, "--set", f"arms=[{arms}]", *arguments
    )


def comparison_of(run: Path) -> Any:
    return json.loads((run / "comparison.json").read_text())


def about(run: Path, arm: str) -> Any:
    return json.loads((run / arm / "retort.json").read_text())


def history_of(run: Path, arm: str) -> list[Any]:
    return [json.loads(line) for line in (run / arm / "history.jsonl").read_text().splitlines()]


def predictions_of(run: Path, arm: str) -> pd.DataFrame:
    return pd.read_parquet(run / arm / "predictions.parquet")


def weights_of(run: Path, arm: str) -> str:
    """A digest of what an arm learnt."""
    names = ("model.safetensors", "adapter_model.safetensors", "weights.safetensors")
    path = next(run / arm / name for name in names if (run / arm / name).exists())
    return runs.sha256(path)


def texts_of(run: Path, split: str) -> pd.DataFrame:
    """id, text and fractions of one split, in the order of the run's files."""
    splits = pd.read_parquet(run / "splits.parquet")
    texts = pd.read_parquet(run / "comments.parquet").set_index("id")["text"]
    part = splits[splits["split"] == split].reset_index(drop=True)
    return part.assign(text=texts[part["id"]].to_numpy())


def write_comments(path: Path, rows: list[tuple[str, str, float, float]]) -> Path:
    pd.DataFrame(rows, columns=["id", "text", "toxicity", "insult"]).to_csv(path, index=False)
    return path


# --- the folder ---


def test_a_run_folder_holds_every_file_of_the_contract_and_nothing_half_made(tiny_run: Path) -> None:
    expected = {
        "experiment.toml", "run.json", "splits.parquet", "comments.parquet", "comparison.json", "comparison.md",
        "report.html", "plots", *ARMS,
    }  # fmt: skip
    assert {path.name for path in tiny_run.iterdir()} == expected
    assert {p.name for p in tiny_run.parent.iterdir()} == {"run", "printed.txt"}
    svg, png = ({p.stem for p in (tiny_run / "plots").glob(f"*.{e}")} for e in ("svg", "png"))
    assert svg
    assert svg <= png


@pytest.mark.parametrize("arm", ARMS)
def test_an_arm_folder_holds_every_file_of_the_contract(tiny_run: Path, arm: str) -> None:
    always = {"retort.json", "history.jsonl", "predictions.parquet", "metrics.json", "README.md", "manifest.json"}
    tokenizer = {"tokenizer.json", "tokenizer_config.json"}
    plain = {"model.safetensors", "config.json", "golden.json", *tokenizer}
    adapter = {"adapter_config.json", "adapter_model.safetensors", "merged", "golden.json", *tokenizer}
    own: dict[str, set[str]] = {
        "majority": set(),
        "tfidf": {"vocabulary.json", "weights.safetensors", "golden.json"},
        "lora": adapter,
        "lora-odd": adapter,
    }
    assert {path.name for path in (tiny_run / arm).iterdir()} == always | own.get(arm, plain)
    if arm.startswith("lora"):
        merged = {path.name for path in (tiny_run / arm / "merged").iterdir()}
        assert merged == {"model.safetensors", "config.json", "retort.json", *tokenizer}


@pytest.mark.parametrize("arm", ARMS)
def test_the_manifest_names_every_other_file_of_an_arm_with_its_digest(tiny_run: Path, arm: str) -> None:
    manifest = json.loads((tiny_run / arm / "manifest.json").read_text())
    files = {p.relative_to(tiny_run / arm).as_posix(): p for p in (tiny_run / arm).rglob("*") if p.is_file()}
    del files["manifest.json"]
    assert manifest == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


def test_nothing_in_a_run_can_run_code_when_it_is_loaded(tiny_run: Path) -> None:
    assert not [p for p in tiny_run.rglob("*") if p.suffix in {".pkl", ".pickle", ".bin", ".pt", ".joblib", ".py"}]


def test_retort_json_says_what_is_needed_to_use_an_arm(tiny_run: Path, tiny_bert: Path) -> None:
    told = about(tiny_run, "odd")
    assert told["arm"] == "odd"
    assert told["kind"] == "student"
    assert told["attributes"] == ATTRIBUTES
    assert told["label_threshold"] == 0.6
    assert told["thresholds"] == {"toxicity": 0.5, "insult": 0.5}
    assert told["layer_indices"] == [0, 2]
    assert told["max_length"] == 128
    assert told["normaliser_version"] == 1
    assert told["parent_run"] == "run"
    assert told["base"]["sha256"] == runs.sha256(tiny_bert / "model.safetensors")


def test_run_json_is_a_birth_certificate(tiny_run: Path, tiny_comments: Path) -> None:
    record = json.loads((tiny_run / "run.json").read_text())
    assert record["state"] == "done"
    assert record["seed"] == 0
    assert record["started"] <= record["ended"]
    assert record["data"]["comments"]["sha256"] == runs.sha256(tiny_comments)
    assert record["data"]["comments"]["rows_read"] == 120
    assert {"torch", "transformers", "numpy", "accelerate"} <= record["packages"].keys()
    assert {"retort", "python", "commit", "machine", "device", "precision", "duplicates", "notes"} <= record.keys()
    assert any(note.startswith("threat left out") for note in record["notes"])


def test_experiment_toml_is_every_setting_and_resolves_to_itself(tiny_run: Path, tiny_bert: Path) -> None:
    settings = resolve(file=tiny_run / "experiment.toml")
    tables = tomllib.loads((tiny_run / "experiment.toml").read_text())
    assert tables.keys() == type(settings).model_fields.keys()
    assert settings.base == str(tiny_bert)
    assert settings.teacher.epochs == 8
    assert settings.arms == ARMS


def test_the_splits_hold_each_comment_once_with_the_digest_of_its_text(tiny_run: Path, tiny_comments: Path) -> None:
    splits = pd.read_parquet(tiny_run / "splits.parquet")
    assert list(splits.columns) == ["id", "text_sha256", "split", "toxicity", "insult"]
    assert splits["split"].value_counts().to_dict() == {"train": 84, "validation": 18, "test": 18}
    given = pd.read_csv(tiny_comments).set_index("id")
    assert set(splits["id"]) == set(given.index)
    for row in splits.itertuples():
        assert row.text_sha256 == hashlib.sha256(given.loc[row.id, "text"].encode()).hexdigest()
        assert row.toxicity == np.float32(given.loc[row.id, "toxicity"])


# --- comparison.json ---


def test_comparison_json_has_the_shape_that_other_programs_rely_on(tiny_run: Path) -> None:
    found = comparison_of(tiny_run)
    assert found["schema"] == 1
    assert found["attributes"] == ATTRIBUTES
    assert found["primary"] == "toxicity"
    assert tuple(found["arms"]) == ARMS
    assert found.keys() == {
        "schema", "preset", "seed", "base", "attributes", "primary", "label_threshold", "decision_threshold", "data",
        "notes", "arms", "pairs", "verdict",
    }  # fmt: skip
    assert found["data"].keys() == {"rows", "shares", "source", "duplicates", "dropped"}
    assert found["data"]["rows"] == {"train": 84, "validation": 18, "test": 18}
    assert found["data"]["shares"]["test"]["toxicity"] == 0.5
    assert isinstance(found["verdict"], str)
    assert found["verdict"]


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_tells_the_same_facts_in_the_same_shape(tiny_run: Path, arm: str) -> None:
    told = comparison_of(tiny_run)["arms"][arm]
    assert told.keys() == {
        "kind", "layer_indices", "teacher_layers", "parameters", "history", "best_epoch", "test", "cost",
    }  # fmt: skip
    assert told["parameters"].keys() == {"total", "trainable"}
    assert list(told["test"]) == ATTRIBUTES
    for figures in told["test"].values():
        assert tuple(figures) == METRICS
        for figure in figures.values():
            assert {"value", "low", "high"} <= figure.keys()
            if figure["value"] is not None and figure["low"] is not None:
                assert figure["low"] <= figure["value"] <= figure["high"]
    assert {
        "train_seconds", "peak_train_memory_bytes", "size_bytes", "latency_ms", "comments_per_second",
    } <= told["cost"].keys()  # fmt: skip
    assert told["cost"]["latency_ms"].keys() == {"p50", "p95"}
    assert told["cost"]["peak_train_memory_bytes"] > 10_000_000
    assert told["history"] == history_of(tiny_run, arm)
    assert told["test"] == json.loads((tiny_run / arm / "metrics.json").read_text())


def test_a_number_that_could_not_be_computed_is_null_and_says_why(tiny_run: Path) -> None:
    def check(node: Any, path: str) -> None:
        if isinstance(node, list):
            for index, item in enumerate(node):
                check(item, f"{path}[{index}]")
        elif isinstance(node, dict):
            numbers = ("value", "low", "high", "difference", "p_value", "comments_needed", "size_bytes")
            if any(node.get(name, 0) is None for name in numbers):
                assert node.get("why"), f"{path} has a null without a why"
            for key, item in node.items():
                check(item, f"{path}.{key}")

    check(comparison_of(tiny_run), "comparison")


def test_every_pair_of_arms_is_compared_once_on_three_metrics(tiny_run: Path) -> None:
    found = comparison_of(tiny_run)
    pairs = {(row["a"], row["b"], row["metric"]) for row in found["pairs"]}
    together = [(a, b) for i, a in enumerate(ARMS) for b in ARMS[i + 1 :]]
    assert pairs == {(a, b, m) for a, b in together for m in ("average_precision", "accuracy", "f1")}
    assert len(found["pairs"]) == len(pairs)
    for row in found["pairs"]:
        assert row["verdict"] in {"a", "b", "tie", "cannot tell"}
        value = {arm: found["arms"][row[arm]]["test"]["toxicity"][row["metric"]]["value"] for arm in ("a", "b")}
        if row["difference"] is not None:
            assert row["difference"] == pytest.approx(value["a"] - value["b"])


def test_a_history_row_has_the_loss_by_term_and_the_epochs_validation(tiny_run: Path) -> None:
    for arm in LEARNING:
        rows = history_of(tiny_run, arm)
        assert [row["epoch"] for row in rows] == list(range(1, len(rows) + 1))
        distilled = arm in ("odd", "even", "odd-random", "lora-odd")
        for row in rows:
            assert row.keys() == {"epoch", "train_loss", "validation_loss", "validation", "seconds"}
            assert row["train_loss"].keys() == {"total", "hard", "soft", "hidden"}
            assert row["validation"].keys() == {"accuracy", "f1", "average_precision", "roc_auc"}
            assert (row["train_loss"]["soft"] is not None) == distilled
            assert (row["train_loss"]["hidden"] is not None) == distilled


def test_the_figures_are_those_of_the_saved_predictions_and_labels(tiny_run: Path) -> None:
    """A new metric costs no training: all that judges lies in the folder."""
    from sklearn.metrics import average_precision_score

    truth = texts_of(tiny_run, "test").set_index("id")
    for arm in ARMS:
        said = predictions_of(tiny_run, arm).set_index("id")
        assert set(said[said["split"] == "test"].index) == set(truth.index)
        for column, attribute in enumerate(ATTRIBUTES):
            expected = labels(truth, ATTRIBUTES, 0.6)[:, column]
            scores = said.loc[truth.index, attribute]
            figures = comparison_of(tiny_run)["arms"][arm]["test"][attribute]
            assert figures["accuracy"]["value"] == pytest.approx(((scores >= 0.5) == expected).mean())
            assert figures["average_precision"]["value"] == pytest.approx(average_precision_score(expected, scores))


# --- what the arms are ---


def test_odd_keeps_layers_0_2_and_even_1_3_of_four(tiny_run: Path) -> None:
    arms = comparison_of(tiny_run)["arms"]
    expected = {arm: [0, 2] for arm in ("odd", "odd-alone", "odd-random", "lora-odd")} | {"even": [1, 3]}
    expected |= {arm: [0, 1, 2, 3] for arm in ("teacher", "lora")} | {"majority": None, "tfidf": None}
    assert {name: arm["layer_indices"] for name, arm in arms.items()} == expected
    assert {name: about(tiny_run, name)["layer_indices"] for name in ARMS} == expected
    assert {arm["teacher_layers"] for name, arm in arms.items() if name in LEARNING} == {4}


@pytest.mark.parametrize("arm", PLAIN)
def test_the_config_of_a_saved_model_says_as_many_layers_as_its_weights_hold(tiny_run: Path, arm: str) -> None:
    from safetensors import safe_open

    layers = 4 if arm == "teacher" else 2
    config = json.loads((tiny_run / arm / "config.json").read_text())
    assert config["num_hidden_layers"] == layers
    assert config["architectures"] == ["BertForSequenceClassification"]
    assert config["problem_type"] == "multi_label_classification"
    assert config["id2label"] == {"0": "toxicity", "1": "insult"}
    with safe_open(tiny_run / arm / "model.safetensors", "pt") as weights:
        found = {name.split(".")[3] for name in weights.keys() if name.startswith("bert.encoder.layer.")}  # noqa: SIM118
    assert found == {str(index) for index in range(layers)}


@pytest.mark.parametrize("arm", PLAIN)
def test_transformers_loads_a_saved_arm_whole_and_it_says_what_was_predicted(tiny_run: Path, arm: str) -> None:
    """Nothing is drawn anew on the way through the folder: neither layers nor head."""
    model, found = AutoModelForSequenceClassification.from_pretrained(tiny_run / arm, output_loading_info=True)
    assert not found["missing_keys"]
    assert not found["unexpected_keys"]
    assert not found["mismatched_keys"]
    tokenizer = AutoTokenizer.from_pretrained(tiny_run / arm)
    assert tokenizer.model_max_length == 128
    test = texts_of(tiny_run, "test")
    with torch.no_grad():
        said = model.eval()(**tokenizer(test["text"].tolist(), padding=True, return_tensors="pt")).logits.sigmoid()
    kept = predictions_of(tiny_run, arm).set_index("id").loc[test["id"], ATTRIBUTES].to_numpy()
    np.testing.assert_allclose(said.numpy(), kept, atol=1e-5)


@pytest.mark.parametrize("arm", ["tfidf", *LEARNING])
def test_a_loaded_arm_says_exactly_what_was_judged(tiny_run: Path, arm: str) -> None:
    test = texts_of(tiny_run, "test")
    said = Classifier.load(tiny_run / arm).probabilities(test["text"].tolist())
    kept = predictions_of(tiny_run, arm).set_index("id").loc[test["id"], ATTRIBUTES].to_numpy()
    np.testing.assert_allclose(said, kept, atol=1e-6)


@pytest.mark.parametrize("arm", ["teacher", "odd", "lora/merged"])
def test_pipeline_equals_predict_on_texts_that_normalising_leaves_alone(tiny_run: Path, arm: str) -> None:
    texts = [t for _, t, *_ in tiny_rows()][:8]
    assert texts == [normalised_text(t) for t in texts]
    ended = retort("predict", "--model", tiny_run / arm, "--json", *texts)
    ours = [json.loads(line)["probabilities"] for line in ended.out.splitlines()]
    theirs = pipeline("text-classification", model=str(tiny_run / arm), top_k=None)(texts)
    for mine, scores in zip(ours, theirs, strict=True):
        assert {s["label"]: s["score"] for s in scores} == pytest.approx(mine, abs=1e-4)


@pytest.mark.parametrize("arm", ["tfidf", *LEARNING])
def test_the_golden_texts_get_their_golden_scores(tiny_run: Path, arm: str) -> None:
    golden = json.loads((tiny_run / arm / "golden.json").read_text())
    assert [row["text"] for row in golden["texts"]] == list(TEXTS)
    assert len(golden["texts"]) == 12
    assert golden["attributes"] == ATTRIBUTES
    said = Classifier.load(tiny_run / arm).probabilities(TEXTS)
    np.testing.assert_allclose(said, [r["probabilities"] for r in golden["texts"]], atol=golden["tolerance"])


def test_every_distilled_student_learnt_something_of_its_own(tiny_run: Path) -> None:
    digests = {arm: weights_of(tiny_run, arm) for arm in LEARNING}
    assert len(set(digests.values())) == len(LEARNING), "two arms hold the same weights"


def test_the_teachers_head_was_trained_before_anyone_learnt_from_it(tiny_run: Path, tiny_bert: Path) -> None:
    drawn = classifier_from_base(resolve_base(str(tiny_bert)), ATTRIBUTES, seed=0).classifier.weight
    trained = load_file(tiny_run / "teacher" / "model.safetensors")["classifier.weight"]
    assert (trained - drawn).abs().mean() > 0.005
    assert comparison_of(tiny_run)["arms"]["teacher"]["test"]["toxicity"]["roc_auc"]["value"] > 0.9
    epochs = history_of(tiny_run, "teacher")
    assert epochs[-1]["train_loss"]["hard"] < epochs[0]["train_loss"]["hard"]


def test_the_adapters_head_was_trained_and_is_the_one_that_predicts(tiny_run: Path, tiny_bert: Path) -> None:
    drawn = classifier_from_base(resolve_base(str(tiny_bert)), ATTRIBUTES, seed=0).classifier.weight
    adapter = load_file(tiny_run / "lora" / "adapter_model.safetensors")
    (head,) = (tensor for name, tensor in adapter.items() if name.endswith("classifier.weight"))
    assert (head - drawn).abs().mean() > 0.005
    assert torch.equal(head, load_file(tiny_run / "lora" / "merged" / "model.safetensors")["classifier.weight"])


def test_the_students_first_epoch_begins_where_the_teacher_ended_and_not_at_random(tiny_run: Path) -> None:
    """The copied layers, embeddings and head arrive: the copy starts far nearer to the teacher than the random one."""
    first = {arm: history_of(tiny_run, arm)[0]["train_loss"]["hidden"] for arm in ("odd", "odd-random")}
    assert first["odd"] < first["odd-random"]


def test_the_majority_arm_gives_every_comment_the_training_share(tiny_run: Path) -> None:
    train = labels(texts_of(tiny_run, "train"), ATTRIBUTES, 0.6)
    said = predictions_of(tiny_run, "majority")
    for column, attribute in enumerate(ATTRIBUTES):
        assert said[attribute].unique() == pytest.approx([train[:, column].mean()])
    told = comparison_of(tiny_run)["arms"]["majority"]
    assert told["test"]["toxicity"]["roc_auc"]["value"] == 0.5
    assert told["test"]["toxicity"]["average_precision"]["value"] == 0.5
    # A third of the comments is insulting: "never" is right in the others.
    never = 1 - labels(texts_of(tiny_run, "test"), ["insult"], 0.6).mean()
    assert told["test"]["insult"]["accuracy"]["value"] == pytest.approx(never)
    assert told["test"]["insult"]["precision"]["value"] is None
    assert told["cost"]["size_bytes"] is None
    assert told["cost"]["why"]
    assert history_of(tiny_run, "majority") == []


def test_parameters_are_those_of_the_saved_models(tiny_run: Path) -> None:
    arms = comparison_of(tiny_run)["arms"]
    for arm in PLAIN:
        model = AutoModelForSequenceClassification.from_pretrained(tiny_run / arm)
        assert arms[arm]["parameters"]["total"] == sum(p.numel() for p in model.parameters())
        assert arms[arm]["parameters"]["trainable"] == arms[arm]["parameters"]["total"]
        assert arms[arm]["cost"]["size_bytes"] > (tiny_run / arm / "model.safetensors").stat().st_size
    head = 2 * 32 + 2
    assert arms["lora"]["parameters"]["trainable"] == 4 * 2 * 2 * 8 * 32 + head
    assert arms["lora-odd"]["parameters"]["trainable"] == 2 * 2 * 2 * 8 * 32 + head
    assert arms["lora"]["parameters"]["total"] == arms["teacher"]["parameters"]["total"]
    assert arms["lora"]["cost"]["adapter_bytes"] < arms["lora"]["cost"]["size_bytes"]


# --- LoRA ---


@pytest.mark.parametrize("arm", ["lora", "lora-odd"])
def test_the_adapter_and_the_merged_model_say_the_same(tiny_run: Path, arm: str) -> None:
    texts = texts_of(tiny_run, "test")["text"].tolist()
    apart = Classifier.load(tiny_run / arm).probabilities(texts)
    merged = Classifier.load(tiny_run / arm / "merged").probabilities(texts)
    np.testing.assert_allclose(apart, merged, atol=1e-4)


def test_the_lora_folder_is_a_peft_adapter_whose_base_is_named_by_id_and_content(
    tiny_run: Path, tiny_bert: Path
) -> None:
    from peft import PeftModel

    config = json.loads((tiny_run / "lora" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tiny_bert)
    assert config["task_type"] == "SEQ_CLS"
    assert set(config["target_modules"]) == {"query", "value"}
    assert "classifier" in config["modules_to_save"]  # peft adds `score`, which BERT lacks
    base = about(tiny_run, "lora")["base"]
    assert base["id"] == str(tiny_bert)
    assert base["sha256"] == runs.sha256(tiny_bert / "model.safetensors")
    plain = AutoModelForSequenceClassification.from_pretrained(
        config["base_model_name_or_path"], num_labels=2, problem_type="multi_label_classification"
    )
    theirs = PeftModel.from_pretrained(plain, str(tiny_run / "lora")).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_run / "lora")
    texts = texts_of(tiny_run, "test")["text"].tolist()
    with torch.no_grad():
        said = theirs(**tokenizer(texts, padding=True, return_tensors="pt")).logits.sigmoid().numpy()
    np.testing.assert_allclose(said, Classifier.load(tiny_run / "lora").probabilities(texts), atol=1e-5)


def test_the_adapter_on_the_students_layers_names_the_teacher_in_its_run(tiny_run: Path) -> None:
    base = about(tiny_run, "lora-odd")["base"]
    assert base == {
        "arm": "teacher",
        "sha256": runs.sha256(tiny_run / "teacher" / "model.safetensors"),
        "layer_indices": [0, 2],
    }


def test_an_adapter_that_merges_into_another_model_ends_the_run(
    tiny_bert: Path, tiny_comments: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = adapters.merged

    def wrong(model: Any) -> Any:
        plain = right(model)
        with torch.no_grad():
            plain.classifier.bias += 0.1
        return plain

    monkeypatch.setattr(adapters, "merged", wrong)
    ended = started(tiny_bert, tiny_comments, tmp_path / "run", "majority,lora")
    assert ended.code == 6
    assert "arm lora: merged and adapter differ by" in ended.error
    assert not (tmp_path / "run").exists()


def test_lora_on_a_base_without_a_pooler_is_the_same_when_loaded(
    poolerless_bert: Path, tiny_comments: Path, tmp_path: Path
) -> None:
    # With seed 1 the pooler is drawn otherwise than by whoever loads the adapter.
    run = tmp_path / "run"
    ended = started(poolerless_bert, tiny_comments, run, "majority,lora", "--seed", "1")
    assert ended.code == 0, ended.err
    head, pooler = len(ATTRIBUTES) * (32 + 1), 32 * 32 + 32
    trainable = comparison_of(run)["arms"]["lora"]["parameters"]["trainable"]
    assert trainable == 4 * 2 * 2 * 8 * 32 + head + pooler


def test_an_adapter_whose_base_has_changed_is_refused(tiny_run: Path, tiny_bert: Path, tmp_path: Path) -> None:
    arm, base = tmp_path / "lora", tmp_path / "bert"
    shutil.copytree(tiny_run / "lora", arm)
    shutil.copytree(tiny_run / "teacher", base)
    (base / "model.safetensors").write_bytes((tiny_run / "teacher" / "model.safetensors").read_bytes())
    told = about(tmp_path, "lora")
    told["base"]["id"] = str(base)
    (arm / "retort.json").write_text(json.dumps(told))
    (arm / "manifest.json").unlink()
    ended = retort("predict", "--model", arm, "a good bus")
    assert ended.code == 4
    assert "trained on a base with sha256" in ended.error
    assert "merged" in ended.error


def test_an_adapter_whose_teacher_has_changed_or_gone_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    for arm in ("teacher", "lora-odd"):
        shutil.copytree(tiny_run / arm, tmp_path / arm)
    shutil.copyfile(tiny_run / "odd" / "model.safetensors", tmp_path / "teacher" / "model.safetensors")
    changed = retort("predict", "--model", tmp_path / "lora-odd", "a good bus")
    assert changed.code == 4
    assert "trained on a base with sha256" in changed.error
    (tmp_path / "teacher" / "model.safetensors").unlink()
    gone = retort("predict", "--model", tmp_path / "lora-odd", "a good bus")
    assert gone.code == 4
    assert "missing" in gone.error
    assert retort("predict", "--model", tmp_path / "lora-odd" / "merged", "a good bus").code == 0


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "retort.json", "README.md"])
def test_a_file_changed_after_the_manifest_was_written_is_refused(tiny_run: Path, tmp_path: Path, name: str) -> None:
    arm = tmp_path / "odd"
    shutil.copytree(tiny_run / "odd", arm)
    content = bytearray((arm / name).read_bytes())
    content[-1] ^= 1 if name != "retort.json" else 0
    (arm / name).write_bytes(content if name != "retort.json" else content + b" ")
    ended = retort("predict", "--model", arm, "a good bus")
    assert ended.code == 4
    assert name in ended.error
    assert "changed since" in ended.error


# --- honesty: what may depend on what ---


def test_the_epoch_kept_is_the_best_on_validation(tiny_run: Path) -> None:
    for arm in LEARNING:
        rows = history_of(tiny_run, arm)
        best = max(rows, key=lambda r: (r["validation"]["average_precision"], -r["validation_loss"]))
        assert comparison_of(tiny_run)["arms"][arm]["best_epoch"] == best["epoch"], arm
        kept = predictions_of(tiny_run, arm).set_index("id")
        assert set(kept["split"]) == {"validation", "test"}
        # The saved model is the one of that epoch: on the validation comments it has that row's loss.
        truth = texts_of(tiny_run, "validation").set_index("id")
        said = kept.loc[truth.index, ATTRIBUTES].to_numpy(np.float64)
        right = np.where(labels(truth, ATTRIBUTES, 0.6) == 1, said, 1 - said)
        assert -np.log(right).mean() == pytest.approx(best["validation_loss"], abs=1e-5), arm


def test_no_test_label_is_used_before_the_judgement(compare: Compare, tmp_path: Path) -> None:
    """With every test label turned over, every weight, prediction, history and kept epoch is what it was."""
    rows = tiny_rows()
    data = write_comments(tmp_path / "train.csv", rows[:96])
    turned = [(i, text, round(1 - t, 3), round(1 - n, 3)) for i, text, t, n in rows[96:]]
    arms = "majority,tfidf,teacher,odd,lora"
    true = compare(arms, "--test", write_comments(tmp_path / "test.csv", rows[96:]), out="true", data=data)
    false = compare(arms, "--test", write_comments(tmp_path / "turned.csv", turned), out="false", data=data)
    for arm in arms.split(","):
        assert (true / arm / "predictions.parquet").read_bytes() == (false / arm / "predictions.parquet").read_bytes()
        one, other = (comparison_of(run)["arms"][arm] for run in (true, false))
        assert one["best_epoch"] == other["best_epoch"]
        assert [r["train_loss"] for r in one["history"]] == [r["train_loss"] for r in other["history"]]
        if arm != "majority":
            assert weights_of(true, arm) == weights_of(false, arm)
    judged = [comparison_of(run)["arms"]["teacher"]["test"]["toxicity"]["roc_auc"]["value"] for run in (true, false)]
    assert judged[0] + judged[1] == pytest.approx(1.0)
    assert judged[0] > 0.9


def test_validation_labels_choose_the_epoch_but_teach_nothing(compare: Compare, tmp_path: Path) -> None:
    rows = tiny_rows()
    data = write_comments(tmp_path / "train.csv", rows[:96])
    turned = [(i, text, round(1 - t, 3), n) for i, text, t, n in rows[96:]]
    settings = ("--set", "teacher.keep=last")
    true = compare("teacher", *settings, "--validation", write_comments(tmp_path / "v.csv", rows[96:]), out="a",
                   data=data)  # fmt: skip
    false = compare("teacher", *settings, "--validation", write_comments(tmp_path / "w.csv", turned), out="b",
                    data=data)  # fmt: skip
    assert weights_of(true, "teacher") == weights_of(false, "teacher")
    assert history_of(true, "teacher")[-1]["validation_loss"] < history_of(false, "teacher")[-1]["validation_loss"]


def test_no_text_stands_in_two_splits_however_it_is_written(compare: Compare, tmp_path: Path) -> None:
    rows = tiny_rows()
    disguises = (str.upper, lambda t: "  " + t.replace(" ", "  "), lambda t: t.replace("the", "\uff54he"))
    again = [(f"again-{n}", disguise(rows[n][1]), *rows[n][2:]) for n, disguise in enumerate(disguises * 10)]
    run = compare("majority", data=write_comments(tmp_path / "doubled.csv", rows + again))
    frames = {split: texts_of(run, split) for split in ("train", "validation", "test")}
    folded = {split: {fold(text) for text in frame["text"]} for split, frame in frames.items()}
    assert not folded["train"] & folded["validation"]
    assert not folded["train"] & folded["test"]
    assert not folded["validation"] & folded["test"]
    assert sum(map(len, frames.values())) == 120
    assert sum(comparison_of(run)["data"]["duplicates"].values()) == 30


def test_a_comment_of_the_test_file_is_taken_out_of_training(compare: Compare, tmp_path: Path) -> None:
    rows = tiny_rows()
    test = write_comments(tmp_path / "test.csv", [(f"t{i}", text.upper(), *rest) for i, text, *rest in rows[90:]])
    run = compare("majority", "--test", test, data=write_comments(tmp_path / "train.csv", rows))
    learnt = {fold(text) for split in ("train", "validation") for text in texts_of(run, split)["text"]}
    assert not learnt & {fold(text) for text in texts_of(run, "test")["text"]}
    assert comparison_of(run)["data"]["rows"]["test"] == 30
    assert sum(comparison_of(run)["data"]["rows"].values()) == 120


def test_the_teacher_stays_frozen_while_students_learn(compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    digests: list[str] = []
    fitted = Workbench.fit_arm

    def watched(self: Workbench, name: str) -> Any:
        arm = fitted(self, name)
        if self.teacher is not None:
            assert not self.teacher.training
            assert not any(p.requires_grad for p in self.teacher.parameters())
            state = self.teacher.state_dict()
            digests.append(hashlib.sha256(b"".join(t.numpy().tobytes() for t in state.values())).hexdigest())
        return arm

    monkeypatch.setattr(Workbench, "fit_arm", watched)
    compare("teacher,odd,even,lora-odd")
    assert len(digests) == 4
    assert len(set(digests)) == 1


# --- the same again ---


def test_the_same_seed_gives_the_same_predictions_to_the_byte_and_another_seed_does_not(
    compare: Compare, tiny_run: Path
) -> None:
    again = compare(",".join(ARMS), out="again")
    for arm in ARMS:
        assert (again / arm / "predictions.parquet").read_bytes() == (
            tiny_run / arm / "predictions.parquet"
        ).read_bytes(), arm
        if arm != "majority":
            assert weights_of(again, arm) == weights_of(tiny_run, arm), arm
    other = compare("teacher", "--seed", "1", out="other")
    assert weights_of(other, "teacher") != weights_of(tiny_run, "teacher")
    assert set(texts_of(other, "test")["id"]) != set(texts_of(tiny_run, "test")["id"])


def test_an_arm_does_not_depend_on_which_others_run_beside_it(compare: Compare, tiny_run: Path) -> None:
    few = compare("even,teacher")
    for arm in ("even", "teacher"):
        assert weights_of(few, arm) == weights_of(tiny_run, arm)


def test_a_teacher_given_ready_made_is_not_trained_and_teaches_the_same(compare: Compare, tiny_run: Path) -> None:
    run = compare("teacher,odd", "--teacher", tiny_run / "teacher")
    told = comparison_of(run)["arms"]["teacher"]
    assert told["history"] == []
    assert told["cost"]["train_seconds"] is None
    assert "--teacher" in told["cost"]["why"]
    assert weights_of(run, "teacher") == weights_of(tiny_run, "teacher")
    assert weights_of(run, "odd") == weights_of(tiny_run, "odd")


def test_unlabelled_comments_change_what_distils_and_nothing_else(
    compare: Compare, tiny_run: Path, tmp_path: Path
) -> None:
    more = tmp_path / "more.csv"
    more.write_text("text\n" + "\n".join(f"the {w} club sold the road again." for w in ("good", "rotten", "lovely")))
    run = compare("teacher,odd,odd-alone", "--unlabelled", more)
    assert weights_of(run, "teacher") == weights_of(tiny_run, "teacher")
    assert weights_of(run, "odd-alone") == weights_of(tiny_run, "odd-alone")
    assert weights_of(run, "odd") != weights_of(tiny_run, "odd")


def test_unlabelled_comments_add_nothing_to_the_hard_term(compare: Compare, tmp_path: Path) -> None:
    """A student that learns nothing has one hard loss, with unlabelled comments and without; the others move."""
    more = tmp_path / "more.csv"
    more.write_text("text\n" + "\n".join(f"you {w} fool of a reporter!" for w in ("filthy", "rotten", "good")))
    still = ("--set", "student.learning_rate=1e-12", "--set", "student.dropout=0", "--set", "student.epochs=1",
             "--set", "student.weight_decay=0")  # fmt: skip
    with_them = history_of(compare("teacher,odd", *still, "--unlabelled", more, out="with"), "odd")[0]["train_loss"]
    without = history_of(compare("teacher,odd", *still, out="without"), "odd")[0]["train_loss"]
    assert with_them["hard"] == pytest.approx(without["hard"], rel=1e-5)
    assert with_them["soft"] != pytest.approx(without["soft"], rel=1e-3)
    assert with_them["hidden"] != pytest.approx(without["hidden"], rel=1e-4)


def test_given_validation_and_test_files_are_used_whole_and_nothing_else_is(compare: Compare, tmp_path: Path) -> None:
    rows = tiny_rows()
    files = [
        write_comments(tmp_path / name, part)
        for name, part in (("train.csv", rows[:80]), ("validation.csv", rows[80:100]), ("test.csv", rows[100:]))
    ]
    run = compare("majority", "--validation", files[1], "--test", files[2], data=files[0])
    for split, part in (("train", rows[:80]), ("validation", rows[80:100]), ("test", rows[100:])):
        assert list(texts_of(run, split)["id"]) == [identifier for identifier, *_ in part]
    record = json.loads((run / "run.json").read_text())
    assert record["data"]["test"]["sha256"] == runs.sha256(files[2])


# --- what is printed, kept and tracked ---


def test_people_read_tables_a_verdict_and_where_the_report_lies(tiny_run: Path) -> None:
    printed = (tiny_run.parent / "printed.txt").read_text()
    for heading in ("After the last epoch", "Judged on the test split", "Differences in average precision"):
        assert heading in printed
    assert all(arm in printed for arm in ARMS)
    assert str(tiny_run / "report.html") in printed


def test_with_json_stdout_is_comparison_json_and_nothing_else(
    tiny_bert: Path, tiny_comments: Path, tmp_path: Path
) -> None:
    with without_report():
        ended = started(tiny_bert, tiny_comments, tmp_path / "run", "majority,teacher", "--json")
    assert json.loads(ended.out) == comparison_of(tmp_path / "run")
    assert "train: 84 comments, 50.0% toxicity >= 0.6" in ended.err


def test_tensorboard_gets_event_files_when_asked_for(compare: Compare) -> None:
    run = compare("teacher", "--track", "tensorboard")
    events = list((run / "tracking").rglob("events.out.tfevents.*"))
    assert events
    assert b"teacher/validation/loss" in b"".join(path.read_bytes() for path in events)


def test_no_text_of_a_comment_is_kept_with_no_texts(tiny_bert: Path, tiny_comments: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    ended = started(tiny_bert, tiny_comments, run, "majority,tfidf,teacher,odd", "--no-texts")
    assert ended.code == 0, ended.err
    assert not (run / "comments.parquet").exists()
    texts = [text for _, text, *_ in tiny_rows()]
    written = [*texts, *map(html.escape, texts), *(json.dumps(text)[1:-1] for text in texts)]
    for path in run.rglob("*"):
        if path.suffix == ".parquet":
            content = pd.read_parquet(path).to_csv()
        elif path.is_file():
            content = path.read_bytes().decode("utf-8", "replace")
        else:
            continue
        assert not [text for text in written if text in content], path
    assert (run / "report.html").stat().st_size > 10_000
