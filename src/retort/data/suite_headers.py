"""Which kind of suite a file is, by its headers, and which of them holds what."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from retort.data.columns import listed, refuse_repeated
from retort.data.suites import COLUMNS, ID, LABEL, TEXT, Layout, layouts
from retort.errors import ConfigError, DataError
from retort.strict import nearest
from retort.tasks import Task

# So many of the headers that a kind needs, and a file without the others is probably of that kind.
_ALIKE = 2


def require_known_names(columns: Mapping[str, str], task: Task) -> None:
    """Raises ConfigError for a name that is no column of a suite, and for a header given to two of them."""
    known = (*COLUMNS, *task.names, *task.identities.columns)
    for name, header in columns.items():
        if name not in known:
            raise ConfigError(
                f"column {name}={header}: a suite has no column {name!r}{nearest(name, known)}; "
                f"columns are {', '.join((*COLUMNS, *task.names))}"
            )
        other = next(other for other, named in columns.items() if named == header)
        if other != name:
            raise ConfigError(f"column {name}={header}: {header!r} is given for {other!r} too; keep it for one of them")


def find_suite_columns(
    found: Sequence[str], columns: Mapping[str, str], task: Task, path: Path
) -> tuple[Layout, dict[str, str]]:
    """(the kind of suite, column -> its header) for a file with the headers `found`.

    columns: as the user names them. Raises DataError, with the headers found, when a needed or a named column is
    missing; with what is missing to the kind that the file is most like.
    """
    for name, header in columns.items():
        if header not in found:
            raise DataError(f"{path}: no column {header!r} ({name}); found {listed(found)}")
    by_name = {header.strip().casefold(): header for header in reversed(found)}
    every = [(layout, _headers(layout, by_name, columns, task)) for layout in layouts()]
    fitting = [(layout, headers) for layout, headers in every if set(layout.needed) <= set(headers)]
    if not fitting:
        raise DataError(_what_is_missing(every, found, task, path))
    layout, headers = fitting[0]
    refuse_repeated(found, list(headers.values()), str(path))
    return layout, headers


def _headers(layout: Layout, by_name: Mapping[str, str], columns: Mapping[str, str], task: Task) -> dict[str, str]:
    """Column -> header: as named by the user, else the first known one that the file has."""
    headers = {}
    for name, known in _known(layout, task).items():
        at = columns.get(name) or next((by_name[one.casefold()] for one in known if one.casefold() in by_name), None)
        if at is not None:
            headers[name] = at
    return headers


def _known(layout: Layout, task: Task) -> dict[str, tuple[str, ...]]:
    """Column -> the headers that it is found by, in order of preference."""
    of_task: dict[str, tuple[str, ...]] = {LABEL: task.headers[task.primary]}
    if layout.by_task:
        of_task |= {TEXT: task.headers[TEXT], ID: task.headers[ID]}
    elif LABEL in layout.headers:
        of_task = {}
    names = dict.fromkeys((*layout.headers, *of_task))
    known = {name: (*layout.headers.get(name, ()), *of_task.get(name, ())) for name in names}
    if layout.rated:
        known |= {name: task.headers[name] for name in task.names}
        known |= {name: (name,) for name in task.identities.columns}
    return known


def _what_is_missing(
    every: Sequence[tuple[Layout, dict[str, str]]],
    found: Sequence[str],
    task: Task,
    path: Path,
) -> str:
    """The error for a file of no kind, by the kind that it lacks least of."""
    like, headers = max(every, key=lambda one: (len(set(one[0].needed) & set(one[1])), -len(one[0].needed)))
    if len(set(like.needed) & set(headers)) < _ALIKE:
        like, headers = every[-1]
    known = _known(like, task)
    missing = [name for name in like.needed if name not in headers]
    wanted = " and ".join(f"{name} ({' or '.join(map(repr, known[name]))})" for name in missing)
    alike = f" It looks like {like.title}." if like is not every[-1][0] else ""
    options = " ".join(f"--column {name}=HEADER" for name in missing)
    return f"{path}: no column for {wanted}; found {listed(found)}.{alike} Name it with {options}."
