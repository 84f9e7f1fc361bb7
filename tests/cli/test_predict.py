"""`retort predict`: its input, its answers and its refusals."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.command import changed, command, in_its_own_process, retort

TEXTS = ["the mayor who sold the road late is a fool!", "the good teacher opened the park today."]


def test_people_read_a_verdict_and_programs_read_json(tiny_run: Path) -> None:
    plain = retort("predict", "--model", tiny_run / "teacher", *TEXTS)
    assert [line.split()[0] for line in plain.out.splitlines()] == ["Toxic", "Non-Toxic"]
    assert plain.err == ""
    answers = [
        json.loads(line)
        for line in retort("predict", "--model", tiny_run / "teacher", "--json", *TEXTS).out.splitlines()
    ]
    assert [a["text_index"] for a in answers] == [0, 1]
    assert [a["verdict"] for a in answers] == ["toxic", "non-toxic"]
    for answer in answers:
        assert answer.keys() == {"text_index", "verdict", "threshold", "probabilities"}
        assert list(answer["probabilities"]) == ["toxicity", "insult"]
        assert answer["threshold"] == 0.5


@pytest.mark.parametrize("arm", ["odd", "tfidf"])
def test_unknown_text_is_unsure_with_a_warning_on_stderr(tiny_run: Path, arm: str) -> None:
    texts = ["the good teacher opened the park", "\U0001f621\U0001f621", "qq zz"] if arm == "tfidf" else [
        "the good teacher opened the park", "\U0001f621 \u4f60\u597d",
    ]  # fmt: skip
    plain = retort("predict", "--model", tiny_run / arm, *texts)
    assert [line.split()[0] for line in plain.out.splitlines()] == ["Non-Toxic", *["Unsure"] * (len(texts) - 1)]
    warnings = plain.err.splitlines()
    assert [line[:15] for line in warnings] == [f"warning: text {n}" for n in range(1, len(texts))]
    assert not any(text in plain.err for text in texts)
    answers = retort("predict", "--model", tiny_run / arm, "--json", *texts)
    assert answers.err == plain.err
    for line in answers.out.splitlines():
        assert json.loads(line).keys() == {"text_index", "verdict", "threshold", "probabilities"}
    assert json.loads(answers.out.splitlines()[1])["verdict"] == "unsure"


def test_lines_of_stdin_are_comments_and_answered_in_order(tiny_run: Path) -> None:
    given = retort("predict", "--model", tiny_run / "odd", "--json", *TEXTS).out
    for lines in ("\n".join(TEXTS), "\n".join(TEXTS) + "\n", "\r\n".join(TEXTS) + "\r\n", "\ufeff" + "\n".join(TEXTS)):
        assert retort("predict", "--model", tiny_run / "odd", "--json", stdin=lines.encode()).out == given


@pytest.mark.parametrize("inside", ["\u2028", "\x0b", "\x0c", "\x85", "\x1e"])
def test_only_a_line_end_ends_a_comment(tiny_run: Path, inside: str) -> None:
    ended = retort("predict", "--model", tiny_run / "tfidf", "--json", stdin=f"a good{inside}bus\n".encode())
    assert len(ended.out.splitlines()) == 1


@pytest.mark.parametrize(
    ("stdin", "telling"),
    [
        (b"", "stdin: empty"),
        (b"\n", "stdin: empty"),
        (b"fine\n\xff\xfe\n", "not UTF-8 (byte 5)"),
        (b"fine\n\n", "text 1"),
    ],
)
def test_stdin_that_holds_no_comments_is_refused(tiny_run: Path, stdin: bytes, telling: str) -> None:
    ended = retort("predict", "--model", tiny_run / "tfidf", stdin=stdin)
    assert ended.code == 3
    assert telling in ended.error
    assert ended.out == ""


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u200b", "\u00a0"])
def test_a_blank_text_is_refused(tiny_run: Path, text: str) -> None:
    ended = retort("predict", "--model", tiny_run / "tfidf", "fine", text)
    assert ended.code == 3
    assert "text 1: blank" in ended.error


def test_without_text_on_a_terminal_the_error_explains_how_to_give_one(tiny_run: Path) -> None:
    ended = retort("predict", "--model", tiny_run / "tfidf", terminal=True)
    assert ended.code == 2
    assert "give TEXT arguments" in ended.error


@pytest.mark.parametrize(
    ("model", "telling"),
    [("gone", "no such folder"), ("", "name one of its arms"), ("majority", "every comment the same scores"),
     ("plots", "no config.json"), ("report.html", "no such folder")],
)  # fmt: skip
def test_what_is_no_model_is_refused(tiny_run: Path, model: str, telling: str) -> None:
    ended = retort("predict", "--model", tiny_run / model, "a good bus")
    assert ended.code == 4
    assert telling in ended.error


def test_a_model_is_required(tiny_run: Path) -> None:
    ended = retort("predict", "a good bus")
    assert ended.code == 2
    assert "--model" in ended.error


def test_bytes_that_are_no_text_on_the_command_line_are_rated(tiny_run: Path) -> None:
    ended = subprocess.run(
        [*command("predict", "--model", tiny_run / "tfidf", "--json"), b"a good \xff bus"],
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["verdict"] in ("toxic", "non-toxic")


def test_a_reader_that_goes_away_is_no_error(tiny_run: Path) -> None:
    many = "\n".join(f"{text} {n}" for n in range(5_000) for text in TEXTS[:1])
    with subprocess.Popen(
        command("predict", "--model", tiny_run / "tfidf", "--json"),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=changed({}),
    ) as predict:  # fmt: skip
        assert predict.stdin
        assert predict.stdout
        assert predict.stderr
        predict.stdin.write(many.encode())
        predict.stdin.close()
        assert json.loads(predict.stdout.readline())["text_index"] == 0
        predict.stdout.close()
        assert predict.stderr.read() == b""
        assert predict.wait(timeout=60) == 0


def test_debug_shows_a_traceback_and_may_be_anywhere_on_the_line(tiny_run: Path) -> None:
    for arguments in (["--debug", "predict", "--model", "gone", "x"], ["predict", "--model", "gone", "x", "--debug"]):
        ended = in_its_own_process(*arguments)
        assert ended.code == 4
        assert "Traceback (most recent call last)" in ended.err
        assert "error: gone: no such folder" in ended.err
