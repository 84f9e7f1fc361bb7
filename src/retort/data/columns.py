"""Which column of a source holds what: as named, or by headers that are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from retort.attributes import ATTRIBUTES, IDENTITIES, PRIMARY
from retort.config import TEXT_HEADERS, ColumnNames
from retort.data.faults import is_encodable
from retort.errors import DataError

_KNOWN_ID = ("id",)
# `target` is Kaggle's name of 2019; the last ones are those of the Jigsaw challenge of 2018, or Perspective's.
_KNOWN_ATTRIBUTES = {name: (name,) for name in ATTRIBUTES} | {
    PRIMARY: (PRIMARY, "target", "toxic"),
    "severe_toxicity": ("severe_toxicity", "severe_toxic"),
    "identity_attack": ("identity_attack", "identity_hate"),
    "obscene": ("obscene", "profanity"),
    "sexual_explicit": ("sexual_explicit", "sexually_explicit"),
}


@dataclass(frozen=True)
class Columns:
    """Which column of a source holds what."""

    text: str
    id: str | None
    split: str | None
    attributes: dict[str, str]
    identities: dict[str, str]

    @property
    def needed(self) -> list[str]:
        """All columns to read, each once."""
        optional = [name for name in (self.id, self.split) if name is not None]
        return list(dict.fromkeys([self.text, *optional, *self.numeric.values()]))

    @property
    def numeric(self) -> dict[str, str]:
        """Attribute or identity name to column."""
        return self.attributes | self.identities


def find_columns(found: Sequence[str], names: ColumnNames, where: str, *, labelled: bool) -> Columns:
    """The columns by the given names, else by the known headers (whatever their case).

    Without `labelled` only the text has to be there, and ratings are not read. Raises DataError naming
    what was found and the flag that helps.
    """
    by_header = {name.strip().casefold(): name for name in reversed(found)}

    def column(given: str | None, known: Sequence[str]) -> str | None:
        if given is not None:
            return given if given in found else None
        return next((by_header[name] for name in known if name in by_header), None)

    def required(given: str | None, known: Sequence[str], flag: str) -> str:
        name = column(given, known)
        if name is None:
            looked_for = " or ".join(repr(n) for n in ([given] if given else known))
            raise DataError(f"{where}: no column {looked_for}; found {_listed(found)}. Name it with {flag}.")
        return name

    text = required(names.text, TEXT_HEADERS, "--text-column")
    identifier = required(names.id, _KNOWN_ID, "--id-column") if names.id else column(None, _KNOWN_ID)
    attributes: dict[str, str] = {}
    identities: dict[str, str] = {}
    if labelled:
        for attribute in ATTRIBUTES:
            given = getattr(names, attribute)
            known = _KNOWN_ATTRIBUTES[attribute]
            if attribute == PRIMARY or given:
                attributes[attribute] = required(given, known, f"--{attribute.replace('_', '-')}-column")
            elif (name := column(None, known)) is not None:
                attributes[attribute] = name
        identities = {i: by_header[i] for i in IDENTITIES if i in by_header}
    columns = Columns(text, identifier, by_header.get("split") if labelled else None, attributes, identities)
    for name in columns.needed:
        if list(found).count(name) > 1:
            raise DataError(f"{where}: {list(found).count(name)} columns are called {name!r}; rename all but one")
    return columns


def identifier(cell: Any, row: int) -> str:
    """The source's own identifier as text, else the row number."""
    if cell is None or cell != cell or not str(cell).strip():
        return str(row)
    text = str(cell).strip()
    return text if is_encodable(text) else str(row)


def _listed(found: Sequence[str]) -> str:
    """Column names, shortened: without a header the first comment stands in their place."""
    shown = ", ".join(repr(name if len(name) <= 30 else name[:27] + "...") for name in found[:50])
    return (shown or "nothing") + (f" and {len(found) - 50} more" if len(found) > 50 else "")
