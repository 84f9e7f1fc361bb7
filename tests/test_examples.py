"""The programs in examples/ run as their docstrings say: one tiny comparison, then what can be done with it."""

import ast
import io
import json
import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
PROGRAMS = sorted(EXAMPLES.glob("*.py"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path, tiny_comments: Path) -> tuple[Path, str]:
    """The run folder that compare_in_python.py makes, and what it prints."""
    folder = tmp_path_factory.mktemp("examples") / "run"
    small = (
        "teacher.epochs=2",
        "student.epochs=1",
        "evaluation.bootstrap_samples=100",
        "evaluation.latency_comments=2",
    )
    changes = [word for assignment in small for word in ("--set", assignment)]
    with pytest.MonkeyPatch.context() as patch, io.StringIO() as printed:
        patch.setattr("sys.stdout", printed)
        run(
            patch, "compare_in_python.py", str(folder), "--data", str(tiny_comments), "--base", str(tiny_bert), *changes
        )
        return folder, printed.getvalue()


def run(patch: pytest.MonkeyPatch, name: str, *arguments: str) -> None:
    """A program as the shell would start it."""
    patch.setattr("sys.argv", [name, *arguments])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def test_compare_in_python_writes_a_run_and_prints_every_student_with_its_layers(finished: tuple[Path, str]) -> None:
    folder, printed = finished

    assert (folder / "report.html").is_file()
    comparison = json.loads((folder / "comparison.json").read_text("utf-8"))
    assert list(comparison["arms"]) == ["majority", "tfidf", "teacher", "odd", "last", "spread"]
    assert re.search(r"^odd +layers \[0, 2\]: \d\.\d{3} \(\d\.\d{3} to \d\.\d{3}\)$", printed, re.MULTILINE)
    assert re.search(r"^last +layers \[2, 3\]: ", printed, re.MULTILINE)
    assert re.search(r"^spread +layers \[0, 3\]: ", printed, re.MULTILINE)
    assert comparison["verdict"] in printed


@pytest.mark.parametrize("arm", ["odd", "tfidf"])
def test_classify_gives_a_verdict_and_one_probability_per_attribute(
    arm: str, finished: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "classify.py", str(finished[0] / arm), "the mayor is a fool!", "the good mayor")

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert re.fullmatch(r"(toxic|non-toxic): the mayor is a fool!", lines[0])
    assert {line.split()[0] for line in lines[1:3]} == {"toxicity", "insult"}


def test_classify_reads_the_lines_of_stdin_and_passes_over_blank_ones(
    finished: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("the good mayor\n\nwhat a rotten bus\n"))

    run(monkeypatch, "classify.py", str(finished[0] / "odd"))

    verdicts = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert [line.partition(": ")[2] for line in verdicts] == ["the good mayor", "what a rotten bus"]


def test_own_metric_is_computed_for_every_arm_from_saved_predictions_alone(
    finished: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = finished[0]

    run(monkeypatch, "own_metric.py", str(folder), "--share", "1")

    head, *lines = capsys.readouterr().out.splitlines()
    assert head == "reading 100% of 18 test comments, 9 of them toxic, finds"
    # Who reads everything finds everything, whatever the model.
    assert [line.split() for line in lines] == [
        [arm, "1.000", "(1.000", "to", "1.000)"] for arm in ("majority", "tfidf", "teacher", "odd", "last", "spread")
    ]


def test_own_metric_finds_all_toxic_comments_first_under_a_perfect_ranking() -> None:
    import numpy as np

    found = runpy.run_path(str(EXAMPLES / "own_metric.py"))["found_by_reading"]
    toxic = np.array([False, True, False, True, False, False, False, False])

    assert found(toxic, toxic.astype(float), 0.25) == 1.0
    assert found(toxic, 1 - toxic.astype(float), 0.25) == 0.0


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_every_example_describes_itself_and_its_command(program: Path) -> None:
    docstring = ast.get_docstring(ast.parse(program.read_text("utf-8")))

    assert docstring
    assert f"python examples/{program.name}" in docstring
