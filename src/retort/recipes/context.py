"""What the arms of a run share, and the record of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from accelerate import Accelerator
from tokenizers import Tokenizer
from transformers import BertForSequenceClassification

from retort.data.batches import Tokens, encode
from retort.models.bases import Base
from retort.models.classifier import load_tokenizer
from retort.models.layers import Dropout
from retort.recipes.experiment import ExperimentSettings
from retort.recipes.inputs import Inputs
from retort.training.loop import TrainingProgress
from retort.training.teacher_outputs import TeacherOutputs


@dataclass(frozen=True)
class TeacherModel:
    """The run's teacher, frozen. own_dropout: that of its base; its training may have used another.

    outputs: for every training comment, once they are computed.
    """

    arm: str
    model: BertForSequenceClassification
    tokenizer_folder: Path
    own_dropout: Dropout
    outputs: TeacherOutputs | None = None


class TokenizedInputs:
    """Training comments (the unlabelled ones last) and validation comments as tokens, made once per tokenizer."""

    def __init__(self, inputs: Inputs, max_length: int) -> None:
        self._inputs = inputs
        self._max_length = max_length
        self._made: dict[str, tuple[Tokens, Tokens]] = {}

    def of(self, tokenizer_folder: Path) -> tuple[Tokens, Tokens]:
        """(training, validation) by the tokenizer of a model folder."""
        tokenizer: Tokenizer = load_tokenizer(tokenizer_folder)
        key = tokenizer.to_str()
        if key not in self._made:
            training = self._inputs.train.texts + self._inputs.unlabelled
            texts = (training, self._inputs.validation.texts)
            first, second = (encode(part, tokenizer, self._max_length) for part in texts)
            self._made[key] = (first, second)
        return self._made[key]


@dataclass(frozen=True)
class Context:
    """All that fitting an arm may read. folder: the run's, being written; scratch: for temporary files."""

    settings: ExperimentSettings
    inputs: Inputs
    base: Base
    accelerator: Accelerator
    folder: Path
    scratch: Path
    run_id: str
    tokens: TokenizedInputs
    progress: TrainingProgress | None = None
    teacher: TeacherModel | None = None


@dataclass
class Arm:
    """One arm: where its folder is, what it learnt and what that cost. `fit` of its kind fills it in."""

    name: str
    folder: Path
    layer_indices: tuple[int, ...] | None = None
    teacher_layers: int | None = None
    parameters: dict[str, int] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int | None = None
    cost: dict[str, Any] = field(default_factory=dict)
    base: dict[str, Any] | None = None
    predictions: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    scorer: Callable[[Sequence[str]], npt.NDArray[np.float64]] | None = None
    teacher: TeacherModel | None = None
