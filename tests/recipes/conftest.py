"""Comparisons of tiny models."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import without_report
from tests.recipes.tiny_runs import Compare, started


@pytest.fixture
def compare(tiny_bert: Path, tiny_comments: Path, tmp_path: Path) -> Iterator[Compare]:
    """Runs a comparison without its report and returns its folder; `arms` as one text, e.g. "teacher,odd"."""

    def run(arms: str, *arguments: str | Path, out: str = "run", data: Path | None = None) -> Path:
        ended = started(tiny_bert, data or tiny_comments, tmp_path / out, arms, *arguments)
        assert ended.code == 0, ended.err
        return tmp_path / out

    with without_report():
        yield run
