"""The loss of an arm, put together from the folder of terms."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from retort.errors import ConfigError
from retort.strict import validated
from retort.training import objective, terms
from retort.training.objective import Objective, distillation_settings, labels_alone

A_TERM = """
from retort.strict import StrictModel
TITLE, POSITION, WEIGHT, USES_TEACHER = "a term of its own", 15, 0.25, True
class Settings(StrictModel):
    sharpness: float = 3.0
def pairs(layers, copied, teacher_layers, settings): return ()
def counted(targets): return targets[:, 0] == 1
def compare(student, teacher, batch, settings): return (student.logits - teacher.logits).abs().sum(dim=1)
"""


@pytest.fixture
def a_fourth_term(tmp_path: Path) -> Iterator[None]:
    """One more file in the folder of terms."""
    (tmp_path / "sharp.py").write_text(A_TERM)
    terms.__path__.append(str(tmp_path))
    terms.all_terms.cache_clear()
    distillation_settings.cache_clear()
    yield
    terms.__path__.remove(str(tmp_path))
    sys.modules.pop("retort.training.terms.sharp", None)
    terms.all_terms.cache_clear()
    distillation_settings.cache_clear()


def test_the_terms_have_their_order_and_defaults() -> None:
    assert list(terms.all_terms()) == ["hard", "soft", "hidden", "attention"]
    settings = distillation_settings()().model_dump()
    assert settings == {
        "hard": 0.5, "soft": 0.5, "hidden": 1.0, "attention": 0.0, "temperature": 2.0, "hidden_match": "block",
        "identity_weight": 1.0, "augmented_weight": None,
    }  # fmt: skip


def test_an_objective_holds_the_terms_with_a_weight_and_their_own_settings() -> None:
    settings = validated(distillation_settings(), {"hidden": 0, "temperature": 4.0}, "here")
    chosen = Objective.of(settings)
    assert [(one.name, one.weight) for one in chosen.terms] == [("hard", 0.5), ("soft", 0.5)]
    assert chosen.terms[1].settings.model_dump() == {"temperature": 4.0}
    assert chosen.uses_teacher
    assert not Objective.of(labels_alone()).uses_teacher


@pytest.mark.parametrize(
    ("values", "telling"),
    [
        ({"hard": 0, "soft": 0, "hidden": 0}, "hard, soft, hidden and attention are all 0"),
        ({"sofft": 1}, "did you mean 'soft'"),
        ({"hidden_match": "nearest"}, "hidden_match"),
        ({"attention": -1}, "attention"),
        ({"identity_weight": 0.5}, "identity_weight = 0.5: Input should be greater than or equal to 1"),
        ({"identity_weight": float("inf")}, "identity_weight = inf: Input should be a finite number"),
        ({"augmented_weight": -1}, "augmented_weight"),
    ],
)
def test_what_does_not_exist_or_fit_is_refused(values: dict[str, object], telling: str) -> None:
    with pytest.raises(ConfigError, match=telling):
        validated(distillation_settings(), values, "here")


@pytest.mark.usefixtures("a_fourth_term")
def test_one_file_in_the_folder_is_a_term_of_the_settings_the_objective_and_the_report() -> None:
    assert list(terms.all_terms()) == ["hard", "sharp", "soft", "hidden", "attention"]
    settings = validated(distillation_settings(), {"sharp": 2, "sharpness": 5}, "here")
    found = {one.name: one for one in Objective.of(settings).terms}["sharp"]
    assert (found.weight, found.settings.model_dump()) == (2, {"sharpness": 5})
    assert terms.loss_titles()["sharp"] == "a term of its own"
    assert objective.labels_alone().model_dump()["sharp"] == 0


@pytest.mark.parametrize(("default", "weights"), [(0.0, [1.0, 0.0]), (0.5, [0.5, 0.5])])
def test_labels_alone_keeps_the_default_weights_of_terms_without_a_teacher(
    monkeypatch: pytest.MonkeyPatch, a_fourth_term: None, default: float, weights: list[float]
) -> None:
    sharp = terms.all_terms()["sharp"]
    monkeypatch.setattr(sharp, "USES_TEACHER", False)
    monkeypatch.setattr(sharp, "WEIGHT", default)
    found = objective.labels_alone().model_dump()
    assert [found["hard"], found["sharp"]] == weights
