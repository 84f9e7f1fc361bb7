"""Students that start from the base under a ready-made teacher, and what is refused before any training."""

import json
import shutil
from pathlib import Path

import pytest

from retort.errors import ConfigError, ModelError
from retort.models.bases import resolve_base
from retort.models.classifier import attributes_of, classifier_from_base, save_classifier
from retort.recipes.experiment import ExperimentSettings, resolve
from retort.recipes.usable_models import in_training_order, load_teacher, require_models
from retort.tasks import default_task
from tests.recipes.tiny_runs import Compare, comparison_of, history_of

MINE = ("arm.mine.kind=student", "arm.mine.start=base", "arms=[teacher,mine]")


@pytest.fixture(scope="module")
def shallow_bert(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base with two of `tiny_bert`'s four layers, and its tokenizer."""
    from transformers import BertModel

    folder = shutil.copytree(tiny_bert, tmp_path_factory.mktemp("bases") / "shallow")
    BertModel.from_pretrained(tiny_bert, num_hidden_layers=2).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def deep_teacher(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of four layers, without a retort.json."""
    folder = tmp_path_factory.mktemp("teachers") / "deep"
    save_classifier(
        classifier_from_base(resolve_base(str(tiny_bert)), ("toxicity", "insult"), 0), tiny_bert, 128, folder
    )
    return folder


def settings(base: Path, teacher: Path, *assignments: str) -> ExperimentSettings:
    return resolve(overrides={"base": str(base), "teacher_folder": teacher}, assignments=(*MINE, *assignments))


def test_a_student_of_a_shallow_base_is_matched_with_blocks_of_a_deeper_teacher(
    shallow_bert: Path, deep_teacher: Path, compare: Compare
) -> None:
    chosen = [part for text in MINE[:2] for part in ("--set", text)]
    run = compare("teacher,mine", "--base", shallow_bert, "--teacher", deep_teacher, *chosen)
    arm = comparison_of(run)["arms"]["mine"]
    assert (arm["layer_indices"], arm["teacher_layers"], arm["start"]) == ([0, 1], 2, "base")
    hidden = [row["train_loss"]["hidden"] for row in history_of(run, "mine")]
    assert 0 < hidden[-1] < hidden[0]


def test_layers_of_the_base_have_no_source_in_a_ready_made_teacher(shallow_bert: Path, deep_teacher: Path) -> None:
    chosen = settings(shallow_bert, deep_teacher, "distillation.hidden_match=source")
    with pytest.raises(ConfigError, match="arm mine: hidden_match = 'source'"):
        require_models(chosen, resolve_base(str(shallow_bert)))


def test_models_that_read_other_tokens_cannot_be_compared_token_by_token(
    shallow_bert: Path, deep_teacher: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(deep_teacher, tmp_path / "other")
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["bridge"], vocabulary["library"] = vocabulary["library"], vocabulary["bridge"]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    base = resolve_base(str(shallow_bert))
    with pytest.raises(ConfigError, match=r"arm mine: .* different tokenizers"):
        require_models(settings(shallow_bert, other), base)
    assert require_models(settings(shallow_bert, other, "distillation.hidden=0"), base) == ("toxicity", "insult")


def test_models_of_another_width_cannot_be_compared_token_by_token(deep_teacher: Path, tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel

    narrow = tmp_path / "narrow"
    shutil.copytree(deep_teacher, narrow)
    config = BertConfig.from_pretrained(deep_teacher, hidden_size=16, num_hidden_layers=2, intermediate_size=16)
    BertModel(config).save_pretrained(narrow)
    with pytest.raises(ConfigError, match="a width of 16 and 2 attention heads, the teacher 32 and 2"):
        require_models(settings(narrow, deep_teacher), resolve_base(str(narrow)))


def test_a_teacher_of_another_task_is_refused(tiny_run: Path, tiny_bert: Path) -> None:
    task = {
        "name": "spam", "primary": "spam", "meaning": "Nobody asked for it.",
        "verdict": {"positive": "Spam", "negative": "Not spam"}, "labels": [{"name": "spam"}],
    }  # fmt: skip
    chosen = resolve(overrides={"base": str(tiny_bert), "teacher_folder": tiny_run / "teacher", "task": task})
    with pytest.raises(ModelError, match="trained for the task 'toxicity', not for 'spam'"):
        load_teacher(chosen)


def test_a_teacher_of_the_task_before_a_label_was_added_is_accepted(tiny_run: Path, tiny_bert: Path) -> None:
    task = default_task().as_dict()
    task["labels"] += ({"name": "mockery"},)
    chosen = resolve(overrides={"base": str(tiny_bert), "teacher_folder": tiny_run / "teacher", "task": task})
    assert attributes_of(load_teacher(chosen)) == ("toxicity", "insult")
    task["labels"] = [label for label in task["labels"] if label["name"] != "insult"]
    chosen = resolve(overrides={"base": str(tiny_bert), "teacher_folder": tiny_run / "teacher", "task": task})
    with pytest.raises(ModelError, match="it rates insult, which the task lacks"):
        load_teacher(chosen)


def test_a_teacher_without_the_primary_label_is_refused(tiny_bert: Path, tmp_path: Path) -> None:
    base = resolve_base(str(tiny_bert))
    save_classifier(classifier_from_base(base, ("insult",), 0), tiny_bert, 128, tmp_path / "insult")
    with pytest.raises(ModelError, match="must rate toxicity"):
        load_teacher(resolve(overrides={"base": str(tiny_bert), "teacher_folder": tmp_path / "insult"}))


def test_baselines_come_first_then_the_teacher_then_what_may_need_it() -> None:
    chosen = resolve(assignments=("arms=[lora,odd,tfidf,teacher,majority]",))
    assert in_training_order(chosen, chosen.arms) == ["tfidf", "majority", "teacher", "lora", "odd"]
