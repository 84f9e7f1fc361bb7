"""Retort distils a BERT comment classifier, compares it with LoRA, and reports what the numbers show.

    from retort import Classifier
    Classifier.load("runs/…/odd").predict(["a comment"])

Public names are loaded when they are first used: `import retort` stays quick and never loads torch.
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retort.errors import RetortError as RetortError
    from retort.inference.predictor import Classifier as Classifier
    from retort.recipes.compare import compare as compare
    from retort.recipes.experiment import ExperimentSettings as ExperimentSettings
    from retort.recipes.experiment import resolve as resolve
    from retort.tasks import Task as Task
    from retort.tasks import default_task as default_task
    from retort.tasks import read_task as read_task
    from retort.text import normalise as normalise

# onnxruntime (from 1.29) sends telemetry, and keeps a device id in the home directory, unless this variable is set
# before it is imported. ORT_DISABLE_TELEMETRY=0 in the environment allows it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_MODULES = {
    "Task": "retort.tasks",
    "Classifier": "retort.inference.predictor",
    "ExperimentSettings": "retort.recipes.experiment",
    "RetortError": "retort.errors",
    "compare": "retort.recipes.compare",
    "default_task": "retort.tasks",
    "normalise": "retort.text",
    "read_task": "retort.tasks",
    "resolve": "retort.recipes.experiment",
}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'retort' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
