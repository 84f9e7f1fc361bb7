"""Which column of a source holds what: as the user names it, else by the headers that the task knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retort.errors import ConfigError, DataError
from retort.strict import nearest
from retort.tasks import Task
from retort.tasks.task import ID, SPLIT, TEXT


@dataclass(frozen=True)
class Columns:
    """Which column of a source holds what.

    headers: name (text, id, split, a label, an identity) -> header in the source. primary: the label that no row may
    lack, None where labels are not read.
    """

    headers: dict[str, str]
    attributes: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()
    primary: str | None = None

    @property
    def rated(self) -> tuple[str, ...]:
        """The columns that hold shares of raters."""
        return (*self.attributes, *self.identities)


def require_known_columns(columns: Mapping[str, str], task: Task) -> None:
    """Raises ConfigError for a name other than text, id, split and the task's labels, and for a header named twice."""
    for name, header in columns.items():
        if name not in task.headers:
            known = f"{nearest(name, task.headers)}; columns are {', '.join(task.headers)}"
            raise ConfigError(f"column {name}={header}: the task {task.name!r} has no column {name!r}{known}")
        other = next(other for other, named in columns.items() if named == header)
        if other != name:
            raise ConfigError(f"column {name}={header}: {header!r} is given for {other!r} too; keep it for one of them")


def find_columns(
    found: Sequence[str], columns: Mapping[str, str], task: Task, where: str, *, labelled: bool
) -> Columns:
    """The columns by the names in `columns`, else by the task's known headers (whatever their case).

    A header that `columns` gives to one column is not taken for another. Without `labelled` only text and id are
    looked for. Raises ConfigError for an unknown name in `columns`; DataError, with the headers found and the option
    that helps, when the text, the primary label or a named column is missing.
    """
    require_known_columns(columns, task)
    named = set(columns.values())
    by_header = {header.strip().casefold(): header for header in reversed(found) if header not in named}
    headers: dict[str, str] = {}
    for name in (TEXT, ID, *((SPLIT, *task.names) if labelled else ())):
        known = (columns[name],) if name in columns else task.headers[name]
        at = [header for header in known if header in found] if name in columns else _found(known, by_header)
        if at:
            headers[name] = at[0]
        elif name in columns or name in (TEXT, task.primary):
            looked_for = " or ".join(repr(header) for header in known)
            raise DataError(
                f"{where}: no column {looked_for}; found {listed(found)}. Name it with --column {name}=HEADER."
            )
    identities = {name: by_header[name] for name in task.identities.columns if labelled and name in by_header}
    refuse_repeated(found, [*headers.values(), *identities.values()], where)
    return Columns(headers | identities, task.in_order(headers), tuple(identities), task.primary if labelled else None)


def _found(known: Sequence[str], by_header: Mapping[str, str]) -> list[str]:
    return [by_header[header.casefold()] for header in known if header.casefold() in by_header]


def refuse_repeated(found: Sequence[str], needed: Sequence[str], where: str) -> None:
    """Raises DataError when a needed header is in `found` more than once."""
    for header in needed:
        if list(found).count(header) > 1:
            raise DataError(f"{where}: {list(found).count(header)} columns are called {header!r}; rename all but one")


def listed(found: Sequence[str]) -> str:
    """Headers for an error, shortened: in a file without a header line the first comment is in their place."""
    shown = ", ".join(repr(header if len(header) <= 30 else header[:27] + "...") for header in found[:50])
    return (shown or "nothing") + (f" and {len(found) - 50} more" if len(found) > 50 else "")
