import itertools
import re
import shutil

import pytest
import yaml

from retort import runs
from retort.report.cards import model_card
from retort.report.page import write_report


@pytest.fixture
def comparison(quick):
    return runs.read_comparison(quick)


def test_a_card_has_a_header_that_the_hub_can_read(comparison):
    header = yaml.safe_load(model_card(comparison, "odd").split("---")[1])
    assert header["library_name"] == "transformers"
    assert header["pipeline_tag"] == "text-classification"
    metrics = header["model-index"][0]["results"][0]["metrics"]
    value = comparison["arms"]["odd"]["test"]["toxicity"]["average_precision"]["value"]
    assert metrics[0] == {
        "type": "average_precision", "value": round(value, 4), "name": "toxicity average precision",
    }  # fmt: skip


def test_a_tasks_words_are_text_in_a_card_and_in_the_report(comparison, quick, tmp_path):
    task = comparison["task"]
    task["labels"][0]["title"], task["verdict"]["positive"], task["meaning"] = "rude|<b>loud</b>", "<i>Bad", "A <u> b."
    run = shutil.copytree(quick, tmp_path / "run")
    runs.write_json(run / runs.COMPARISON, comparison)
    write_report(run)
    for text in (model_card(comparison, "odd"), (run / runs.COMPARISON_TABLE).read_text("utf-8")):
        assert "rude\\|&lt;b\\>loud" in text
        assert not re.search("<(b|/b|i|u)>", text, re.IGNORECASE)
        for title, rule in itertools.pairwise(text.splitlines()):
            if rule.startswith("| :---"):
                assert len(re.findall(r"(?<!\\)\|", title)) == rule.count("|")


def test_a_card_has_layers_figures_thresholds_and_a_description(comparison):
    card = model_card(comparison, "odd")
    assert "# odd\n\nThis is odd. It gives each comment a probability for toxicity, severe toxicity," in card
    assert "`[0, 2, 4]`" in card
    assert "0.5 (toxicity)" in card
    assert 'Classifier.load("PATH/TO/odd")' in card
    assert "## Limits" in card
    figure = comparison["arms"]["odd"]["test"]["toxicity"]["average_precision"]
    assert f"{figure['value']:.3f}<br><sub>{figure['low']:.3f} to {figure['high']:.3f}</sub>" in card


@pytest.mark.parametrize("arm", ["majority", "tfidf", "teacher", "odd", "even", "lora"])
def test_every_arm_has_a_card_with_code_that_loads_it(comparison, arm):
    card = model_card(comparison, arm)
    assert f"# {arm}" in card
    assert "None" not in card.replace("top_k=None", "")
    assert ("/merged" in card) == (arm == "lora")
    assert ("transformers import pipeline" in card) == (arm not in ("majority", "tfidf"))
    assert ("## Use" in card) == (arm != "majority")
    library = {"majority": "retort", "tfidf": "retort", "lora": "peft"}.get(arm, "transformers")
    assert f'library_name: "{library}"' in card
    assert ("distillation" in card.split("---")[1]) == (arm in ("odd", "even"))


def test_a_card_names_what_the_layers_started_from(ten_arms):
    comparison = runs.read_comparison(ten_arms)
    assert "in the teacher (from 0)" in model_card(comparison, "odd")
    assert "copied with them" in model_card(comparison, "odd")
    assert "They started from random weights." in model_card(comparison, "odd-random")
    assert "in the pre-trained base (from 0)" in model_card(comparison, "odd-base")


def test_a_card_without_a_recorded_description_has_a_general_one(comparison):
    del comparison["arms"]["odd"]["description"]
    assert "# odd\n\nA comment classifier. It gives" in model_card(comparison, "odd")


def test_a_card_from_few_toxic_comments_warns(seed):
    card = model_card(runs.read_comparison(seed), "odd")
    assert "3 of them toxic: too few to trust these figures" in card
