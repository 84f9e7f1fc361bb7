"""The target of a threshold is one of a few forms, and an error names them."""

import pytest

from retort.errors import ConfigError
from retort.threshold_target import ThresholdTarget


@pytest.mark.parametrize(
    ("text", "aim", "value"),
    [
        ("f1", "f1", None),
        ("0.5", "fixed", 0.5),
        ("precision=0.9", "precision", 0.9),
        ("recall=0.8", "recall", 0.8),
        ("false-alarms=0.01", "false-alarms", 0.01),
        ("budget=20", "budget", 20),
        ("cost=10", "cost", 10),
        (" cost = 0.1 ", "cost", 0.1),
    ],
)
def test_each_form_is_read(text: str, aim: str, value: float | None) -> None:
    found = ThresholdTarget.parse(text)
    assert (found.aim, found.value, found.text) == (aim, value, text.strip())


@pytest.mark.parametrize("text", ["", "f2", "best", "recall", "recall=", "recall=high", "fixed=0.5", "=0.5", "f1=0.5"])
def test_another_text_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is no target of a threshold; write one of \"f1\" .*cost=10"):
        ThresholdTarget.parse(text)


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("0", "between 0 and 1"),
        ("1.5", "between 0 and 1"),
        ("nan", "between 0 and 1"),
        ("precision=0", "between 0 and 1"),
        ("recall=1", "between 0 and 1"),
        ("budget=1000", "between 0 and 1000"),
        ("cost=-1", "above 0"),
        ("cost=inf", "above 0"),
    ],
)
def test_a_number_out_of_range_is_refused_with_the_range(text: str, limits: str) -> None:
    with pytest.raises(ConfigError, match=f"the number must be {limits}"):
        ThresholdTarget.parse(text)
