"""Three ways to halve one BERT, compared from Python instead of the command line.

    python examples/compare_in_python.py runs/halves
    python examples/compare_in_python.py runs/halves --data train.csv --base ./bert-base-uncased

The students keep the odd, the last or evenly spread layers of one teacher. `resolve` turns a preset and some
changes into settings that are checked before anything runs; `compare` trains, judges, writes the run folder and
returns what stands in its comparison.json.
"""

import argparse
from pathlib import Path
from typing import Any

import retort

STUDENTS = ("odd", "last", "spread")


class PlainLines:
    """What `compare` tells of its progress; any object with these four methods will do."""

    def stage(self, name: str) -> None:
        print(f"- {name}")

    def say(self, line: str) -> None:
        print(f"    {line}")

    def step(self, arm: str, epoch: int, epochs: int, step: int, steps: int, loss: float) -> None:
        """One optimiser step is done: too many for plain lines."""

    def epoch(self, row: dict[str, Any]) -> None:
        print(f"    epoch {row['epoch']}: validation loss {row['validation_loss']:.4f}")


def settings_for(data: Path | None, base: str | None, assignments: list[str]) -> retort.ExperimentSettings:
    """The quickstart with other arms, and with the given file and base where there are any."""
    changes: dict[str, Any] = {"arms": ["majority", "tfidf", "teacher", *STUDENTS]}
    if data is not None:
        changes["data"] = {"source": "file", "train_file": data}
    if base is not None:
        changes["base"] = base
    return retort.resolve("quickstart", assignments=assignments, overrides=changes)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare three ways to halve one BERT.")
    parser.add_argument("out", type=Path, help="folder of the run; must not exist yet")
    parser.add_argument("--data", type=Path, help="comments to learn from; the embedded sample when not given")
    parser.add_argument("--base", help="a BERT: a folder or a Hub id; the packaged MiniLM when not given")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as in `retort compare`")
    given = parser.parse_args()
    settings = settings_for(given.data, given.base, given.set)
    comparison = retort.compare(settings, given.out, PlainLines())

    print("\naverage precision on the test split, with its 95 % interval")
    for name in ("teacher", *STUDENTS):
        arm = comparison["arms"][name]
        figure = arm["test"][comparison["primary"]]["average_precision"]
        print(f"{name:<8} layers {arm['layer_indices']}: {written(figure)}")
    print(f"\n{comparison['verdict']}")


def written(figure: dict[str, Any]) -> str:
    """`0.748 (0.721 to 0.773)`; a figure that does not exist says why."""
    if figure["value"] is None:
        return f"none, {figure['why']}"
    if figure["low"] is None:
        return f"{figure['value']:.3f} ({figure['why']})"
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


if __name__ == "__main__":
    main()
