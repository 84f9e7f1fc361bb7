"""Memory of one model in a process of its own."""

from pathlib import Path

import pytest

from retort.bench.resident import measure_resident, serving_memory
from retort.errors import ResourceError


@pytest.mark.slow
def test_an_export_is_measured_without_torch_and_so_takes_less(
    tiny_run: Path, tiny_exports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A file of the current folder does not take the place of one of Python's own.
    (tmp_path / "json.py").write_text("raise RuntimeError")
    monkeypatch.chdir(tmp_path)
    export, trained = (
        measure_resident(folder, ["a good bus", "what a rotten bank"], 1)
        for folder in (tiny_exports / "int8", tiny_run / "odd")
    )
    for found in (export, trained):
        assert 20_000_000 < found.loaded <= found.peak
        assert found.after <= found.peak
    assert export.peak < trained.peak / 2
    assert serving_memory(tiny_exports / "int8", ["a good bus"]) == pytest.approx(export.peak, rel=0.3)


def test_a_process_that_fails_says_why_and_gives_no_figure(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"its memory could not be measured \(.*no such folder"):
        measure_resident(tmp_path / "gone", ["a"], 1)
