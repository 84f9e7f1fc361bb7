"""How the files of a model folder are loaded: one module for each `loader` that retort.json can name.

This folder is the registry: the name of a loader is that of its module. Every module defines

- `load(folder, about, threads, truncate, device)`: the model, its format and the device that it runs on;
- `plain(folder, about)`: the model as one classifier in torch, in fp32 and evaluation mode, for export.

A module is imported when a folder needs it, so that an exported model runs without torch.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from retort import runs
from retort.errors import ModelError
from retort.inference.reading import Model

if TYPE_CHECKING:
    from transformers import BertForSequenceClassification

    from retort.models.static import StaticClassifier


class Loaded(NamedTuple):
    """A model that can score comments; format and device as in `Classifier`."""

    format: str
    model: Model
    device: str = "cpu"


class Loader(Protocol):
    """What every module of this package defines. `about` is the folder's retort.json, brought to today's schema."""

    def load(self, folder: Path, about: Mapping[str, Any], threads: int | None, truncate: bool, device: str) -> Loaded:
        """`threads`, `truncate` and `device` as in `Classifier.load`, and so are the errors."""

    def plain(self, folder: Path, about: Mapping[str, Any]) -> "BertForSequenceClassification | StaticClassifier":
        """The classifier whose logits are in the order of about["attributes"].

        Raises ModelError when the folder is unfit, or holds a model that is not made in torch.
        """


def known_loaders() -> tuple[str, ...]:
    """The names of all loaders, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def loader_of(folder: Path, about: Mapping[str, Any]) -> Loader:
    """The loader that a folder's retort.json names.

    Raises ModelError when there is no such loader, or the arm has no model (its loader is null).
    """
    name = about["loader"]
    if name is None:
        raise ModelError(
            f"{folder}: {about['arm']} gives every comment the same scores and is no model; name another arm"
        )
    if name not in known_loaders():
        raise ModelError(
            f"{folder / runs.RETORT}: loader {name!r} is unknown, this retort has {', '.join(known_loaders())}; "
            "use the retort that wrote the folder"
        )
    return cast(Loader, importlib.import_module(f"{__name__}.{name}"))
