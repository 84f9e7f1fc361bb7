"""Folders written whole: they take their name when they are complete, and half a folder is never mistaken for one."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from retort import runs
from retort.errors import ConfigError, ResourceError
from retort.whole_folder import is_writer, keep_on_failure, refuse_existing, written_whole


def test_a_folder_takes_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "run"
    with written_whole(folder) as partial:
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

    with pytest.raises(failure), written_whole(tmp_path / "run") as partial:
        fail(partial)
    assert list(tmp_path.iterdir()) == []


def test_a_signal_while_the_mark_is_written_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: Path, content: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "write_json", interrupted)
    with pytest.raises(KeyboardInterrupt), written_whole(tmp_path / "run"):
        pytest.fail("the block began")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_may_be_filled_and_what_a_killed_run_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    left = tmp_path / "run.partial"
    left.mkdir()
    mark(left, process=ended_process())
    (left / "stale").write_text("x")
    with written_whole(tmp_path / "run") as partial:
        assert [p.name for p in partial.iterdir()] == [runs.PARTIAL]
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    assert list((tmp_path / "run").iterdir()) == []


def mark(folder: Path, *, process: int, finished: Sequence[str] = (), started: int | None = None) -> None:
    content = {"process": process, "started": started, "finished": list(finished)}
    (folder / runs.PARTIAL).write_text(json.dumps(content))


def ended_process() -> int:
    """The number of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_a_partial_folder_that_retort_did_not_write_is_refused_and_kept(tmp_path: Path) -> None:
    theirs = tmp_path / "run.partial"
    theirs.mkdir()
    (theirs / "thesis").write_text("years of work")
    with pytest.raises(ConfigError, match="not written by retort"), written_whole(tmp_path / "run"):
        pass
    assert (theirs / "thesis").read_text() == "years of work"


def test_a_partial_folder_that_another_process_is_writing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.partial").mkdir()
    mark(tmp_path / "run.partial", process=os.getppid())
    with pytest.raises(ConfigError, match=f"process {os.getppid()}"), written_whole(tmp_path / "run"):
        pass
    assert (tmp_path / "run.partial" / runs.PARTIAL).exists()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not say when a process started")
def test_a_mark_of_an_ended_process_whose_number_another_one_has_now_is_not_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "run.partial").mkdir()
    mark(tmp_path / "run.partial", process=os.getppid(), started=1)
    with written_whole(tmp_path / "run"):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("process", [10**30, -1, float("inf")])
def test_a_mark_with_an_impossible_process_is_not_ours(tmp_path: Path, process: int) -> None:
    (tmp_path / "run.partial").mkdir()
    mark(tmp_path / "run.partial", process=process)
    with pytest.raises(ConfigError, match="not written by retort"), written_whole(tmp_path / "run"):
        pass
    assert (tmp_path / "run.partial" / runs.PARTIAL).exists()


