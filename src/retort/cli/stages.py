"""Progress of a command in stages, on stderr."""

from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn

from retort.cli.live_bar import LiveBar


class Stages(LiveBar):
    """Shows the current stage: a live bar on a terminal, a plain line for each stage elsewhere."""

    def __init__(self) -> None:
        super().__init__(TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn())
        self._task: TaskID | None = None
        self._stage = ""

    def show(self, stage: str, done: int, total: int) -> None:
        """`done` parts of `total` of a stage are done."""
        if self.bar.disable:
            if stage != self._stage:
                self.console.print(stage, markup=False)
        else:
            if self._task is None:
                self._task = self.bar.add_task(stage)
            self.bar.update(self._task, description=stage, completed=done, total=total)
        self._stage = stage
