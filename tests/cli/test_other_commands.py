"""`retort presets`, `data` and `evaluate`."""

import json
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from retort.evaluation.metrics import METRICS
from retort.recipes.experiment import PRESETS, resolve
from tests.command import retort


def test_presets_lists_every_preset_with_a_sentence() -> None:
    lines = retort("presets").out.splitlines()
    for preset, line in zip(PRESETS, lines, strict=False):
        assert line.split()[0] == preset
        assert len(line) > 40


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_shown_as_its_file_or_with_every_setting(name: str) -> None:
    assert resolve(file=None, preset=name).preset == name
    assert tomllib.loads(retort("presets", name).out)["base"]
    assert json.loads(retort("presets", name, "--json").out) == resolve(name).model_dump(mode="json")
    assert json.loads(retort("presets", "--json").out)[name]["preset"] == name


def test_data_describes_a_file(tiny_comments: Path) -> None:
    plain = retort("data", tiny_comments)
    assert plain.code == 0
    assert "120 rows read" in plain.out
    assert "never toxic" in plain.out
    found = json.loads(retort("data", tiny_comments, "--json").out)
    assert found["attributes"]["toxicity"]["positive"] == 60
    assert found["expected"]["rows"]["test"] == 18


def test_columns_can_be_named_by_flags(tiny_comments: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.tsv"
    frame = pd.read_csv(tiny_comments).rename(columns={"text": "body", "toxicity": "mood", "id": "number"})
    frame.to_csv(other, sep="\t", index=False)
    flags = ("--text-column", "body", "--toxicity-column", "mood", "--id-column", "number")
    one, two = (json.loads(retort("data", *a, "--json").out) for a in ([tiny_comments], [other, *flags]))
    assert one["attributes"] == two["attributes"]


def test_evaluate_judges_as_the_comparison_did(tiny_run: Path, tmp_path: Path) -> None:
    splits = pd.read_parquet(tiny_run / "splits.parquet").merge(pd.read_parquet(tiny_run / "comments.parquet"), on="id")
    test = tmp_path / "test.parquet"
    splits[splits["split"] == "test"].drop(columns=["split", "text_sha256"]).to_parquet(test)
    ended = retort("evaluate", "--model", tiny_run / "odd", "--data", test, "--json")
    found = json.loads(ended.out)
    assert found["rows"] == 18
    assert "18 rows read" in ended.err
    judged = json.loads((tiny_run / "odd" / "metrics.json").read_text())
    assert list(found["test"]) == ["toxicity", "insult"]
    for attribute, figures in found["test"].items():
        assert tuple(figures) == METRICS
        for metric, figure in figures.items():
            assert figure["value"] == pytest.approx(judged[attribute][metric]["value"], abs=1e-6)
    plain = retort("evaluate", "--model", tiny_run / "odd", "--data", test)
    assert "toxicity" in plain.out
    assert "insult" in plain.out


def test_evaluate_judges_what_model_and_file_share(tiny_run: Path, tiny_comments: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(tiny_comments).drop(columns="insult").assign(threat=0.0)
    frame.to_csv(tmp_path / "other.csv", index=False)
    ended = retort("evaluate", "--model", tiny_run / "tfidf", "--data", tmp_path / "other.csv", "--json")
    assert list(json.loads(ended.out)["test"]) == ["toxicity"]
    assert "threat: in the file, but the model does not rate it" in ended.err