def test_a_link_in_the_place_of_the_partial_folder_is_refused_and_its_target_kept(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.mkdir()
    mark(target, process=ended_process())
    (tmp_path / "run.partial").symlink_to(target)
    with pytest.raises(ConfigError, match="symbolic link"), written_whole(tmp_path / "run"):
        pass
    assert (target / runs.PARTIAL).exists()


def test_a_folder_that_cannot_be_replaced_at_the_end_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    monkeypatch.chdir(tmp_path / "empty")
    for name, reason in {
        tmp_path / "link": "symbolic link",
        tmp_path / "dangling": "symbolic link",
        Path(): "current folder",
        tmp_path / "empty": "current folder",
        tmp_path / "new" / "..": "no name",
        tmp_path / ("n" * 300): "File name too long",
        tmp_path / ("n" * 250): "File name too long",
    }.items():
        with pytest.raises(ConfigError, match=reason):
            refuse_existing(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "is_mount", lambda _path: True)
    with pytest.raises(ConfigError, match="mount point"):
        refuse_existing(tmp_path / "empty")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dangling", "empty", "link"]


def _write_into(folder: Path) -> None:
    folder.mkdir()
    (folder / "theirs").touch()


def _interrupt(*_arguments: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("finished", [[], ["teacher"]])
@pytest.mark.parametrize("interrupted", [False, True])
def test_a_complete_folder_that_cannot_take_its_name_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: list[str], interrupted: bool
) -> None:
    partial = tmp_path / "run.partial"
    if interrupted:
        monkeypatch.setattr(Path, "rename", _interrupt)

    def fail() -> None:
        with written_whole(tmp_path / "run"):
            (partial / "report").write_text("all of it")
            keep_on_failure(partial, finished)
            if not interrupted:
                _write_into(tmp_path / "run")

    with pytest.raises(KeyboardInterrupt if interrupted else ResourceError) as raised:
        fail()
    assert raised.value.__notes__ == [f"complete and kept in {partial}"]
    assert (partial / "report").read_text() == "all of it"
    assert json.loads((partial / runs.PARTIAL).read_text())["state"] == "complete"
    if interrupted:
        mark_of_ended = json.loads((partial / runs.PARTIAL).read_text()) | {"process": ended_process()}
        (partial / runs.PARTIAL).write_text(json.dumps(mark_of_ended))
        with pytest.raises(ConfigError, match="an earlier run finished"), written_whole(tmp_path / "run"):
            pass
        assert (partial / "report").exists()


def test_a_disk_that_is_full_at_the_end_does_not_keep_a_folder_from_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, _content: object) -> None:
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    with written_whole(tmp_path / "run") as partial:
        (partial / "report").touch()
        monkeypatch.setattr(runs, "write_json", full)
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["report"]


def test_a_folder_whose_mark_is_gone_is_kept(tmp_path: Path) -> None:
    def fail() -> None:
        with written_whole(tmp_path / "run") as partial:
            (partial / runs.PARTIAL).unlink()
            raise ValueError("bad")

    with pytest.raises(ValueError, match="bad") as raised:
        fail()
    assert raised.value.__notes__ == [f"{tmp_path / 'run.partial'}: its mark cannot be read, so it is kept"]


@pytest.mark.parametrize("failure", [ValueError("bad"), KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left")])
def test_finished_parts_are_kept_named_and_marked_as_not_whole(tmp_path: Path, failure: BaseException) -> None:
    partial = tmp_path / "run.partial"

    def fail() -> None:
        with written_whole(tmp_path / "run"):
            (partial / "teacher").mkdir()
            keep_on_failure(partial, ["teacher"])
            raise failure

    with pytest.raises((type(failure), ResourceError)) as raised:
        fail()
    assert raised.value.__notes__ == [f"finished and kept in {tmp_path / 'run.partial'}: teacher"]
    assert json.loads((partial / runs.PARTIAL).read_text())["state"] == "not whole"
    assert (partial / "teacher").is_dir()
    assert not (tmp_path / "run").exists()
    with pytest.raises(ConfigError, match="an earlier run finished"), written_whole(tmp_path / "run"):
        pass
    assert (partial / "teacher").is_dir()


@pytest.mark.parametrize("taken", ["file", "folder"])
def test_an_existing_file_or_folder_is_refused_and_kept(tmp_path: Path, taken: str) -> None:
    path = tmp_path / "run"
    if taken == "file":
        path.write_text("mine")
    else:
        path.mkdir()
        (path / "mine").write_text("mine")
    with pytest.raises(ConfigError, match="name another folder"), written_whole(path):
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
def test_an_error_of_the_disk_is_one_line(tmp_path: Path, failure: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="name another place"), written_whole(tmp_path / "run"):
        raise failure
    assert list(tmp_path.iterdir()) == []


def test_of_several_processes_only_the_first_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    assert not is_writer()
    with written_whole(tmp_path / "run") as elsewhere:
        (elsewhere / "file").write_text("x")
        assert tmp_path not in elsewhere.parents
    assert not elsewhere.exists()
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("RANK", "0")
    assert is_writer()


def test_a_manifest_written_before_the_folder_is_whole_fits_it_afterwards(tmp_path: Path) -> None:
    with written_whole(tmp_path / "export") as partial:
        (partial / "model").write_text("x")
        runs.write_manifest(partial)
    runs.check_manifest(tmp_path / "export")
