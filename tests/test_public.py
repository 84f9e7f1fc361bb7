"""The public names, and how little it takes to import them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import retort

HEAVY = (
    "torch",
    "transformers",
    "accelerate",
    "peft",
    "sklearn",
    "pandas",
    "pyarrow",
    "scipy",
    "matplotlib",
    "datasets",
)


def test_the_public_names_are_these() -> None:
    assert retort.__all__ == [
        "Classifier", "ExperimentSettings", "RetortError", "Task", "compare", "default_task", "normalise", "read_task",
        "resolve",
    ]  # fmt: skip
    for name in retort.__all__:
        assert getattr(retort, name) is not None
    assert dir(retort) == retort.__all__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = retort.nothing


@pytest.mark.parametrize(
    "program",
    [
        "import retort",
        "from retort import Classifier, normalise, Task, default_task, resolve, RetortError, ExperimentSettings",
        "import retort.cli; import sys; sys.argv = ['retort', '--help']; retort.cli._run(['--help'], False)",
        "import retort.cli; retort.cli._run(['compare', '--help'], False)",
        "import retort.cli; retort.cli._run(['presets'], False)",
        "import retort.cli; retort.cli._run(['compare', '--preset', 'nothing'], False)",
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(program: str) -> None:
    asked = f"{program}\nimport sys\nprint('loaded:', *[m for m in {HEAVY} if m in sys.modules])"
    output = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "loaded:"


def test_loading_onnxruntime_writes_nothing_and_so_reports_nothing(tmp_path: Path) -> None:
    # Without these two, which switch its reports off as well.
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    subprocess.run(
        [sys.executable, "-c", "import retort.inference.onnx_predictor"],
        env=kept | {"HOME": str(home), "TMPDIR": str(temporary)},
        cwd=home,
        check=True,
    )
    assert [path for path in tmp_path.rglob("*") if path not in (home, temporary)] == []
