"""Comments that mention an identity count more, and written sentences are added to training alone."""

import json
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from retort.data.neutral import read_neutral
from retort.errors import ConfigError
from retort.recipes import steps
from retort.recipes.experiment import ExperimentSettings, resolve
from retort.recipes.inputs import Inputs, read_inputs
from retort.tasks import default_task
from retort.training.objective import Objective
from tests.command import retort
from tests.conftest import tiny_rows
from tests.recipes.tiny_runs import Compare, started

AUGMENT = "data.augment=neutral"


def settings_for(data: Path, *assignments: str, **further: Any) -> ExperimentSettings:
    files = {"source": "file", "train_file": data}
    return resolve(overrides={"data": files, **further}, assignments=assignments)


def inputs_of(data: Path, *assignments: str) -> Inputs:
    return read_inputs(settings_for(data, *assignments))


def a_neutral_text() -> str:
    return str(read_neutral()["text"].iloc[0])


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_added_sentences_follow_the_training_comments_and_are_in_no_split(tiny_comments: Path) -> None:
    without, found = inputs_of(tiny_comments), inputs_of(tiny_comments, AUGMENT, "data.augment_share=0.1")
    pd.testing.assert_frame_equal(found.splits.frame, without.splits.frame)
    assert found.train.texts[:84] == without.train.texts
    assert (found.validation.texts, found.test.texts) == (without.validation.texts, without.test.texts)
    assert set(found.train.texts[84:]) <= set(read_neutral()["text"])
    assert found.added.tolist() == [False] * 84 + [True] * 8
    assert found.train.labels.shape == found.train.fractions.shape == (92, 2)
    written = read_neutral().set_index("text").loc[found.train.texts[84:], ["toxicity", "insult"]]
    np.testing.assert_array_equal(found.train.labels[84:], written)
    assert without.added.tolist() == [False] * 84
    (note,) = (note for note in found.notes if note.startswith("augment:"))
    assert "augment: 8 of " in note
    assert "written sentences added to the 84 training comments (9.5% of them)" in note


def test_the_seed_of_the_data_decides_what_is_added(tiny_comments: Path) -> None:
    def added(*assignments: str) -> list[str]:
        found = inputs_of(tiny_comments, AUGMENT, *assignments)
        return [text for text, is_added in zip(found.train.texts, found.added, strict=True) if is_added]

    assert added() == added("seed=5")
    assert added() != added("data.seed=5")


def test_a_sentence_that_is_in_the_data_is_not_added_to_it(tiny_comments: Path, tmp_path: Path) -> None:
    text = a_neutral_text()
    test_file = write_rows(
        tmp_path / "test.csv",
        [{"text": text.upper(), "toxicity": 0.0, "insult": 0.0}, {"text": "You moron!", "toxicity": 1, "insult": 1}],
    )
    every = (AUGMENT, "data.augment_share=0.99999", f"data.test_file={test_file}")
    # Enough training comments that every sentence would be added.
    rows = [{"text": f"{n} {t}", "toxicity": x, "insult": y} for n in range(20) for _, t, x, y in tiny_rows()]
    found = inputs_of(write_rows(tmp_path / "many.csv", rows), *every)
    assert found.added.sum() == len(read_neutral()) - 1
    assert text not in found.train.texts
    assert any("1 others are in a split already" in note for note in found.notes)


def test_an_unlabelled_comment_that_was_added_is_not_learnt_twice(tiny_comments: Path, tmp_path: Path) -> None:
    text = inputs_of(tiny_comments, AUGMENT).train.texts[-1]
    more = tmp_path / "more.csv"
    more.write_text(f'text\n"{text}"\n"The river is high again."\n')
    found = inputs_of(tiny_comments, AUGMENT, f"data.unlabelled_file={more}")
    assert found.unlabelled == ["The river is high again."]
    assert len(found.added) == len(found.mentions) == len(found.train.texts) + 1
    assert not found.added[-1]


