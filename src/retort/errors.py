"""Every failure that Retort foresees. Each kind has the exit code of a command that fails with it.

    RetortError
    ├── ConfigError       2  a setting, preset, flag or layer index that does not exist or does not fit
    ├── DataError         3  a data file or hub data set that is missing, unreadable or unfit
    ├── ModelError        4  a base model or model folder that is missing or unfit
    ├── ResourceError     5  no disk, memory, permission or installed package
    ├── RunError          6  training failed, or a gate was missed
    └── RejectedError     7  all is done and written, but too many rows could not be used

A message is one line: where, what was found, what to do.
"""

INTERRUPTED = 130


def first_line(error: BaseException) -> str:
    """The first line of a library's error, for a message of one line; the name of its kind when it has no text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class RetortError(Exception):
    """Base of all foreseen failures."""

    exit_code = 1


class ConfigError(RetortError):
    """A setting, preset, flag or layer index that does not exist or does not fit the others."""

    exit_code = 2


class DataError(RetortError):
    """A data file or hub data set that is missing, unreadable or unfit."""

    exit_code = 3


class ModelError(RetortError):
    """A base model or model folder that is missing or unfit."""

    exit_code = 4


class ResourceError(RetortError):
    """No disk, memory, permission or installed package."""

    exit_code = 5


class RunError(RetortError):
    """Training failed (for example a loss that is not finite), or a gate was missed."""

    exit_code = 6


class RejectedError(RetortError):
    """Everything is done and written, but too many rows were rejected."""

    exit_code = 7
