"""What README and docs/ tell a reader to type, open or name is there: commands, settings, links, presets, names."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import retort
from retort import errors
from retort.cli import app
from retort.config import PRESETS, builtin_arms, resolve

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(
    (ROOT / "docs").glob("*.md")
)
README = (ROOT / "README.md").read_text("utf-8")

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")


def visible(page: Path) -> str:
    """The page without what stands in HTML comments."""
    return _COMMENT.sub("", page.read_text("utf-8"))


def blocks(page: Path, language: str) -> list[str]:
    return [body for found, body in _FENCE.findall(visible(page)) if found == language]


def prose(page: Path) -> str:
    return _FENCE.sub("", visible(page))


def command_lines() -> Iterator[tuple[str, str]]:
    """(page, line) of every `retort` line in a shell block, and of every whole one in the text."""
    for page in PAGES:
        for block in blocks(page, "sh"):
            for line in block.splitlines():
                # torchrun starts `-m retort compare …`.
                before, found, after = line.partition("-m retort ")
                if found or line.startswith("retort "):
                    yield page.name, f"retort {after}" if found else before
        for code in _CODE.findall(prose(page)):
            # `retort data` names a command; `retort COMMAND --help` and `predict FILE` are patterns.
            if code.startswith("retort ") and " -" in code and "COMMAND" not in code:
                yield page.name, code


def parsed(line: str) -> tuple[str, dict[str, Any]]:
    """The command and its parameters, parsed as typer would and not run. Raises its usage errors."""
    words = shlex.split(line, comments=True)
    redirect = next((i for i, word in enumerate(words) if word in ("<", ">", "|")), len(words))
    root = typer.main.get_command(app)
    arguments = words[1:redirect]
    command = root.commands[arguments[0]]  # type: ignore[attr-defined]
    with root.make_context("retort", arguments[:1], resilient_parsing=True) as parent:
        return arguments[0], command.make_context(arguments[0], arguments[1:], parent=parent).params


def flags() -> set[str]:
    root = typer.main.get_command(app)
    commands = [root, *root.commands.values()]  # type: ignore[attr-defined]
    return {flag for command in commands for parameter in command.params for flag in parameter.opts} | {"--help"}


LINES = sorted(set(command_lines()))


def test_the_pages_show_enough_commands_for_this_file_to_mean_something() -> None:
    assert len(LINES) > 30
    assert {parsed(line)[0] for _, line in LINES} == set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("page", "line"), LINES)
def test_every_command_shown_parses_and_its_settings_resolve(page: str, line: str) -> None:
    command, parameters = parsed(line)

    if command == "compare":
        # What a file of settings holds is judged below.
        preset = parameters["preset"] if parameters["config"] is None else "quickstart"
        own = [f"arm.{arm}.kind=student" for arm in ("ends", "one")]
        resolve(preset, None, [*own, *(parameters["set_"] or [])])
    if command == "presets" and parameters["name"]:
        resolve(parameters["name"])


@pytest.mark.parametrize("line", ["retort compare --sett x=1", "retort predict hello", "retort presets a b"])
def test_a_line_with_a_misspelt_flag_or_without_a_needed_one_would_be_found(line: str) -> None:
    with pytest.raises(typer.BadParameter.__bases__[0]):
        parsed(line)


TOML = [(page.name, block) for page in PAGES for block in blocks(page, "toml")]


@pytest.mark.parametrize(("page", "block"), TOML)
def test_every_settings_file_shown_resolves_with_all_its_arms_in_use(page: str, block: str, tmp_path: Path) -> None:
    path = tmp_path / "shown.toml"
    path.write_text(block, "utf-8")

    settings = resolve(None, path)

    defined = set(settings.arm) - set(builtin_arms())
    assert defined
    assert defined <= set(settings.arms)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_flag_and_every_setting_named_in_the_text_exists(page: Path) -> None:
    words = [word for code in _CODE.findall(prose(page)) for word in code.split()]

    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= flags()
    tables = resolve("quickstart").model_dump()
    for word in words:
        table, dot, key = word.partition("=")[0].partition(".")
        if dot and isinstance(tables.get(table), dict) and table not in ("arm",) and re.fullmatch(r"[a-z_]+", key):
            assert key in tables[table], word


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_and_picture_points_to_what_is_there(page: Path) -> None:
    for link in (first or second for first, second in _LINK.findall(_FENCE.sub("", visible(page)))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {link}"


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in a link to them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_names_every_command_preset_arm_exit_code_and_public_name() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and kind is not errors.RetortError]

    for command in commands:
        assert f"| `retort {command}` |" in README
    for preset in PRESETS:
        assert f"| `{preset}` |" in README
    for arm in builtin_arms():
        assert f"`{arm}`" in README
    for kind in kinds:
        assert f"| {kind.exit_code} |" in README
    for name in retort.__all__:
        assert f"| `{name}` |" in README


def test_the_readme_begins_with_the_two_commands() -> None:
    assert re.findall(r"^make (\w+)", blocks(ROOT / "README.md", "sh")[0], re.MULTILINE) == ["demo", "test"]
    assert README.index("make demo") < README.index("retort compare")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_shown_is_python_and_takes_from_retort_what_is_there(page: Path) -> None:
    for block in blocks(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module == "retort":
                assert {alias.name for alias in node.names} <= set(retort.__all__)


def test_layers_listed_in_the_tutorial_are_those_that_the_program_takes() -> None:
    from retort.models.layers import hidden_state_targets, layer_indices

    told = (ROOT / "docs" / "tutorial.md").read_text("utf-8")

    def written(numbers: tuple[int, ...]) -> str:
        return " ".join(map(str, numbers))

    for name in ("odd", "even", "first", "last", "spread"):
        assert f"| `{name}` | {written(layer_indices(name, 6))} | {written(layer_indices(name, 12))} |" in told
    for name in ("odd", "even"):
        kept = layer_indices(name, 6)
        matched = (written(hidden_state_targets(kept, 6, how)) for how in ("source", "block"))
        assert f"| `{name}` | {written(kept)} | {' | '.join(matched)} |" in told


def test_figures_told_of_a_tiny_test_split_are_wilsons() -> None:
    from retort.evaluation.intervals import wilson

    (low, high), (least, _) = wilson(72, 75), wilson(3, 3)

    assert f"from {low:.1%} to {high:.1%}".replace("%", " %") in README
    assert f"between {least:.0%} and 100%".replace("%", " %") in README