def test_mentions_are_looked_for_only_where_they_count_more(tiny_comments: Path) -> None:
    assert not inputs_of(tiny_comments, AUGMENT).mentions.any()
    # A table of an arm that is not compared does not matter.
    assert not inputs_of(tiny_comments, "arms=[teacher]", "student.identity_weight=2").mentions.any()
    for setting in ("teacher.identity_weight=2", "distillation.identity_weight=2"):
        found = inputs_of(tiny_comments, AUGMENT, setting)
        groups = read_neutral().set_index("text")["group"]
        added = [text for text, is_added in zip(found.train.texts, found.added, strict=True) if is_added]
        assert found.mentions[found.added].tolist() == (groups[added] != "").tolist()
        assert found.mentions.any()


def test_identity_columns_come_before_words(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"text": text, "toxicity": t, "insult": i, "muslim": 0.0, "female": ""} for _, text, t, i in tiny_rows()
    ]
    seen = "data.validation_file", "data.test_file"
    held_out = write_rows(tmp_path / "held_out.csv", [{**row, "text": row["text"] + "!"} for row in rows[:40]])
    other = write_rows(tmp_path / "other.csv", [{**row, "text": row["text"] + "?"} for row in rows[:40]])
    rows[0]["female"] = 0.5
    rows[1]["text"] += " said the Muslim baker"
    rows[2] |= {"text": rows[2]["text"] + " said a Muslim", "muslim": ""}
    files = [f"{key}={path}" for key, path in zip(seen, (held_out, other), strict=True)]
    found = inputs_of(write_rows(tmp_path / "train.csv", rows), *files, "student.identity_weight=2")
    # Row 1 was annotated, as mentioning nobody; nobody was asked about row 2.
    assert np.flatnonzero(found.mentions).tolist() == [0, 2]
    note = "identity_weight: 2 of 120 training comments mention an identity, by identity columns, and by terms where "
    assert note in " ".join(found.notes)


def context(*assignments: str, teacher: Path | None = None) -> Any:
    """Of six comments: 0 and 1 mention somebody, 3 was added and does, too; the last two have no labels."""
    return SimpleNamespace(
        settings=resolve(overrides={"teacher_folder": teacher} if teacher else {}, assignments=assignments),
        inputs=SimpleNamespace(
            mentions=np.array([1, 1, 0, 1, 0, 0], np.bool_), added=np.array([0, 0, 0, 1, 0, 0], np.bool_)
        ),
    )


def weights_in(of: Any, arm: str) -> Any:
    targets = np.array([[1], [0], [0], [0], [np.nan], [np.nan]], np.float32)
    objective = Objective.of(of.settings.distillation_of(arm))
    return steps._weights(of, arm, objective, targets if objective.uses_teacher else targets[:4])


def test_by_default_all_comments_count_the_same() -> None:
    for arm in ("teacher", "odd", "lora"):
        found = weights_in(context(), arm)
        assert found.labels is None
        assert found.teacher is None


def test_mentions_count_more_by_the_settings_of_the_arm() -> None:
    of = context("teacher.identity_weight=3", "distillation.identity_weight=2")
    np.testing.assert_allclose(weights_in(of, "teacher").labels, np.array([3, 3, 1, 3]) / 2.5)
    student = weights_in(of, "odd")
    assert student.labels is None
    np.testing.assert_allclose(student.teacher, np.array([2, 2, 1, 2, 1, 1]) / 1.5)
    # Unlabelled comments add nothing to the mean of what is compared with labels.
    labelled = weights_in(context("student.identity_weight=3"), "odd").labels
    np.testing.assert_allclose(labelled, np.array([3, 3, 1, 3, 1, 1]) / 2.5)


def test_a_ready_made_teacher_has_no_say_on_added_comments_unless_asked(tmp_path: Path) -> None:
    found = weights_in(context(teacher=tmp_path), "odd")
    np.testing.assert_allclose(found.teacher, np.array([1, 1, 1, 0, 1, 1]) * 6 / 5)
    assert found.labels is None
    assert weights_in(context("distillation.augmented_weight=1", teacher=tmp_path), "odd").teacher is None
    asked = weights_in(context("distillation.augmented_weight=0.5"), "odd").teacher
    np.testing.assert_allclose(asked, np.array([1, 1, 1, 0.5, 1, 1]) * 6 / 5.5)


