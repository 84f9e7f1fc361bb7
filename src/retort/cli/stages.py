"""What a command is doing, on stderr: a live bar on a terminal, plain lines elsewhere."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn


class Stages:
    """What is being done: a live bar on a terminal, a plain line for each stage elsewhere."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn())
        self._bar = Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)
        self._task: TaskID | None = None
        self._stage = ""

    def __enter__(self) -> "Stages":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, stage: str, done: int, total: int) -> None:
        """`done` parts of `total` of a stage are done."""
        if self._bar.disable:
            if stage != self._stage:
                self._console.print(stage, markup=False)
        else:
            if self._task is None:
                self._task = self._bar.add_task(stage)
            self._bar.update(self._task, description=stage, completed=done, total=total)
        self._stage = stage
