"""The install line names the smallest extra that has the missing package."""

import tomllib
from pathlib import Path

import pytest

from retort.extras import install_line, smallest_extra

REQUIREMENTS = [
    "numpy>=2.0",
    *(f"{name}; extra == 'all'" for name in ("pyarrow>=18", "scikit-learn>=1.6", "flask>=3.1", "markdown-it-py>=3")),
    *(f"{name}; extra == 'train'" for name in ("pyarrow>=18", "scikit-learn>=1.6", "huggingface-hub>=1.0")),
    *(f'{name}; python_version < "4" and extra == "serve"' for name in ("flask>=3.1", "Markdown-It-Py>=3")),
    "pyarrow>=18; extra == 'parquet'",
]


@pytest.mark.parametrize(
    ("module", "extra"),
    [("pyarrow.parquet", "parquet"), ("sklearn.metrics", "train"), ("huggingface_hub", "train"), ("flask", "serve"),
     ("markdown_it", "serve"), ("numpy", None), ("unheard_of", None)],
)  # fmt: skip
def test_the_smallest_extra_that_has_the_package(module: str, extra: str | None) -> None:
    assert smallest_extra(module, REQUIREMENTS) == extra


def test_the_line_follows_the_installed_metadata() -> None:
    assert install_line("torch") == "pip install 'retort-nlp[train]'"
    assert install_line("flask") == "pip install 'retort-nlp[serve]'"
    assert install_line("numpy") == "pip install retort-nlp"


def test_train_and_all_hold_the_extra_for_parquet() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert [requirement.partition(">")[0] for requirement in extras["parquet"]] == ["pyarrow"]
    assert "retort-nlp[parquet]" in extras["train"]
    assert "train" in extras["all"][0]
