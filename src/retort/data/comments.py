"""Comments: the usable rows of a source in one table, and a report of the others."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from retort.data.checks import CheckedRows
from retort.data.columns import Columns
from retort.data.faults import FAULTY_SHARE_ALLOWED, Dropped, Faults
from retort.errors import DataError
from retort.runs import SPLIT_NAMES
from retort.tasks.task import SPLIT

_SPLITS = {name: name for name in SPLIT_NAMES} | dict.fromkeys(("val", "valid", "dev"), "validation")


@dataclass(frozen=True)
class ReadReport:
    """What was read and what was left out, by fault."""

    source: str
    sha256: str | None
    rows_read: int
    dropped: dict[str, Dropped]
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For run.json."""
        return {
            "source": self.source,
            "sha256": self.sha256,
            "rows_read": self.rows_read,
            "dropped": {fault: dropped.as_dict() for fault, dropped in self.dropped.items()},
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """For people."""
        head = f"{self.source}: {self.rows_read:,} rows read"
        faults = [f"  dropped {dropped.summary(fault)}" for fault, dropped in self.dropped.items()]
        return [head, *faults, *(f"  {note}" for note in self.notes)]


@dataclass(frozen=True)
class Comments:
    """Comments from one source, in the order of the source.

    `frame` has the columns `id` (unique), `text`, one float32 share of raters in [0, 1] for each of
    `attributes` (NaN: never rated) and `identities` (NaN: not annotated), and `split` where the source
    has its own (train, validation or test).
    """

    frame: pd.DataFrame
    attributes: tuple[str, ...]
    identities: tuple[str, ...]
    report: ReadReport


def gather(
    checked: Iterable[CheckedRows],
    columns: Columns,
    where: str,
    *,
    source: str | None = None,
    sha256: str | None = None,
    duplicates: Faults | None = None,
) -> Comments:
    """All checked rows of a source as one table.

    where: names the source in errors; source: in the report, `where` by default. duplicates: rows left out of
    `checked` on purpose, filled while that is read; they are reported and are no fault of the source. Raises DataError
    when there are no rows, or over 1 % of them are faulty.
    """
    left_out, faults, rows_read = duplicates or Faults(), Faults(), 0
    ids: list[str] = []
    splits: list[str] = []
    texts: list[pa.Array] = []
    ratings: list[dict[str, np.ndarray]] = []
    for rows in checked:
        rows_read += len(rows)
        for number, fault in rows.faults.items():
            faults.add(fault, number)
        ids += [rows.ids[place] for place in rows.places]
        splits += [_SPLITS.get(split.strip().casefold(), "") for split in rows.splits]
        # Packed, 1.8 million texts take little more memory than their file does.
        texts.append(pa.array(rows.texts, pa.large_string()))
        ratings.append(rows.ratings)
    rows_read += left_out.total
    _refuse_unfit(rows_read, faults, where)
    rated = {name: np.concatenate([part[name] for part in ratings]) for name in columns.rated}
    text = pa.chunked_array(texts, pa.large_string()).to_pandas()
    frame = pd.DataFrame({"id": unique(ids), "text": text} | rated)
    notes = _add_splits(frame, splits, columns.headers[SPLIT]) if SPLIT in columns.headers else ()
    report = ReadReport(source or where, sha256, rows_read, faults.dropped | left_out.dropped, notes)
    return Comments(frame, columns.attributes, columns.identities, report)


def _add_splits(frame: pd.DataFrame, splits: list[str], header: str) -> tuple[str, ...]:
    """Adds the column `split`, unless some of its cells are unknown ("": a note, which is returned)."""
    if not all(splits):
        return (f"column {header!r} holds more than train, validation and test: not used",)
    frame["split"] = splits
    return ()


def _refuse_unfit(rows_read: int, faults: Faults, where: str) -> None:
    if rows_read == 0:
        raise DataError(f"{where}: no rows below the header; give a file that holds comments")
    if faults.too_many_of(rows_read):
        raise DataError(
            f"{where}: {faults.total:,} of {rows_read:,} rows cannot be used ({faults.summary()}); "
            f"mend or remove them (at most {FAULTY_SHARE_ALLOWED:.0%} may be faulty)"
        )


def unique(ids: Sequence[str]) -> list[str]:
    """The same identifiers, a repeated one followed by -2, -3 and so on."""
    taken = set(ids)
    seen: dict[str, int] = {}
    result = []
    for given in ids:
        seen[given] = count = seen.get(given, 0) + 1
        name = given
        while count > 1 and name in taken:
            name, count = f"{given}-{count}", count + 1
        taken.add(name)
        result.append(name)
    return result
