"""A bar on stderr that lives on a terminal alone, and is cleared away at the end."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, ProgressColumn


class LiveBar:
    """What commands that take long build their progress on; used as a context.

    `console` writes to stderr; `bar.disable` says that there is no terminal to draw on.
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
