import json

import pytest
import yaml

from retort import runs
from retort.report.cards import model_card


@pytest.fixture
def comparison(quick):
    return json.loads((quick / runs.COMPARISON).read_text("utf-8"))


def test_a_card_has_a_header_that_the_hub_can_read(comparison):
    header = yaml.safe_load(model_card(comparison, "odd").split("---")[1])
    assert header["library_name"] == "transformers"
    assert header["pipeline_tag"] == "text-classification"
    metrics = header["model-index"][0]["results"][0]["metrics"]
    value = comparison["arms"]["odd"]["test"]["toxicity"]["average_precision"]["value"]
    assert metrics[0] == {
        "type": "average_precision", "value": round(value, 4), "name": "toxicity average precision",
    }  # fmt: skip


def test_a_card_says_what_was_kept_measured_and_decided(comparison):
    card = model_card(comparison, "odd")
    assert "`[0, 2, 4]`" in card
    assert "0.5 (toxicity)" in card
    assert 'Classifier.load("PATH/TO/odd")' in card
    assert "## Limits" in card
    figure = comparison["arms"]["odd"]["test"]["toxicity"]["average_precision"]
    assert f"{figure['value']:.3f}<br><sub>{figure['low']:.3f} to {figure['high']:.3f}</sub>" in card


@pytest.mark.parametrize("arm", ["majority", "tfidf", "teacher", "odd", "even", "lora"])
def test_every_kind_of_arm_has_a_card(comparison, arm):
    card = model_card(comparison, arm)
    assert f"# {arm}" in card
    assert "None" not in card.replace("top_k=None", "")
    assert ("/merged" in card) == (arm == "lora")
    assert ("transformers import pipeline" in card) == (arm not in ("majority", "tfidf"))


def test_a_card_from_few_toxic_comments_warns(seed):
    card = model_card(json.loads((seed / runs.COMPARISON).read_text("utf-8")), "odd")
    assert "3 of them positive for toxicity: too few to trust these figures" in card
