"""Which arms a folder offers, which one answers, and what is refused before the first request."""

import json
import shutil
from pathlib import Path

import pytest

from retort import runs
from retort.config import ServeSettings
from retort.errors import ConfigError, ModelError
from retort.web.arms import service_of

SETTINGS = ServeSettings()


def test_a_run_offers_every_arm_with_a_model_and_odd_answers(tiny_run: Path) -> None:
    service = service_of(tiny_run, SETTINGS)
    assert service.arms == ("tfidf", "teacher", "odd", "even", "lora", "odd-alone", "odd-random", "lora-odd")
    assert service.default == "odd"
    service.start()
    assert service.state == "ready"
    answers = {arm: service.read(["the mayor opened the bridge today."], arm) for arm in service.arms}
    assert all(0 < answer.probabilities["toxicity"] < 1 for (answer,) in answers.values())


def test_another_arm_can_be_the_one_that_answers(tiny_run: Path) -> None:
    assert service_of(tiny_run, SETTINGS, "even").default == "even"
    with pytest.raises(ConfigError, match=r"did you mean 'even'"):
        service_of(tiny_run, SETTINGS, "evn")


def test_a_model_folder_is_served_under_the_name_of_its_arm(tiny_run: Path) -> None:
    assert service_of(tiny_run / "even", SETTINGS).arms == ("even",)


def test_a_model_that_was_changed_is_refused_when_it_is_loaded(tiny_run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "odd"
    shutil.copytree(tiny_run / "odd", copy)
    (copy / "config.json").write_text((copy / "config.json").read_text() + " ")
    with pytest.raises(ModelError, match="changed since"):
        service_of(copy, SETTINGS).start()


def test_a_model_that_says_otherwise_than_its_golden_texts_is_refused(tiny_run: Path, tmp_path: Path) -> None:
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


def test_a_folder_without_a_model_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="neither a run nor a model"):
        service_of(tmp_path, SETTINGS)
    with pytest.raises(ModelError, match="no such folder"):
        service_of(tmp_path / "nowhere", SETTINGS)
