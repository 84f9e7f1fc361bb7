"""What `--gate FILE.toml` does in every command that has it: read first, held when all is written, shown at the end."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retort.recipes.gates.gate import Gate


def gates_of(file: Path | None) -> "tuple[Gate, ...]":
    """The gates of the option's file, none without it; to read before any work. Raises ConfigError."""
    if file is None:
        return ()
    from retort.recipes.gates.gate import read_gates

    return read_gates(file)


def held(gates: "Sequence[Gate]", written: Path, document: dict[str, Any]) -> dict[str, Any]:
    """The document with "gates", which are added to the file `written` too; unchanged without gates."""
    if not gates:
        return document
    from retort.recipes.gates.check import judge_written

    return document | {"gates": judge_written(gates, written)}


def show_gates(document: Mapping[str, Any], as_json: bool) -> None:
    """A line for each gate on stdout; with --json they are in the document."""
    if as_json or not document.get("gates"):
        return
    from retort.cli.tables import print_gates

    print_gates(document["gates"])


def refuse_missed(document: Mapping[str, Any], folder: Path) -> None:
    """Raises RunError that names each gate that failed; the last thing that a command does."""
    from retort.recipes.gates.check import refuse_failed

    refuse_failed(document.get("gates", ()), folder)
