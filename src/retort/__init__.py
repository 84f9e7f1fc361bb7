"""Retort distils a BERT comment classifier, compares it with LoRA, and says what the numbers show.

    from retort import Classifier
    Classifier.load("runs/…/odd").predict(["a comment"])

Public names are loaded when they are first used: `import retort` stays quick and never loads torch.
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retort.attributes import ATTRIBUTES as ATTRIBUTES
    from retort.config import ExperimentSettings as ExperimentSettings
    from retort.config import resolve as resolve
    from retort.errors import RetortError as RetortError
    from retort.inference.predictor import Classifier as Classifier
    from retort.recipes.compare import compare as compare
    from retort.text import normalise as normalise

# onnxruntime (from 1.29) reports to its maker, and keeps a device id in the home directory, unless this stands in
# the environment before it is imported. Nobody here asked for it; whoever wants it says ORT_DISABLE_TELEMETRY=0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_HOMES = {
    "ATTRIBUTES": "retort.attributes",
    "Classifier": "retort.inference.predictor",
    "ExperimentSettings": "retort.config",
    "RetortError": "retort.errors",
    "compare": "retort.recipes.compare",
    "normalise": "retort.text",
    "resolve": "retort.config",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'retort' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
