"""What the arms of a run share, and the record of each."""

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
from retort.models.classifier import load_classifier, load_tokenizer
from retort.models.layers import Dropout
from retort.recipes.arm_checks import Sample
from retort.recipes.decision import Decision
from retort.recipes.experiment import ExperimentSettings
from retort.recipes.inputs import Inputs
from retort.recipes.preflight import Finding
from retort.training.loop import AfterEpoch, TrainingProgress
from retort.training.teacher_outputs import TeacherOutputs


@dataclass(frozen=True)
class TeacherModel:
    """The run's teacher, which is loaded from its folder where an arm needs it, so that it takes no memory meanwhile.

    layers: how many it has. own_dropout: that of its base; its training may have used another. outputs: for every
    training comment, once they are computed.
    """

    arm: str
    folder: Path
    tokenizer_folder: Path
    layers: int
    own_dropout: Dropout
    outputs: TeacherOutputs | None = None

    def load(self) -> BertForSequenceClassification:
        """The model, frozen and in evaluation mode, on the CPU."""
        return load_classifier(self.folder).requires_grad_(False)


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


class Material:
    """What all seeds of one draw share: the base, the comments, and their tokens."""

    def __init__(self, base: Base, inputs: Inputs, max_length: int) -> None:
        self.base = base
        self.inputs = inputs
        self.tokens = TokenizedInputs(inputs, max_length)


@dataclass(frozen=True)
class Context:
    """All that fitting an arm may read. folder: the training's, being written; scratch: for temporary files.

    after_epoch: how a search follows a trial; without it epochs go to the tracker.
    """

    settings: ExperimentSettings
    material: Material
    accelerator: Accelerator
    folder: Path
    scratch: Path
    run_id: str
    progress: TrainingProgress | None = None
    teacher: TeacherModel | None = None
    after_epoch: AfterEpoch | None = None

    @property
    def base(self) -> Base:
        """The pre-trained model."""
        return self.material.base

    @property
    def inputs(self) -> Inputs:
        """The comments, split."""
        return self.material.inputs

    @property
    def tokens(self) -> TokenizedInputs:
        """Their tokens."""
        return self.material.tokens


@dataclass
class Arm:
    """One arm: where its folder is, what it learnt and what that cost. `fit` of its kind fills it in.

    findings: of the checks while it was fitted; trained: what it said of a few comments before it was saved.

    predictions: by split, the final probabilities; uncalibrated: the model's own, of an arm that has a `decision`.
    """

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
    uncalibrated: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    decision: Decision | None = None
    findings: list[Finding] = field(default_factory=list)
    trained: Sample | None = None
    teacher: TeacherModel | None = None
