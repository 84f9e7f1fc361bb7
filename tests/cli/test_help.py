"""The help of every command."""

import re

import pytest

from retort.cli import app
from tests.command import in_its_own_process, retort

COMMANDS = [c.callback.__name__ for c in app.registered_commands if c.callback]


def test_the_commands_are_those_that_work() -> None:
    assert COMMANDS == [
        "compare", "predict", "evaluate", "presets", "data", "export", "score", "bench", "serve", "calibrate",
        "audit",
    ]  # fmt: skip
    listed = retort("--help").out
    assert all(re.search(rf"^\s+{name}\s", listed, re.MULTILINE) for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_an_example_that_names_it(command: str) -> None:
    ended = retort(command, "--help")
    assert ended.code == 0
    assert f"Example: retort {command} " in " ".join(ended.out.split())
    assert ended.err == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_a_help_text(command: str) -> None:
    (registered,) = [c for c in app.registered_commands if c.callback and c.callback.__name__ == command]
    import typer.main

    for parameter in typer.main.get_command_from_info(
        registered, pretty_exceptions_short=False, rich_markup_mode=None
    ).params:
        assert getattr(parameter, "help", None), f"{command}: {parameter.name} has no help"


def test_every_command_that_reads_a_file_takes_columns_and_hides_the_former_flags() -> None:
    for command in ("compare", "evaluate", "data", "export", "bench", "calibrate", "score", "audit"):
        shown = retort(command, "--help").out
        assert "--column" in shown, command
        assert "-column" not in shown.replace("--column", ""), command


def test_version_is_the_packages() -> None:
    import importlib.metadata

    assert retort("--version").out.strip() == importlib.metadata.version("retort-nlp")


def test_without_a_command_the_help_is_shown_and_it_is_a_usage_error() -> None:
    ended = retort()
    assert ended.code == 2
    assert "Usage: retort" in ended.out


def test_python_m_retort_is_retort() -> None:
    ended = in_its_own_process("--help")
    assert ended.code == 0
    assert ended.out.startswith("Usage: retort")
