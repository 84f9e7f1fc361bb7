"""Settings: presets, files, flags and assignments, laid over each other in this order and checked."""

from pathlib import Path

import pytest

from retort.attributes import ATTRIBUTES
from retort.config import PRESETS, ExperimentSettings, builtin_arms, preset_text, resolve
from retort.errors import ConfigError


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_resolves_and_opens_with_a_sentence_on_what_it_is(name: str) -> None:
    settings = resolve(name)
    assert settings.preset == name
    assert preset_text(name).startswith("# ")
    assert set(settings.arms) <= set(builtin_arms())


def test_quickstart_is_the_default_needs_no_network_and_takes_all_attributes() -> None:
    settings = resolve()
    assert settings.preset == "quickstart"
    assert settings.data.source == "sample"
    assert settings.base == "minilm"
    assert settings.attributes == "all"
    assert settings.arms == ("majority", "tfidf", "teacher", "odd", "even", "lora")


def test_seed_is_the_original_assignment() -> None:
    settings = resolve("seed")
    assert settings.base == "bert-base-uncased"
    assert settings.base_revision is not None
    assert len(settings.base_revision) == 40
    assert settings.attributes == ("toxicity",)
    assert settings.label_threshold == 0.6
    data = settings.data
    assert (data.source, data.hub_id, data.comments, data.stratified) == ("hub", "google/civil_comments", 500, False)
    assert (data.validation_share, data.test_share) == (0.15, 0.15)
    assert [settings.training_of(arm).epochs for arm in ("teacher", "odd", "even", "lora")] == [3] * 4
    lora = settings.lora_of("lora")
    assert (lora.r, lora.alpha, lora.dropout, lora.target_modules) == (8, 32, 0.05, ("query", "value"))
    assert settings.arms == ("majority", "tfidf", "teacher", "odd", "even", "lora")


def test_what_the_original_leaves_open_is_marked_in_the_seed_preset() -> None:
    lines = preset_text("seed").splitlines()
    for key in ("learning_rate", "batch_size", "temperature", "hard", "soft", "hidden", "max_length"):
        found = [line for line in lines if line.startswith((f"{key} ", f"{key}="))]
        assert found, key
        assert all("# not stated there" in line for line in found), key


def test_civil_comments_takes_all_of_it_with_its_controls() -> None:
    settings = resolve("civil-comments")
    assert settings.data.official_splits
    assert settings.data.comments is None
    assert {"odd-alone", "odd-random", "lora-odd"} <= set(settings.arms)


def test_flags_go_over_files_and_assignments_over_all(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("preset = 'seed'\nseed = 1\n[teacher]\nepochs = 7\nbatch_size = 4\n")
    settings = resolve(file=file, overrides={"seed": 2, "base": "x"}, assignments=("seed=3", "teacher.batch_size=8"))
    assert settings.preset == "seed"
    assert settings.data.comments == 500
    assert settings.seed == 3
    assert settings.base == "x"
    assert settings.teacher.epochs == 7
    assert settings.teacher.batch_size == 8
    assert resolve("civil-comments", file).preset == "civil-comments"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("arms=[teacher,odd]", ("teacher", "odd")),
        ('arms=["teacher", "odd"]', ("teacher", "odd")),
        ("arms=['teacher']", ("teacher",)),
    ],
)
def test_lists_may_be_written_with_and_without_quotes(text: str, expected: tuple[str, ...]) -> None:
    assert resolve(assignments=(text,)).arms == expected


def test_words_numbers_and_truths_are_read_as_such() -> None:
    settings = resolve(assignments=("base=./some folder", "seed=7", "data.stratified=false", "arm.odd.layers=[0, 3]"))
    assert settings.base == "./some folder"
    assert settings.seed == 7
    assert settings.data.stratified is False
    assert settings.arm["odd"].layers == (0, 3)


def test_an_arm_of_ones_own_can_be_named() -> None:
    settings = resolve(assignments=("arm.mine.kind=student", "arm.mine.layers=[1,2]", "arms=[teacher,mine]"))
    assert settings.arm["mine"].layers == (1, 2)
    assert settings.needs_teacher("mine")


def test_what_an_arm_leaves_empty_comes_from_the_table_of_its_kind() -> None:
    settings = resolve(
        assignments=("student.epochs=9", "arm.odd.training.learning_rate=0.5", "arm.odd.distillation.temperature=9",
                     "arm.lora.lora.r=2")
    )  # fmt: skip
    assert settings.training_of("odd").epochs == 9
    assert settings.training_of("odd").learning_rate == 0.5
    assert settings.training_of("even").learning_rate != 0.5
    assert settings.distillation_of("odd").temperature == 9
    assert settings.lora_of("lora").r == 2
    assert settings.training_of("lora") == settings.lora_training
    assert settings.training_of("teacher") == settings.teacher


@pytest.mark.parametrize("arm", ["teacher", "odd-alone", "lora"])
def test_an_arm_that_is_not_distilled_learns_from_labels_alone(arm: str) -> None:
    weights = resolve("civil-comments").distillation_of(arm)
    assert (weights.hard, weights.soft, weights.hidden) == (1, 0, 0)


def test_odd_alone_and_odd_random_differ_from_odd_in_one_thing_each() -> None:
    arms = resolve("civil-comments").arm
    assert arms["odd-alone"] == arms["odd"].model_copy(update={"distilled": False})
    assert arms["odd-random"] == arms["odd"].model_copy(update={"start": "random"})


def test_every_setting_dumped_and_read_again_is_the_same() -> None:
    for name in PRESETS:
        settings = resolve(name)
        assert ExperimentSettings.model_validate(settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize(
    "assignment",
    ["seed=-1", "label_threshold=0", "decision_threshold=1", "max_length=4", "teacher.epochs=0", "teacher.warmup=1",
     "teacher.learning_rate=0", "teacher.learning_rate=nan", "distillation.temperature=0", "lora.r=0",
     "lora.dropout=1", "precision=fp16", "evaluation.bootstrap_samples=10", "data.source=file", "arms=[]",
     "seed", "=3", ".seed=3", "student=5", "arm.odd.kind=thing", "arm.odd.layers=third"],
)  # fmt: skip
def test_values_out_of_range_are_refused(assignment: str) -> None:
    with pytest.raises(ConfigError):
        resolve(assignments=(assignment,))


def test_the_arms_attributes_and_presets_of_the_error_messages_are_all_there_are() -> None:
    with pytest.raises(ConfigError, match="quickstart, seed, civil-comments"):
        resolve("nothing like it")
    with pytest.raises(ConfigError, match=", ".join(ATTRIBUTES)):
        resolve(assignments=("attributes=[toxicity,x]",))
