"""One whole comparison of tiny models: what may depend on what, what is repeatable, and what is printed and kept."""

import gc
import html
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from transformers import BertForSequenceClassification

from retort import runs
from retort.data.splits import labels
from retort.errors import RunError
from retort.recipes import fitting
from retort.recipes.arms import kind_named
from retort.recipes.context import Arm, Context
from retort.text import fold
from tests.command import without_report
from tests.conftest import ARMS, tiny_rows
from tests.recipes.tiny_runs import (
    ATTRIBUTES,
    LEARNING,
    Compare,
    comparison_of,
    history_of,
    predictions_of,
    started,
    texts_of,
    weights_of,
    write_comments,
)

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
        given = kept.loc[truth.index, ATTRIBUTES].to_numpy(np.float64)
        right = np.where(labels(truth, ATTRIBUTES, 0.6) == 1, given, 1 - given)
        assert -np.log(right).mean() == pytest.approx(best["validation_loss"], abs=1e-5), arm


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_no_text_is_in_two_splits_however_it_is_written(compare: Compare, tmp_path: Path) -> None:
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


@pytest.mark.slow
def test_the_teacher_stays_frozen_while_students_learn(compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    digests: list[str] = []
    fitted = fitting._fitted

    def watched(context: Context, name: str) -> Arm:
        arm = fitted(context, name)
        teacher = context.teacher or arm.teacher
        assert teacher is not None
        assert not teacher.load().training
        assert not any(p.requires_grad for p in teacher.load().parameters())
        digests.append(runs.sha256(teacher.folder / runs.WEIGHTS))
        return arm

    monkeypatch.setattr(fitting, "_fitted", watched)
    compare("teacher,odd,even,lora-odd")
    assert len(digests) == 4
    assert len(set(digests)) == 1


def test_no_model_of_an_earlier_arm_is_loaded_when_the_next_one_begins(
    compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an arm's memory would hold that of others. Models of other tests may be there from the start."""
    loaded: list[int] = []
    fitted = fitting._fitted

    def watched(context: Context, name: str) -> Arm:
        gc.collect()
        loaded.append(sum(isinstance(one, BertForSequenceClassification) for one in gc.get_objects()))
        return fitted(context, name)

    monkeypatch.setattr(fitting, "_fitted", watched)
    compare("teacher,odd,lora,lora-odd")
    assert loaded == [loaded[0]] * 4


# --- the same again ---


@pytest.mark.slow
def test_the_same_seed_gives_the_same_predictions_to_the_byte_and_another_seed_does_not(
    compare: Compare, tiny_run: Path
) -> None:
    arms = ("majority", "tfidf", "teacher", "odd", "lora", "lora-odd")
    again = compare(",".join(arms), out="again")
    for arm in arms:
        assert (again / arm / "predictions.parquet").read_bytes() == (
            tiny_run / arm / "predictions.parquet"
        ).read_bytes(), arm
        if arm != "majority":
            assert weights_of(again, arm) == weights_of(tiny_run, arm), arm
    other = compare("teacher", "--seed", "1", out="other")
    assert weights_of(other, "teacher") != weights_of(tiny_run, "teacher")
    assert set(texts_of(other, "test")["id"]) == set(texts_of(tiny_run, "test")["id"])


def test_an_arm_does_not_depend_on_which_others_are_compared(compare: Compare, tiny_run: Path) -> None:
    few = compare("even,teacher")
    for arm in ("even", "teacher"):
        assert weights_of(few, arm) == weights_of(tiny_run, arm)


def test_a_teacher_given_ready_made_is_not_trained_and_teaches_the_same(compare: Compare, tiny_run: Path) -> None:
    run = compare("teacher,odd", "--teacher", tiny_run / "teacher")
    teacher = comparison_of(run)["arms"]["teacher"]
    assert teacher["history"] == []
    assert teacher["cost"]["train_seconds"] is None
    assert "--teacher" in teacher["cost"]["why"]
    assert weights_of(run, "teacher") == weights_of(tiny_run, "teacher")
    assert weights_of(run, "odd") == weights_of(tiny_run, "odd")


@pytest.mark.slow
def test_unlabelled_comments_change_what_distils_and_nothing_else(
    compare: Compare, tiny_run: Path, tmp_path: Path
) -> None:
    more = tmp_path / "more.csv"
    more.write_text("text\n" + "\n".join(f"the {w} club sold the road again." for w in ("good", "rotten", "lovely")))
    run = compare("teacher,odd,odd-labels", "--unlabelled", more)
    assert weights_of(run, "teacher") == weights_of(tiny_run, "teacher")
    assert weights_of(run, "odd-labels") == weights_of(tiny_run, "odd-labels")
    assert weights_of(run, "odd") != weights_of(tiny_run, "odd")


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_teachers_outputs_are_a_cost_of_their_own(compare: Compare) -> None:
    """They are computed once for all arms that learn from them, and charged to none."""
    comparison = comparison_of(compare("teacher,odd,even"))
    assert comparison["costs"]["teacher_outputs_seconds"] > 0
    assert not [arm for arm, facts in comparison["arms"].items() if "teacher_outputs_seconds" in facts["cost"]]
    assert comparison_of(compare("teacher,odd-labels", out="labels"))["costs"] == {}


# --- what is kept of a run that fails ---


def test_an_arm_that_fails_leaves_the_finished_ones(
    tiny_bert: Path, tiny_comments: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_context: Context, _arm: Arm) -> None:
        raise RunError("arm odd: broken")

    monkeypatch.setattr(kind_named("student"), "check", fail)
    ended = started(tiny_bert, tiny_comments, tmp_path / "run", "tfidf,teacher,odd")
    kept = tmp_path / "run.partial"
    assert ended.code == 6
    assert ended.error == f"error: arm odd: broken; finished and kept in {kept}: tfidf, teacher"
    assert {path.name for path in kept.iterdir() if path.is_dir()} == {"tfidf", "teacher"}
    for arm in ("tfidf", "teacher"):
        runs.check_manifest(kept / arm)
        assert len(predictions_of(kept, arm)) == 36
    assert not (tmp_path / "run").exists()


# --- what is printed, kept and tracked ---


def test_people_read_tables_a_verdict_and_where_the_report_is(tiny_run: Path) -> None:
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
