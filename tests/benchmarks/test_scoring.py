"""The scoring benchmarks: what their figures are computed from."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.scoring import cold_start, highlights, memory, one_comment
from benchmarks.scoring import file as score_file

from retort.inference.explain import Highlight, Rule
from retort.inference.predictor import Classifier

INT8, FP32 = "onnx int8", "onnx fp32"


def test_only_comments_that_both_sides_read_alike_are_compared() -> None:
    # Long ones are cut on both sides.
    assert score_file.read_alike(["the mayor", "the " * 127, "m\u200bayor", "a bank."]) == [0, 1, 3]


def test_the_start_is_part_of_the_ratios_with_goals_and_not_of_those_without() -> None:
    files = score_file.Files(Path("once"), Path("many"), Path("single"), ["a"] * 101, 1)
    seconds = {"teacher": [101.0], "student": [50.5], INT8: [12.0], FP32: [20.0], "to the end": [15.0]}
    seconds |= {f"{INT8}, start": [2.0], f"{FP32}, start": [3.0]}
    found = score_file.Measured((INT8, FP32), seconds, {"teacher": 1, "student": 32})
    teacher, same, without_start, _, to_the_end, *starts = score_file.speed(found, files, 12)
    assert (teacher.value, teacher.limit) == (pytest.approx(101 / 12), 10)
    assert (same.value, same.limit) == (pytest.approx(101 / 12 / 2), 5)
    assert "12 layers, batch 1 " in teacher.medians
    assert "6 layers, batch 32 " in same.medians
    assert without_start.sides[0].median == pytest.approx(100 / 10)
    assert to_the_end.sides[0].median == pytest.approx(101 / 15)
    assert without_start.met is to_the_end.met is None
    assert len(starts) == 2


def test_fp32_must_agree_in_probabilities_and_int8_in_verdicts() -> None:
    theirs = np.linspace(0.1, 0.9, 50)
    near = theirs + 0.003
    assert score_file.agreement("int8", near, theirs, range(50)).met
    assert not score_file.agreement("fp32", near, theirs, range(50), exact=True).met
    assert score_file.agreement("fp32", theirs + 5e-5, theirs, range(50), exact=True).met
    assert not score_file.agreement("int8", 1 - theirs, theirs, range(50)).met
    # Rows that the sides read differently do not count, and no rows are no agreement.
    far = np.where(np.arange(50) == 7, 1 - theirs, theirs)
    assert score_file.agreement("fp32", far, theirs, [n for n in range(50) if n != 7], exact=True).met
    assert score_file.agreement("fp32", far, theirs, [], exact=True).met is None


def test_a_text_of_64_tokens_has_64_tokens() -> None:
    model = memory.constant().model
    texts = one_comment.texts_of(64, ["the mayor opened a bridge, gladly", "what is xyz"] * 40, model)
    assert len(texts) > 1
    assert model.reader.read(texts).windows.lengths.tolist() == [64] * len(texts)  # type: ignore[attr-defined]


def test_probabilities_are_read_from_the_output_of_both_cold_starts(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text('warning: x\n{"text_index": 0, "verdict": "non-toxic", "probabilities": {"toxicity": 0.25}}\n')
    assert cold_start.predict_probability(log) == 0.25
    for printed in ("[[{'label': 'toxicity', 'score': 0.5}]]", "[{'label': 'toxicity', 'score': 0.5}]"):
        log.write_text(f"Device set to use cpu\n{printed}\n")
        assert cold_start.pipeline_probability(log) == 0.5


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_the_files_of_the_memory_benchmark_are_scored_whole(ending: str, tmp_path: Path) -> None:
    source = memory.write_rows(tmp_path / f"rows{ending}", 1100)
    found = memory.scored(source, tmp_path / "out")
    assert found["rows"] == 1100
    assert found["peak_bytes"] > 10_000_000


def test_a_file_that_was_not_scored_whole_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_two(path: Path, _: int) -> Path:
        path.write_text("id,text\n1,a\n2,b\n")
        return path

    monkeypatch.setattr(memory, "write_rows", write_two)
    with pytest.raises(memory.RunError, match="only 2 of 9 rows were scored"):
        memory.measured(9, tmp_path, ".csv")


def test_character_f1_is_that_of_the_task() -> None:
    f1 = highlights.character_f1
    assert (f1(frozenset(), frozenset()), f1(frozenset({1}), frozenset()), f1(frozenset(), frozenset({1}))) == (1, 0, 0)
    assert f1(frozenset({1, 2, 3}), frozenset({3, 4})) == pytest.approx(2 / 5)


def test_a_rule_is_chosen_on_the_half_that_it_is_not_judged_on() -> None:
    # One rule is right for even rows, the other for odd ones: chosen on the other half, both are wrong.
    even, odd = Rule(0.0, 0.0, 0.0), Rule(1.0, 0.0, 0.0)
    zero = dict.fromkeys(highlights.CANDIDATES, np.zeros(4))
    by_rule = zero | {even: np.array([1.0, 0, 1, 0]), odd: np.array([0.0, 1, 0, 1])}
    assert highlights.chosen_on_the_other_half(by_rule).tolist() == [0, 0, 0, 0]


def test_the_highlights_script_judges_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Classifier, "load", lambda *_, **__: memory.constant())
    spans, train = tmp_path / "spans.csv", tmp_path / "train.csv"
    texts = ["you fool", "a fine fool", "a fine day", "seen before"]
    marked = ["[4, 5, 6, 7]", "[7, 8, 9, 10]", "[]", "[]"]
    spans.write_text("spans,text\n" + "".join(f'"{m}",{t}\n' for m, t in zip(marked, texts, strict=True)))
    train.write_text("text\nseen before\n")
    arguments = ["MODEL", "--spans", spans, "--train", train, "--threads", "1"]
    monkeypatch.setattr(sys, "argv", ["highlights.py", *map(str, arguments)])
    highlights.main()
    printed = capsys.readouterr().out
    assert printed.startswith("3 comments; constant")
    assert len([line for line in printed.splitlines() if line.startswith("| ")]) == 7
    assert highlights.characters([Highlight(4, 6, 1.0)]) == {4, 5}


def test_the_constant_model_has_a_real_tokenizer() -> None:
    classifier: Classifier = memory.constant()
    (answer,) = classifier.read(["a fine day " * 200])
    assert answer.windows > 1
    assert json.dumps(answer.probabilities) == '{"toxicity": 0.5}'
