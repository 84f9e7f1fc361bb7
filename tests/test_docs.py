"""Commands, settings, links, addresses and names in the documents exist."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import retort
from retort import errors, runs
from retort.cli import app
from retort.config import ServeSettings, resolve_serving
from retort.recipes.experiment import PRESETS, builtin_arms, resolve
from retort.recipes.gates.gate import read_gates
from retort.tasks import default_task, read_task

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md")] + sorted(
    (ROOT / "docs").glob("*.md")
)
README = (ROOT / "README.md").read_text("utf-8")

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
# An address of the server, without its query.
_ADDRESS = re.compile(
    r"(?<![\w./-])(?:https?://127\.0\.0\.1:8000)?(/(?:api|v1alpha1|healthz|readyz|metrics|run)\b[\w/:.]*)"
)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def visible(page: Path) -> str:
    """A page without its HTML comments."""
    return _COMMENT.sub("", page.read_text("utf-8"))


def blocks(page: Path, language: str) -> list[str]:
    return [body for found, body in _FENCE.findall(visible(page)) if found == language]


def prose(page: Path) -> str:
    return _FENCE.sub("", visible(page))


def shown_lines(page: Path) -> Iterator[str]:
    """Lines of shell blocks, and code within the text."""
    for block in blocks(page, "sh"):
        yield from block.splitlines()
    yield from _CODE.findall(prose(page))


def commands(page: Path) -> Iterator[str]:
    """Whole `retort` commands: with an option, or in a shell block. torchrun starts `-m retort compare …`."""
    in_blocks = {line for block in blocks(page, "sh") for line in block.splitlines()}
    for line in shown_lines(page):
        _, torchrun, arguments = line.partition("-m retort ")
        is_whole = line in in_blocks or " -" in line
        if torchrun:
            yield f"retort {arguments}"
        elif line.startswith("retort ") and is_whole and "COMMAND" not in line:
            yield line


def parsed(line: str) -> tuple[str, dict[str, Any]]:
    """The command and its parameters, parsed as typer does, and not run. Raises its usage errors."""
    words = shlex.split(line, comments=True)
    redirect = next((i for i, word in enumerate(words) if word in ("<", ">", "|")), len(words))
    root = typer.main.get_command(app)
    arguments = words[1:redirect]
    command = root.commands[arguments[0]]  # type: ignore[attr-defined]
    with root.make_context("retort", arguments[:1], resilient_parsing=True) as parent:
        return arguments[0], command.make_context(arguments[0], arguments[1:], parent=parent).params


COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
LINES = sorted({line for page in PAGES for line in commands(page)})


@pytest.mark.parametrize("line", LINES)
def test_every_command_shown_parses_and_its_settings_resolve(line: str) -> None:
    command, parameters = parsed(line)

    task = default_task() if not parameters.get("task") else read_task(ROOT / parameters["task"])
    if command == "compare":
        # A settings file shown is resolved by a test of its own.
        resolve(parameters["preset"], None, parameters["set_"] or (), {"task": task.as_dict()})
    if command == "serve":
        resolve_serving({}, parameters["set_"] or ())
    if command == "presets" and parameters["name"]:
        resolve(parameters["name"])
    # The columns of a suite are not those of the task.
    for column in (parameters.get("column") or ()) if command != "audit" else ():
        assert column.partition("=")[0] in task.headers


def test_every_command_is_shown() -> None:
    assert {parsed(line)[0] for line in LINES} == set(COMMANDS)


@pytest.mark.parametrize("line", ["retort compare --sett x=1", "retort predict hello", "retort presets a b"])
def test_a_misspelt_or_missing_option_does_not_parse(line: str) -> None:
    with pytest.raises(typer.BadParameter.__bases__[0]):
        parsed(line)


@every_page
def test_every_script_and_example_named_in_a_command_exists(page: Path) -> None:
    for line in shown_lines(page):
        for word in line.split():
            if word.startswith(("examples/", "docs/", "benchmarks/")):
                assert (ROOT / word).exists(), line


TOML = [(page.name, block) for page in PAGES for block in blocks(page, "toml")]


@pytest.mark.parametrize(("page", "block"), TOML)
def test_every_settings_file_shown_resolves_with_all_its_arms_in_use(page: str, block: str, tmp_path: Path) -> None:
    path = tmp_path / "shown.toml"
    path.write_text(block, "utf-8")
    if "[[gate]]" in block:
        assert read_gates(path)
        return

    settings = resolve(None, path)

    defined = set(settings.arm) - set(builtin_arms())
    assert defined
    assert defined <= set(settings.arms)


@every_page
def test_every_flag_and_every_setting_named_in_the_text_exists(page: Path) -> None:
    flags = {flag for command in COMMANDS.values() for parameter in command.params for flag in parameter.opts}
    words = [word for code in _CODE.findall(prose(page)) for word in code.split()]

    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= flags | {"--help", "--debug"}
    tables = resolve("quickstart").model_dump()
    for word in words:
        table, dot, key = word.partition("=")[0].partition(".")
        if dot and isinstance(tables.get(table), dict) and table != "arm" and re.fullmatch(r"[a-z_]+", key):
            assert key in tables[table], word


@every_page
def test_every_relative_link_and_picture_points_to_what_is_there(page: Path) -> None:
    for link in (first or second for first, second in _LINK.findall(prose(page))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture(scope="module")
def addresses() -> set[str]:
    """The routes of a server; no model is loaded for them."""
    from retort.web.app import create_app
    from retort.web.server.service import Service

    settings = ServeSettings()
    served = create_app(Service({"odd": pytest.fail}, "odd", settings, default_task()), settings)
    return {rule.rule for rule in served.url_map.iter_rules()}


@every_page
def test_every_address_of_the_server_exists(page: Path, addresses: set[str]) -> None:
    shown = "\n".join(code for language in ("sh", "python", "js") for code in blocks(page, language))
    for address in _ADDRESS.findall("\n".join([shown, *_CODE.findall(prose(page))])):
        known = {address} if not address.endswith("/") else {rule for rule in addresses if rule.startswith(address)}
        assert known & addresses, address


def test_the_readme_names_every_command_preset_arm_exit_code_and_public_name() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and kind is not errors.RetortError]

    rows = [f"`retort {command}`" for command in COMMANDS] + [f"`{name}`" for name in (*PRESETS, *retort.__all__)]
    for row in [*rows, *(str(kind.exit_code) for kind in kinds)]:
        assert f"| {row} |" in README
    for arm in builtin_arms():
        assert f"`{arm}`" in README


def test_the_readme_draws_a_run_folder_with_the_names_of_its_files() -> None:
    (drawing,) = (block for block in blocks(ROOT / "README.md", "") if "experiment.toml" in block)
    drawn = set(re.findall(r"\b\w+\.(?:toml|json|jsonl|parquet|md|html)\b", drawing))
    assert drawn
    assert drawn <= {value for value in vars(runs).values() if isinstance(value, str)}


@every_page
def test_python_shown_is_python_and_imports_public_names(page: Path) -> None:
    for block in blocks(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module == "retort":
                assert {alias.name for alias in node.names} <= set(retort.__all__)


def test_layers_in_the_tutorial_are_those_that_the_program_keeps() -> None:
    from retort.models.layer_strategies import layer_indices
    from retort.training.terms.hidden import matched_entries

    tutorial = (ROOT / "docs" / "tutorial.md").read_text("utf-8")

    def written(numbers: tuple[int, ...]) -> str:
        return " ".join(map(str, numbers))

    for name in ("odd", "even", "first", "last", "spread"):
        assert f"| `{name}` | {written(layer_indices(name, 6))} | {written(layer_indices(name, 12))} |" in tutorial
    for name in ("odd", "even"):
        kept = layer_indices(name, 6)
        matched = (written(matched_entries(len(kept), kept, 6, how)) for how in ("source", "block"))
        assert f"| `{name}` | {written(kept)} | {' | '.join(matched)} |" in tutorial


def test_intervals_of_a_tiny_test_split_in_the_readme_are_wilsons() -> None:
    from retort.evaluation.intervals import wilson

    (low, high), (least, _) = wilson(72, 75), wilson(3, 3)

    text = " ".join(README.split())
    assert f"from {low:.1%} to {high:.1%}".replace("%", " %") in text
    assert f"between {least:.0%} and 100%".replace("%", " %") in text
