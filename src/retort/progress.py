"""How long work reports how far it is."""

from collections.abc import Callable

# Called as work completes, with the current stage, its parts that are done, and the number of all its parts.
StageProgress = Callable[[str, int, int], None]
