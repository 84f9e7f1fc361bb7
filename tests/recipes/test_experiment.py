"""Settings: presets, files, flags and assignments, laid over each other in this order and checked."""

import subprocess
import sys
from pathlib import Path

import pytest

from retort.errors import ConfigError
from retort.recipes.experiment import PRESETS, ExperimentSettings, builtin_arms, preset_text, resolve
from retort.tasks import default_task


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
    assert {"odd-labels", "odd-random", "lora-odd"} <= set(settings.arms)


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


def test_another_seed_keeps_the_number_of_seeds_of_a_file(tmp_path: Path) -> None:
    """experiment.toml lists the seeds of its run, so `--config RUN/experiment.toml --seed 5` meets a list."""
    file = tmp_path / "experiment.toml"
    file.write_text("seed = 0\nseeds = [0, 1, 2]\n")
    assert resolve(file=file, overrides={"seed": 5}).seeds == (5, 6, 7)
    assert resolve(file=file, assignments=("seed=5",)).seeds == (5, 6, 7)
    assert resolve(file=file, overrides={"seed": 5, "seeds": 1}).seeds == (5,)
    assert resolve(file=file).seeds == (0, 1, 2)


def test_several_seeds_without_an_arm_that_depends_on_them_are_refused() -> None:
    """Nothing would be trained again, and a report of three seeds would show no spread."""
    with pytest.raises(ConfigError, match="training of majority, tfidf does not depend on the seed"):
        resolve(assignments=("arms=[majority,tfidf]", "seeds=3"))
    assert resolve(assignments=("arms=[majority,tfidf]",)).seeds == (0,)
    assert resolve(assignments=("arms=[tfidf,static,teacher]", "seeds=3")).seeds == (0, 1, 2)


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


@pytest.mark.parametrize("name", ["../other", "/tmp/other", "a/b", ".", "", "plots", "comparison.json", "-x", "a" * 65])
def test_an_arm_whose_name_is_no_folder_of_its_own_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="an arm cannot be called"):
        resolve(overrides={"arm": {name: {"kind": "majority"}}})


@pytest.mark.parametrize(("former", "now"), [("odd-alone", "odd-labels"), ("even-alone", "even-labels")])
def test_the_former_name_of_a_built_in_arm_leads_to_the_same_arm(former: str, now: str) -> None:
    with pytest.raises(ConfigError, match=f"no arm is called '{former}' \\(now '{now}'\\)"):
        resolve(assignments=(f"arms=[teacher,{former}]",))


def test_two_teachers_are_refused() -> None:
    with pytest.raises(ConfigError, match="2 teachers, teacher, other"):
        resolve(assignments=("arm.other.kind=teacher", "arms=[teacher,other,odd]"))


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("arm.odd.layers=[-1]", "arm.odd.layers.0 = -1: Input should be greater than or equal to 0"),
        ("student.batch_size=7", "student: batch_size must be a multiple"),
    ],
)
def test_an_error_names_the_key_and_not_the_whole_table(assignment: str, expected: str) -> None:
    with pytest.raises(ConfigError) as raised:
        resolve(assignments=(assignment, "student.accumulation_steps=3"))
    assert expected in str(raised.value)


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
    assert settings.distillation_of("odd").model_dump()["temperature"] == 9
    assert settings.lora_of("lora").r == 2
    assert settings.training_of("lora") == settings.lora_training
    assert settings.training_of("teacher") == settings.teacher


def test_lora_all_differs_from_lora_in_its_target_modules_and_its_rate() -> None:
    settings = resolve("civil-comments")
    assert settings.lora_of("lora-all").target_modules == "all-linear"
    assert settings.lora_of("lora").model_copy(update={"target_modules": "all-linear"}) == settings.lora_of("lora-all")
    # Ten times the teacher's.
    assert settings.training_of("lora-all").learning_rate == 10 * settings.training_of("teacher").learning_rate
    rate = {"learning_rate": settings.training_of("lora-all").learning_rate}
    assert settings.training_of("lora").model_copy(update=rate) == settings.training_of("lora-all")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all-linear", "all-linear"),
        ("dense", ("dense",)),
        ("[intermediate.dense, output.dense]", ("intermediate.dense", "output.dense")),
    ],
)
def test_target_modules_are_names_or_all_linear(text: str, expected: object) -> None:
    assert resolve(assignments=(f"lora.target_modules={text}",)).lora.target_modules == expected


