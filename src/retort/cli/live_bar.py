"""A progress bar on stderr, drawn only on a terminal and removed at the end."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, ProgressColumn


class LiveBar:
    """The base of every command's progress display; a context manager.

    `console` writes to stderr; `bar.disable` is true where there is no terminal.
    """

    def __init__(self, *columns: ProgressColumn, quiet: bool = False) -> None:
        self.console = Console(stderr=True, highlight=False, quiet=quiet, soft_wrap=True)
        self.bar = Progress(
            *columns, console=self.console, transient=True, disable=quiet or not self.console.is_terminal
        )

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()
