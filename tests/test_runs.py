"""Folders written whole, manifests, and the birth certificate of a run."""

import errno
import json
from pathlib import Path

import pytest

from retort import runs
from retort.errors import ConfigError, DataError, ModelError, ResourceError


def test_a_folder_takes_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "run"
    with runs.written_whole(folder) as partial:
        (partial / "file").write_text("x")
        assert partial.name == "run.partial"
        assert not folder.exists()
    assert [p.name for p in folder.parent.iterdir()] == ["run"]
    assert (folder / "file").read_text() == "x"


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_nothing_behind(tmp_path: Path, failure: type[BaseException]) -> None:
    def fail(partial: Path) -> None:
        (partial / "file").write_text("x")
        raise failure

    with pytest.raises(failure), runs.written_whole(tmp_path / "run") as partial:
        fail(partial)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_may_be_filled_and_what_a_killed_run_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run.partial").mkdir()
    (tmp_path / "run.partial" / "stale").write_text("x")
    with runs.written_whole(tmp_path / "run") as partial:
        assert list(partial.iterdir()) == []
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("taken", ["file", "folder"])
def test_what_is_there_already_is_refused_and_kept(tmp_path: Path, taken: str) -> None:
    path = tmp_path / "run"
    if taken == "file":
        path.write_text("mine")
    else:
        path.mkdir()
        (path / "mine").write_text("mine")
    with pytest.raises(ConfigError, match="name another folder"), runs.written_whole(path):
        pass
    assert path.exists()
    assert not (tmp_path / "run.partial").exists()


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), ResourceError),
        (OSError(errno.EACCES, "Permission denied"), ResourceError),
        (RuntimeError("I/O error: No space left on device (os error 28)"), ResourceError),
        (OSError(errno.ENAMETOOLONG, "File name too long"), ConfigError),
    ],
)
def test_what_the_disk_says_is_told_in_one_line(tmp_path: Path, failure: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="name another place"), runs.written_whole(tmp_path / "run"):
        raise failure
    assert list(tmp_path.iterdir()) == []


def test_of_several_processes_only_the_first_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    assert not runs.is_writer()
    with runs.written_whole(tmp_path / "run") as elsewhere:
        (elsewhere / "file").write_text("x")
        assert tmp_path not in elsewhere.parents
    assert not elsewhere.exists()
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("RANK", "0")
    assert runs.is_writer()


def test_a_manifest_notices_a_changed_and_a_missing_file_at_any_depth(tmp_path: Path) -> None:
    (tmp_path / "merged").mkdir()
    for name in ("a", "merged/b"):
        (tmp_path / name).write_text(name)
    runs.write_manifest(tmp_path)
    assert list(json.loads((tmp_path / "manifest.json").read_text())) == ["a", "merged/b"]
    runs.check_manifest(tmp_path)
    (tmp_path / "merged" / "b").write_text("other")
    with pytest.raises(ModelError, match=r"merged/b: changed since"):
        runs.check_manifest(tmp_path)
    (tmp_path / "merged" / "b").unlink()
    with pytest.raises(ModelError, match=r"merged/b: named by manifest\.json but missing"):
        runs.check_manifest(tmp_path)


def test_json_is_written_without_nan_and_read_with_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        runs.write_json(tmp_path / "x.json", {"value": float("nan")})
    runs.write_json(tmp_path / "y.json", {"name": "Zoë"})
    assert "Zoë" in (tmp_path / "y.json").read_text("utf-8")
    (tmp_path / "z.json").write_text("{")
    for name, telling in (("gone.json", "cannot be read"), ("z.json", "not valid JSON")):
        with pytest.raises(ModelError, match=f"{name}: {telling}"):
            runs.read_json(tmp_path / name, "it is looked for")


def test_a_data_file_that_cannot_be_read_is_the_datas_fault(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.csv: cannot be read"):
        runs.data_sha256(tmp_path / "gone.csv")


def test_provenance_tells_versions_commit_and_machine_and_nothing_of_who_or_where() -> None:
    import getpass
    import socket

    record = json.dumps(runs.provenance())
    assert json.loads(record)["packages"]["torch"]
    assert str(Path.home()) not in record
    assert socket.gethostname() not in record
    assert getpass.getuser() not in json.loads(record)["machine"].values()
    assert runs.utc_now().endswith("+00:00")