def test_no_target_module_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"lora\.target_modules"):
        resolve(assignments=("lora.target_modules=[]",))


@pytest.mark.parametrize("arm", ["teacher", "odd-labels", "lora"])
def test_an_arm_that_is_not_distilled_learns_from_labels_alone(arm: str) -> None:
    weights = resolve("civil-comments").distillation_of(arm).model_dump()
    assert [weights[term] for term in ("hard", "soft", "hidden", "attention")] == [1, 0, 0, 0]


def test_the_controls_differ_from_odd_in_one_thing_each() -> None:
    arms = resolve("civil-comments").arm
    assert arms["odd-labels"] == arms["odd"].model_copy(update={"distilled": False})
    assert arms["odd-random"] == arms["odd"].model_copy(update={"start": "random"})
    assert arms["odd-base"] == arms["odd-labels"].model_copy(update={"start": "base"})


def test_only_what_starts_from_the_base_and_learns_labels_alone_needs_no_teacher() -> None:
    settings = resolve("civil-comments")
    assert [arm for arm in settings.arms if not settings.needs_teacher(arm)] == [
        "majority", "tfidf", "teacher", "lora", "lora-all", "odd-base", "even-base",
    ]  # fmt: skip
    assert resolve(assignments=("arms=[odd-base]",)).arms == ("odd-base",)
    with pytest.raises(ConfigError, match="no teacher itself"):
        resolve(assignments=("arms=[odd-random]", "arm.odd-random.distilled=false"))


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
    with pytest.raises(ConfigError, match=", ".join(default_task().names)):
        resolve(assignments=("attributes=[toxicity,x]",))


SPAM = """
name = "spam"
primary = "spam"
meaning = "Nobody asked for it."
verdict = { positive = "Spam", negative = "Not spam" }
labels = [{ name = "spam", headers = ["junk"] }, { name = "scam" }]
"""


def test_a_task_comes_from_a_file_or_a_table_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "spam.toml").write_text(SPAM)
    config = tmp_path / "mine.toml"
    config.write_text(f"task = '{tmp_path / 'spam.toml'}'")
    settings = resolve(file=config)
    assert settings.task.names == ("spam", "scam")
    assert settings.task.identities.columns == ()
    assert settings.label_threshold == settings.task.label_threshold == 0.5
    again = resolve(overrides={"task": settings.task.as_dict(), "label_threshold": 0.7})
    assert (again.task, again.label_threshold) == (settings.task, 0.7)


def test_the_label_threshold_is_the_tasks_unless_chosen() -> None:
    assert resolve().label_threshold == default_task().label_threshold == 0.6
    assert resolve(assignments=("label_threshold=0.3",)).label_threshold == 0.3


@pytest.mark.parametrize(
    ("assignment", "telling"),
    [
        ("arm.odd.kind=studnt", "did you mean 'student'"),
        ("arm.odd.layers=ever", "did you mean 'even'"),
        ("data.columns.toxcity=x", "did you mean 'toxicity'"),
        ("distillation.sofft=1", "did you mean 'soft'"),
        ("arm.odd.distillation.temprature=1", "did you mean 'temperature'"),
        ("attributes=[insult]", "add 'toxicity'"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_nearest(assignment: str, telling: str) -> None:
    with pytest.raises(ConfigError, match=telling):
        resolve(assignments=(assignment,))


def test_the_experiment_file_of_an_earlier_run_resolves() -> None:
    """Without a task, with the columns as they were and the terms there were."""
    tables = resolve("seed").model_dump(mode="json")
    del tables["task"]
    tables["data"]["columns"] = {"text": "", "id": "", "toxicity": "target", "insult": ""}
    tables["distillation"].pop("attention")
    settings = resolve(overrides=tables)
    assert settings.task == default_task()
    assert settings.data.columns == {"toxicity": "target"}


def test_reading_settings_loads_no_torch() -> None:
    code = "import sys; from retort.recipes.experiment import resolve; resolve('seed'); print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
