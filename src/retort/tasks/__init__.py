"""Tasks: what is judged. A task is one TOML file; the one in this folder is the default."""

from retort.tasks.task import Label, Outcome, Task, default_task, read_task, recorded_task

__all__ = ["Label", "Outcome", "Task", "default_task", "read_task", "recorded_task"]
