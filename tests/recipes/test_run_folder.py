"""The files of a comparison's folder, and what other programs may rely on there."""

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from retort import runs
from retort.data.splits import labels
from retort.evaluation.metrics import METRICS
from retort.recipes.experiment import resolve
from retort.tasks import default_task
from retort.text import VERSION
from tests.conftest import ARMS
from tests.recipes.tiny_runs import (
    ATTRIBUTES,
    LEARNING,
    about,
    comparison_of,
    history_of,
    predictions_of,
    texts_of,
)

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
    always = {
        "retort.json", "training.json", "history.jsonl", "predictions.parquet", "metrics.json", "README.md",
        "manifest.json",
    }  # fmt: skip
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


def test_retort_json_records_what_is_needed_to_use_an_arm(tiny_run: Path, tiny_bert: Path) -> None:
    facts = about(tiny_run, "odd")
    assert facts["arm"] == "odd"
    assert (facts["schema"], facts["kind"], facts["role"], facts["loader"]) == (2, "student", "student", "transformers")
    assert facts["task"] == default_task().as_dict()
    assert facts["attributes"] == ATTRIBUTES
    assert facts["label_threshold"] == 0.6
    # Validation has nine toxic comments and six insulting ones: too few to choose anything.
    assert facts["thresholds"] == {"toxicity": 0.5, "insult": 0.5}
    assert facts["threshold_choices"]["toxicity"] == {
        "target": "f1", "value": 0.5, "rows": 18, "positives": 9,
        "why": "not tuned, 0.5 is used: validation has 9 positive comments of 18, fewer than 10",
    }  # fmt: skip
    assert facts["calibration"]["insult"]["method"] == "none"
    assert facts["calibration"]["insult"]["why"].startswith("not calibrated: validation has 6 positive comments")
    assert facts["review_bands"].keys() == {"toxicity", "insult"}
    assert facts["layer_indices"] == [0, 2]
    assert facts["max_length"] == 128
    assert facts["normaliser_version"] == VERSION
    assert facts["parent_run"] == "run"
    assert facts["base"]["sha256"] == runs.sha256(tiny_bert / "model.safetensors")


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
    assert found["schema"] == 3
    assert found["attributes"] == ATTRIBUTES
    assert found["primary"] == "toxicity"
    assert tuple(found["arms"]) == ARMS
    assert found.keys() == {
        "schema", "preset", "seed", "seeds", "failed_seeds", "base", "task", "attributes", "primary", "label_threshold",
        "decision_threshold", "margin", "limits", "terms", "data", "notes", "costs", "arms", "pairs", "bias",
        "recommendation", "verdict",
    }  # fmt: skip
    assert found["bias"] == {"arms": None, "pairs": [], "why": "the data has no identity columns"}
    assert found["data"].keys() == {"seed", "rows", "shares", "source", "duplicates", "dropped"}
    assert found["data"]["rows"] == {"train": 84, "validation": 18, "test": 18}
    assert found["data"]["shares"]["test"]["toxicity"] == 0.5
    assert isinstance(found["verdict"], str)
    assert found["verdict"]


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_has_the_same_facts_in_the_same_shape(tiny_run: Path, arm: str) -> None:
    facts = comparison_of(tiny_run)["arms"][arm]
    assert facts.keys() == {
        "kind", "role", "loader", "title", "description", "start", "distilled", "layer_indices", "teacher_layers",
        "parameters", "history", "best_epoch", "training", "thresholds", "validation", "test", "excluded", "cost",
    } | (set() if arm == "majority" else {"threshold_choices", "calibration", "review"})  # fmt: skip
    assert facts["parameters"].keys() == {"total", "trainable"}
    assert list(facts["test"]) == ATTRIBUTES
    for figures in facts["test"].values():
        assert tuple(figures) == METRICS
        for figure in figures.values():
            assert {"value", "low", "high"} <= figure.keys()
            if figure["value"] is not None and figure["low"] is not None:
                assert figure["low"] <= figure["value"] <= figure["high"]
    assert {
        "train_seconds", "teacher_seconds", "total_seconds", "peak_train_memory_bytes", "memory_kind", "size_bytes",
        "ten_tasks_bytes", "latency_ms", "comments_per_second", "device",
    } <= facts["cost"].keys()  # fmt: skip
    assert facts["cost"]["latency_ms"].keys() == {"p50", "p95"}
    assert facts["cost"]["peak_train_memory_bytes"] >= 0
    assert facts["cost"]["memory_kind"] == "process"
    assert facts["cost"]["device"] == (None if arm == "majority" else "cpu")
    assert facts["history"] == history_of(tiny_run, arm)
    assert facts["test"] == json.loads((tiny_run / arm / "metrics.json").read_text())


def test_a_number_that_could_not_be_computed_is_null_with_a_reason(tiny_run: Path) -> None:
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
        assert row["verdict"] in {"better", "equivalent", "not worse", "cannot tell"}
        value = {arm: found["arms"][row[arm]]["test"]["toxicity"][row["metric"]]["value"] for arm in ("a", "b")}
        if row["difference"] is not None:
            assert row["difference"] == pytest.approx(value["a"] - value["b"])


def test_a_history_row_has_the_loss_by_term_and_the_epochs_validation(tiny_run: Path) -> None:
    for arm in LEARNING:
        rows = history_of(tiny_run, arm)
        assert [row["epoch"] for row in rows] == list(range(1, len(rows) + 1))
        distilled = arm in ("odd", "even", "odd-random", "lora-odd")
        for row in rows:
            assert row.keys() == {
                "epoch", "label_loss", "train_loss", "validation_loss", "validation", "seconds",
            }  # fmt: skip
            assert row["train_loss"].keys() == {"total", "hard", "soft", "hidden", "attention"}
            assert row["train_loss"]["attention"] is None
            assert row["validation"].keys() == {"accuracy", "f1", "average_precision", "roc_auc"}
            assert (row["train_loss"]["soft"] is not None) == distilled
            assert (row["train_loss"]["hidden"] is not None) == distilled


def test_the_figures_are_those_of_the_saved_predictions_and_labels(tiny_run: Path) -> None:
    """A new metric costs no training: all that judges lies in the folder."""
    from sklearn.metrics import average_precision_score

    truth = texts_of(tiny_run, "test").set_index("id")
    for arm in ARMS:
        kept = predictions_of(tiny_run, arm).set_index("id")
        assert set(kept[kept["split"] == "test"].index) == set(truth.index)
        for column, attribute in enumerate(ATTRIBUTES):
            expected = labels(truth, ATTRIBUTES, 0.6)[:, column]
            scores = kept.loc[truth.index, attribute]
            figures = comparison_of(tiny_run)["arms"][arm]["test"][attribute]
            assert figures["accuracy"]["value"] == pytest.approx(((scores >= 0.5) == expected).mean())
            assert figures["average_precision"]["value"] == pytest.approx(average_precision_score(expected, scores))


def test_a_merged_adapter_records_that_it_is_one(tiny_run: Path) -> None:
    adapter = json.loads((tiny_run / "lora" / "retort.json").read_text())
    merged = json.loads((tiny_run / "lora" / "merged" / "retort.json").read_text())
    assert (adapter["loader"], "merged" in adapter) == ("peft", False)
    assert (merged["loader"], merged["merged"], merged["kind"]) == ("transformers", True, "lora")
