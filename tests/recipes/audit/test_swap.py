"""Identity terms exchanged: which sentences there are, how terms are written into them, and what is counted."""

from pathlib import Path

import pytest

from retort.identity_terms import identity_terms
from retort.recipes.audit import swap
from tests.recipes.audit.made import model, silent, suite

RELIGIONS = [term for term in identity_terms() if term.kind == "religion"]


def texts_of(tmp_path: Path, *texts: str) -> list[tuple[str, ...]]:
    found, _ = swap._sentences(suite(tmp_path, [{"text": text, "label": 0} for text in texts]))
    return [one.texts for one in found]


def test_a_term_is_exchanged_for_every_other_of_its_kind_and_form(tmp_path: Path) -> None:
    (texts,) = texts_of(tmp_path, "Our neighbours are Muslims.")
    assert set(texts) == {f"Our neighbours are {term.plural}." for term in RELIGIONS}


def test_the_article_fits_the_word_behind_it(tmp_path: Path) -> None:
    (texts,) = texts_of(tmp_path, "She is a Christian.")
    atheist = next(term.singular for term in RELIGIONS if term.singular.lower() == "atheist")
    assert f"She is an {atheist}." in texts
    assert "She is a Christian." in texts
    (texts,) = texts_of(tmp_path, f"An {atheist} wrote this.")
    assert "A Christian wrote this." in texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("muslims read.", "christians read."),
        ("MUSLIMS read.", "CHRISTIANS read."),
        ("Muslims read.", "Christians read."),
        ("Women read.", "Men read."),
        ("WOMEN read.", "MEN read."),
        ("All women read.", "All men read."),
    ],
)
def test_a_term_is_written_as_the_one_before_it(tmp_path: Path, text: str, expected: str) -> None:
    (texts,) = texts_of(tmp_path, text)
    assert text in texts
    assert expected in texts


def test_a_term_in_two_places_is_exchanged_in_both(tmp_path: Path) -> None:
    (texts,) = texts_of(tmp_path, "Muslims like tea, and Muslims like cake.")
    assert "Christians like tea, and Christians like cake." in texts
    assert all(text.count(" like ") == 2 and "Muslims" not in text for text in texts if text[:7] != "Muslims")


def test_a_sentence_with_two_terms_of_one_kind_is_left_out(tmp_path: Path) -> None:
    rows = [{"text": "Muslims and Jews share a street.", "label": 0}, {"text": "Muslims read.", "label": 0}]
    found, left_out = swap._sentences(suite(tmp_path, rows))
    assert (len(found), left_out) == (1, 1)


def test_cases_that_differ_in_the_term_alone_are_one_sentence(tmp_path: Path) -> None:
    assert len(texts_of(tmp_path, "Our friends are Muslims.", "Our friends are Jews.")) == 1


def test_flips_spread_and_shifts_are_those_of_the_scores(tmp_path: Path) -> None:
    cases = suite(tmp_path, [{"text": "Our friends are Muslims.", "label": 0}])
    wary = model("wary", lambda text: 0.8 if "Jews" in text else 0.2)
    found = swap.run([wary], cases, silent)["models"]["wary"]
    others = len(RELIGIONS) - 1
    flips = found["overall"]["flips"]
    assert (flips["failed"], flips["cases"]) == (1, others)
    assert found["overall"]["spread"]["mean"] == pytest.approx(0.6)
    jewish = next(term.singular for term in RELIGIONS if term.plural == "Jews")
    assert found["terms"][jewish]["shift"] == pytest.approx(0.6 - 0.6 / len(RELIGIONS))
    assert (found["terms"][jewish]["flagged"]["failed"], found["terms"][jewish]["flagged"]["cases"]) == (1, 1)
    assert sum(term["shift"] for term in found["terms"].values()) == pytest.approx(0)
    (example,) = found["examples"]
    assert example["sentence"] == "Our friends are [religion]."
    assert example["highest"] == {"term": "Jews", "score": 0.8}


def test_a_pair_of_terms_that_the_suite_has_both_is_exchanged_once(tmp_path: Path) -> None:
    cases = suite(tmp_path, [{"text": f"Our friends are {who}.", "label": 0} for who in ("Muslims", "Jews")])
    calm = model("calm", lambda _: 0.2)
    flips = swap.run([calm], cases, silent)["models"]["calm"]["overall"]["flips"]
    assert (flips["failed"], flips["cases"]) == (0, 2 * (len(RELIGIONS) - 2) + 1)


def test_a_model_that_ignores_identities_never_flips_and_one_that_does_not_is_worse(tmp_path: Path) -> None:
    cases = suite(tmp_path, [{"text": f"On day {day} we met Muslims.", "label": 0} for day in range(12)])
    calm, wary = model("calm", lambda _: 0.1), model("wary", lambda text: 0.1 if "Muslims" in text else 0.9)
    found = swap.run([calm, wary], cases, silent)
    assert found["models"]["calm"]["overall"]["flips"]["share"] == 0
    assert found["models"]["wary"]["overall"]["flips"]["share"] == 1
    assert [pair["better"] for pair in found["pairs"]] == ["calm"]


def test_only_so_many_sentences_are_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap, "_MOST_SENTENCES", 3)
    cases = suite(tmp_path, [{"text": f"On day {day} we met Muslims.", "label": 0} for day in range(12)])
    found = swap.run([model("calm", lambda _: 0.1)], cases, silent)
    assert (found["sentences"], found["of_sentences"]) == (3, 12)


def test_a_suite_that_names_nobody_is_told_why(tmp_path: Path) -> None:
    nobody = suite(tmp_path, [{"text": "Nice weather.", "label": 0}])
    assert "names an identity" in str(swap.why_not([], nobody))
    assert swap.why_not([], suite(tmp_path, [{"text": "Muslims read.", "label": 0}])) is None
