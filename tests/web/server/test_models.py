"""The models that a folder has, the default one, and what is refused before the first request."""

import json
import shutil
from pathlib import Path

import pytest

from retort import runs
from retort.config import ServeSettings, resolve_serving
from retort.errors import ConfigError, ModelError
from retort.web.server.models import service_of
from tests.conftest import ARMS
from tests.web.conftest import SPAM, TASK
from tests.web.folders import write_word_model, write_word_run

SETTINGS = ServeSettings()


def test_every_arm_of_a_run_that_has_a_model_is_served_and_odd_is_the_default(tiny_run: Path) -> None:
    service = service_of(tiny_run, SETTINGS)
    assert service.models == tuple(arm for arm in ARMS if arm != "majority")
    assert service.default == "odd"
    service.start()
    assert service.state == "ready"
    answers = {name: service.read(["the mayor opened the bridge today."], name) for name in service.models}
    assert all(0 < answer.probabilities["toxicity"] < 1 for (answer,) in answers.values())


def test_another_model_can_be_the_default(tiny_run: Path) -> None:
    assert service_of(tiny_run, SETTINGS, "even").default == "even"
    with pytest.raises(ConfigError, match=r"did you mean 'even'"):
        service_of(tiny_run, SETTINGS, "evn")


def test_a_model_folder_is_served_under_its_own_name(tiny_run: Path) -> None:
    assert service_of(tiny_run / "even", SETTINGS).models == ("even",)


def test_a_model_that_was_changed_is_refused_when_it_is_loaded(tiny_run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "odd"
    shutil.copytree(tiny_run / "odd", copy)
    (copy / "config.json").write_text((copy / "config.json").read_text() + " ")
    with pytest.raises(ModelError, match="changed since"):
        service_of(copy, SETTINGS).start()


def test_a_model_whose_scores_differ_from_its_golden_ones_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "odd"
    shutil.copytree(tiny_run / "odd", copy)
    golden = json.loads((copy / runs.GOLDEN).read_text())
    golden["texts"][0]["probabilities"][0] += 0.01
    (copy / runs.GOLDEN).write_text(json.dumps(golden))
    runs.write_manifest(copy)
    service = service_of(copy, SETTINGS)
    with pytest.raises(ModelError):
        service.start()
    assert service.state == "failed"


def test_an_arm_without_a_model_is_left_out_whatever_its_name(tmp_path: Path) -> None:
    assert service_of(write_word_run(tmp_path / "run", SPAM), SETTINGS).models == ("words", "other")


def test_a_model_whose_task_is_not_that_of_the_run_is_refused_at_once(tmp_path: Path) -> None:
    run = write_word_run(tmp_path / "run", SPAM)
    write_word_model(run / "other", TASK)
    with pytest.raises(ModelError, match=r"other: its task is not that of the run: trained for .*, not for 'spam'"):
        service_of(run, SETTINGS)


def test_a_run_whose_task_was_reworded_is_served_in_its_words(tmp_path: Path) -> None:
    run = write_word_run(tmp_path / "run", SPAM)
    comparison = json.loads((run / runs.COMPARISON).read_text())
    comparison["task"]["verdict"]["positive"] = "Junk"
    comparison["task"]["labels"].append({"name": "advert"})
    runs.write_json(run / runs.COMPARISON, comparison)
    service = service_of(run, SETTINGS)
    service.start()
    assert {service.read(["win money"], name)[0].verdict for name in service.models} == {"junk"}


def test_a_folder_of_the_former_schema_has_the_task_that_ships(tmp_path: Path) -> None:
    run = write_word_run(tmp_path / "run", TASK)
    about = json.loads((run / "words" / runs.RETORT).read_text())
    former = {key: value for key, value in about.items() if key not in ("task", "role", "loader")}
    runs.write_json(run / "words" / runs.RETORT, former)
    runs.write_json(run / runs.COMPARISON, {"arms": {"words": {"kind": "tfidf"}, "constant": {"kind": "majority"}}})
    service = service_of(run, SETTINGS)
    assert (service.models, service.task) == (("words",), TASK)


@pytest.mark.parametrize("assignment", ["default_model=other", "default_arm=other"])
def test_the_default_model_is_a_setting_that_also_has_its_former_name(tmp_path: Path, assignment: str) -> None:
    run = write_word_run(tmp_path / "run", SPAM)
    assert service_of(run, SETTINGS).default == "words"
    assert service_of(run, resolve_serving({}, [assignment])).default == "other"


def test_a_folder_without_a_model_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="neither a run nor a model"):
        service_of(tmp_path, SETTINGS)
    with pytest.raises(ModelError, match="no such folder"):
        service_of(tmp_path / "nowhere", SETTINGS)
