"""JSON documents, digests and manifests of run and model folders."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from retort import runs
from retort.errors import DataError, ModelError


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


@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_every_file_of_a_manifest_can_be_read_by_whom_the_umask_lets_read(
    tmp_path: Path, umask: int, expected: int
) -> None:
    """safetensors writes files for their owner alone."""
    weights = tmp_path / "merged" / "model.safetensors"
    before = os.umask(umask)
    try:
        weights.parent.mkdir()
        save_file({"x": np.zeros(1)}, weights)
        runs.write_manifest(tmp_path)
    finally:
        os.umask(before)
    assert weights.stat().st_mode & 0o777 == expected


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
