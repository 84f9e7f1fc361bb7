"""Scores are written unchanged in each format, and whole or not at all."""

import csv
import errno
import gc
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retort.errors import ConfigError, ResourceError
from retort.scoring import shards, tables
from retort.scoring.output import require_new_output, writing
from retort.scoring.tables import ScoredRows

IDS = ["1", "with, comma", 'a "quote"', "two\nlines", "carriage\rreturn", "Caf\u00e9 \U0001f600", "", "=1+1"]


def rows(ids: Sequence[str]) -> ScoredRows:
    verdicts = [("toxic", "non-toxic", "unsure", None)[n % 4] for n in range(len(ids))]
    numbers = np.linspace(0, 1, len(ids), dtype=np.float32)
    numbers[[verdict is None for verdict in verdicts]] = np.nan
    return ScoredRows(list(ids), numbers[:, None], verdicts)


def write(out: Path, *parts: ScoredRows, then: Callable[[], object] = lambda: None) -> None:
    """All parts to one place, and what happens before it is whole."""
    with writing(out, ["toxicity"], {}) as table:
        for part in parts:
            table.write(part)
        then()


def test_whatever_an_id_holds_it_is_one_cell_of_one_row(tmp_path: Path) -> None:
    for name in ("s.csv", "s.jsonl", "s.parquet"):
        write(tmp_path / name, rows(IDS))
    with (tmp_path / "s.csv").open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["id", "toxicity", "verdict"]
    assert [line[0] for line in lines] == IDS
    assert [line[1:] for line in lines if not line[2]] == [["", ""], ["", ""]]
    assert pd.read_csv(tmp_path / "s.csv", dtype={"id": str})["verdict"].isna().sum() == 2
    assert [json.loads(line)["id"] for line in (tmp_path / "s.jsonl").open(encoding="utf-8")] == IDS
    assert pd.read_parquet(tmp_path / "s.parquet")["id"].tolist() == IDS


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20))
def test_a_number_read_back_is_the_same_as_float32(numbers: list[float]) -> None:
    given_numbers = np.array(numbers, np.float32)[:, None]
    one = ScoredRows([str(n) for n in range(len(numbers))], given_numbers, ["toxic"] * len(numbers))
    found: dict[str, list[str]] = {}
    for ending in (".csv", ".jsonl"):
        file = io.BytesIO()
        with tables.TABLES[ending](file, ["toxicity"]) as table:
            table.write(one)
        lines = file.getvalue().decode().splitlines()
        cells = lines[1:] if ending == ".csv" else lines
        found[ending] = [line.split(",")[1].rpartition(" ")[2] for line in cells]
        assert [np.float32(cell) for cell in found[ending]] == given_numbers[:, 0].tolist()
    # No more digits than that takes.
    assert max(len(cell.partition("e")[0].replace(".", "").lstrip("0")) for cell in found[".csv"]) <= 9


def test_parquet_is_written_in_row_groups_of_many_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    monkeypatch.setattr(tables, "_GROUP_ROWS", 20)
    write(tmp_path / "s.parquet", *[rows(IDS)] * 7)
    file = pq.ParquetFile(tmp_path / "s.parquet")
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [24, 24, 8]
    assert file.schema_arrow.field("toxicity").type == "float"
    assert file.read().column("toxicity").null_count == 14


def test_shards_are_full_also_where_a_part_of_the_rows_goes_into_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARD_ROWS", 3)
    with writing(tmp_path / "out", ["toxicity"], {"model": "m"}) as table:
        table.write(rows(IDS))
        table.write(rows(IDS[:4]))
    parts = sorted((tmp_path / "out").glob("*.parquet"))
    expected = [IDS[:3], IDS[3:6], [*IDS[6:], IDS[0]], IDS[1:4]]
    assert [pd.read_parquet(part)["id"].tolist() for part in parts] == expected
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))
    assert (manifest["rows"], manifest["rejected"], manifest["model"]) == (12, 3, "m")
    assert manifest["columns"] == ["id", "toxicity", "verdict"]


def test_an_empty_folder_may_be_filled_and_nothing_else_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", rows(IDS))
    (tmp_path / "s.csv").touch()
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").touch()
    for name in ("empty", "s.csv", "folder.csv", "file", "."):
        with pytest.raises(ConfigError, match="is there already"):
            require_new_output(tmp_path / name)


@pytest.mark.parametrize("name", ["s.csv.gz", "s.tsv", "s.json", "s.TXT"])
def test_an_ending_that_is_not_written_makes_no_folder_of_that_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"is not written; end it with \.csv, \.jsonl, \.parquet, or name a folder"):
        require_new_output(tmp_path / name)
    require_new_output(tmp_path / "scores-v1.5")


@pytest.mark.parametrize("name", ["s.csv", "s.jsonl", "s.parquet", "out"])
@pytest.mark.filterwarnings("error")
def test_a_block_that_fails_leaves_nothing_and_warns_of_nothing(tmp_path: Path, name: str) -> None:
    for failure in (KeyboardInterrupt, ZeroDivisionError):
        with pytest.raises(failure):
            write(tmp_path / "deep" / name, rows(IDS), then=mock.Mock(side_effect=failure))
        gc.collect()
        assert list((tmp_path / "deep").iterdir()) == []


@pytest.mark.parametrize("name", ["s.csv", "s.jsonl", "s.parquet"])
@pytest.mark.filterwarnings("error")
def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    # Whatever is written to the device is refused as on a full disk.
    (tmp_path / f"{name}.partial").symlink_to("/dev/full")
    with pytest.raises(ResourceError, match=f"{name}: No space left on device; free some space"):
        write(tmp_path / name, *[rows(IDS * 1000)] * 20)
    gc.collect()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("error")
def test_a_disk_that_is_full_before_a_shard_is_whole_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARD_ROWS", 8)

    def full(_self: object) -> None:
        if len(list((tmp_path / "out.partial").iterdir())) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        finish(_self)  # type: ignore[arg-type]

    finish = tables._ParquetTable.finish
    monkeypatch.setattr(tables._ParquetTable, "finish", full)
    with pytest.raises(ResourceError, match="No space left"):
        write(tmp_path / "out", *[rows(IDS)] * 5)
    gc.collect()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["file/s.csv", "file/out", "s" * 300 + ".csv", "s" * 300])
def test_a_place_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be a f"):
        write(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_place_that_may_not_be_written_is_reported(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(number, "Not here")

    monkeypatch.setattr(Path, "mkdir", refused)
    for name in ("s.csv", "out"):
        with pytest.raises(ResourceError, match="Not here"):
            write(tmp_path / name)


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is there already"):
        write(tmp_path / "s.csv", rows(IDS), then=lambda: (tmp_path / "s.csv").write_text("another's"))
    assert (tmp_path / "s.csv").read_text() == "another's"
    assert [path.name for path in tmp_path.iterdir()] == ["s.csv"]