def test_an_arm_can_weigh_mentions_alone_in_a_comparison() -> None:
    fair = {"kind": "student", "layers": "odd", "training": {"identity_weight": 4}}
    settings = resolve(overrides={"arm": {"odd-fair": fair}, "arms": ["teacher", "odd", "odd-fair"]})
    assert [settings.training_of(arm).identity_weight for arm in settings.arms] == [1, 1, 4]
    assert settings.weighs_mentions


@pytest.mark.parametrize(
    ("setting", "telling"),
    [
        ("student.identity_weight=0.5", r"student.identity_weight = 0.5: Input should be greater than or equal to 1"),
        ("teacher.identity_weight=inf", r"teacher.identity_weight = inf: Input should be a finite number"),
        ("teacher.identity_weight=nan", r"teacher.identity_weight = nan: Input should be a finite number"),
        ("distillation.identity_weight=0", r"distillation.identity_weight = 0: Input should be greater than or equal"),
        ("data.augment=warm", r"data.augment = 'warm': Input should be 'none' or 'neutral'"),
        ("data.augment_share=0", r"data.augment_share = 0: Input should be greater than 0"),
    ],
)
def test_what_makes_no_sense_is_refused(setting: str, telling: str) -> None:
    with pytest.raises(ConfigError, match=telling):
        resolve(assignments=[setting])


def test_a_task_with_labels_that_the_sentences_lack_is_refused(tmp_path: Path) -> None:
    task = default_task().as_dict()
    task["labels"].append({"name": "sarcasm"})
    rows = [{"text": text, "toxicity": t, "sarcasm": i} for _, text, t, i in tiny_rows()]
    data = write_rows(tmp_path / "rows.csv", rows)
    telling = r"data.augment = 'neutral': its sentences are not labelled for sarcasm, which the task 'toxicity' learns"
    with pytest.raises(ConfigError, match=telling):
        read_inputs(settings_for(data, AUGMENT, task=task))
    assert read_inputs(settings_for(data, AUGMENT, "attributes=[toxicity]", task=task)).added.any()


def test_the_command_adds_and_weighs_and_records_it(
    compare: Compare, tiny_bert: Path, tiny_comments: Path, tmp_path: Path
) -> None:
    short = ("--set", "teacher.epochs=1", "--set", "student.epochs=1")
    weighed = ("--set", "teacher.identity_weight=3", "--set", "distillation.identity_weight=3")
    run = compare("tfidf,teacher,odd", "--augment", "neutral", *weighed, *short)
    recorded = tomllib.loads((run / "experiment.toml").read_text())
    assert recorded["data"]["augment"] == "neutral"
    assert recorded["distillation"]["identity_weight"] == recorded["teacher"]["identity_weight"] == 3
    notes = json.loads((run / "run.json").read_text())["notes"]
    assert [note.partition(":")[0] for note in notes[-2:]] == ["augment", "identity_weight"]
    assert len(pd.read_parquet(run / "splits.parquet")) == len(tiny_rows())
    refused = retort("compare", "--extend", run, "--augment", "neutral")
    assert refused.code == 2
    assert "--augment: --extend goes on with the settings of the run" in refused.error
    extended = retort("compare", "--extend", run, "--seeds", "2")
    assert extended.code == 0, extended.err
    later = json.loads((run / "seeds" / "1" / "run.json").read_text())["notes"]
    assert later == notes
    record = json.loads((run / "run.json").read_text())
    record["data"]["augment"]["sha256"] = "of another version"
    (run / "run.json").write_text(json.dumps(record))
    other = retort("compare", "--extend", run, "--seeds", "3")
    assert other.code == 2
    assert "the sentences that data.augment adds are not those of the run; compare again" in other.error
    unknown = started(tiny_bert, tiny_comments, tmp_path / "unknown", "tfidf", "--augment", "neutal")
    assert unknown.code == 2
