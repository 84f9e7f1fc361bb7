"""Progress of a comparison on stderr: a live bar on a terminal, plain lines elsewhere."""

import time
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn

from retort.cli.live_bar import LiveBar


class TerminalReporter(LiveBar):
    """Shows stages, steps and epochs; see `recipes.compare.Reporter`."""

    def __init__(self, *, quiet: bool = False) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.4f}"),
            TimeRemainingColumn(),
            quiet=quiet,
        )
        self._task: TaskID | None = None
        self._began = time.perf_counter()

    def say(self, line: str) -> None:
        """One line of plain text."""
        self.console.print(f"  {line}", markup=False)

    def stage(self, name: str) -> None:
        """A new part of the work begins."""
        elapsed = int(time.perf_counter() - self._began)
        self.console.print(f"[{elapsed // 60:d}:{elapsed % 60:02d}] {name}", markup=False, style="bold")

    def step(self, arm: str, epoch: int, epochs: int, step: int, steps: int, loss: float) -> None:
        """One optimiser step is done."""
        if self.bar.disable:
            return
        description = f"  {arm} epoch {epoch}/{epochs}"
        if self._task is None:
            self._task = self.bar.add_task(description, total=steps, loss=loss)
        self.bar.update(self._task, description=description, completed=step, total=steps, loss=loss)

    def epoch(self, row: dict[str, Any]) -> None:
        """One epoch is done and validated."""
        if self._task is not None:
            self.bar.remove_task(self._task)
            self._task = None
        terms = [f"{t} {v:.4f}" for t, v in row["train_loss"].items() if v is not None and t != "total"]
        found = [f"{k.replace('_', ' ')} {v:.3f}" for k, v in row["validation"].items() if v is not None]
        self.say(
            f"epoch {row['epoch']}: train {', '.join(terms)} | validation loss {row['validation_loss']:.4f}, "
            f"{', '.join(found)} | {row['seconds']:.0f} s"
        )
