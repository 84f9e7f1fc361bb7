"""The ONNX graph of the tiny odd arm without the seconds that making it takes."""

from pathlib import Path

import onnx
import pytest

from retort.export import onnx as exporting


@pytest.fixture
def cached_graph(tiny_exports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports of the odd arm write the graph that was made for `tiny_exports`, in fp32."""
    monkeypatch.setattr(exporting, "onnx_graph", lambda _: onnx.load(tiny_exports / "fp32" / "model.onnx"))
