"""`--column NAME=HEADER`: parsed, handed on, and refused in one line."""

import json
from pathlib import Path

import pytest

from retort.tasks import default_task
from tests.command import retort
from tests.data.samples import SPAM


@pytest.fixture
def renamed(tmp_path: Path) -> Path:
    """Comments under headers that no task knows."""
    path = tmp_path / "c.tsv"
    path.write_text("number\tbody\tmood\trude=?\n" + "".join(f"n{i}\ttext {i}\t{i % 2}\t0\n" for i in range(40)))
    return path


def attributes(*arguments: str | Path) -> dict[str, int]:
    """Attribute -> positive comments, as `retort data --json` counts them."""
    ended = retort("data", *arguments, "--json")
    assert ended.code == 0, ended.err
    return {name: counts["positive"] for name, counts in json.loads(ended.out)["attributes"].items()}


def test_columns_are_named_with_one_repeatable_option(renamed: Path) -> None:
    # The header may hold an equals sign.
    names = ("text=body", "id=number", "toxicity=mood", "identity_attack=rude=?")
    options = [part for name in names for part in ("--column", name)]
    assert attributes(renamed, *options) == {"toxicity": 20, "identity_attack": 0}


def test_the_former_flags_work_and_are_hidden(renamed: Path) -> None:
    former = ("--text-column", "body", "--id-column", "number", "--toxicity-column", "mood", "--column", "text=body")
    assert attributes(renamed, *former, "--identity-attack-column", "rude=?") == {"toxicity": 20, "identity_attack": 0}
    shown = retort("data", "--help").out
    assert "--column" in shown
    for name in ("text", "id", *default_task().names):
        assert f"--{name.replace('_', '-')}-column" not in shown


def test_a_task_file_names_other_columns(renamed: Path, tmp_path: Path) -> None:
    (tmp_path / "spam.toml").write_text(SPAM)
    ended = retort("data", renamed, "--task", tmp_path / "spam.toml", "--column", "spam=mood")
    assert ended.code == 0, ended.err
    assert '"never spam" would have an accuracy of 50.0% there.' in ended.out
    assert "toxic" not in ended.out


@pytest.mark.parametrize("command", [("compare",), ("export", "RUN/odd"), ("bench", "RUN")])
def test_a_column_without_a_data_file_is_refused(tmp_path: Path, command: tuple[str, ...]) -> None:
    ended = retort(*command, "--column", "text=body", "--out", tmp_path / "out")
    assert ended.code == 2
    assert "--column text=body: --column needs --data;" in ended.error


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--column", "body"), 2, "--column body: not NAME=HEADER"),
        (("--column", "=body"), 2, "not NAME=HEADER"),
        (("--column", "text="), 2, "not NAME=HEADER"),
        (("--column", "txt=body"), 2, "no column 'txt' (did you mean 'text'?); columns are text, id, split, toxicity"),
        (("--column", "text=a", "--column", "text=b"), 2, "--column text=b: 'text' is 'a' already"),
        (("--text-column", "a", "--column", "text=b"), 2, "'text' is 'a' already"),
        (("--column", "text=body", "--column", "id=body"), 2, "'body' is given for 'text' too"),
        (("--column", "text=body"), 3, "'mood', 'rude=?'. Name it with --column toxicity=HEADER."),
        (("--task", "gone.toml"), 2, "gone.toml: cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_one_line(
    renamed: Path, options: tuple[str, ...], code: int, message: str
) -> None:
    ended = retort("data", renamed, *options)
    assert ended.code == code
    assert message in ended.error
    assert ended.out == ""
