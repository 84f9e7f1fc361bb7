"""Searches an arm's learning rate, and an adapter's rank, on validation, before the arm is trained for the run.

A trial trains the arm as the run would, with the run's seed, and is measured by the average precision of the epoch
that the arm's `keep` keeps. The first trial is the settings as they are. The others are chosen by optuna's
tree-structured Parzen estimator (Bergstra et al. 2011; Akiba et al. 2019, arXiv:1907.10902) and given up early where
they are below the median of the earlier trials at the same epoch. Test comments are not read.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import optuna
from accelerate.utils import broadcast_object_list
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

from retort.errors import DataError, RunError
from retort.recipes.context import Arm, Context
from retort.recipes.experiment import ExperimentSettings
from retort.recipes.inputs import Inputs
from retort.report.display import number, scientific
from retort.training.loop import TrainingProgress

# Learning rates from a tenth of an arm's own to ten times it.
RATE_FACTOR = 10.0
RANKS = (4, 8, 16, 32)
# So many trials have to be trained to their end before one is given up, and none in its first epoch: a rate that warms
# up tells little by then.
_WHOLE_TRIALS = 3
_FIRST_PRUNED_EPOCH = 2

_STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


@dataclasses.dataclass(frozen=True)
class Search:
    """The experiment with what was chosen for one arm, and the search as comparison.json records it.

    record: {"chosen": {"trial", "learning_rate", "r"}, "range": {"learning_rate": [low, high], "r": [ranks]},
    "seconds", "trials": [{"learning_rate", "r", "average_precision", "state", "epochs", "why"}]}. `r` is of adapters
    only; `trial` counts from 1; `state` is complete, pruned or failed; `why` is of failed trials, which have no
    average precision.
    """

    settings: ExperimentSettings
    record: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Candidate:
    """What a trial tries. r: of an adapter, else None."""

    learning_rate: float
    r: int | None = None

    @classmethod
    def of(cls, settings: ExperimentSettings, name: str) -> "Candidate":
        """The settings of an arm as they are."""
        adapts = settings.kind_of(name).ROLE == "adapter"
        return cls(settings.training_of(name).learning_rate, settings.lora_of(name).r if adapts else None)

    def put_into(self, settings: ExperimentSettings, name: str) -> ExperimentSettings:
        """The experiment with these as the arm's own overrides. LoRA's alpha keeps its ratio to the rank."""
        arm = settings.arm[name]
        changes: dict[str, Any] = {"training": arm.training | {"learning_rate": self.learning_rate}}
        if self.r is not None:
            lora = settings.lora_of(name)
            changes["lora"] = arm.lora | {"r": self.r, "alpha": max(1, round(lora.alpha * self.r / lora.r))}
        return settings.model_copy(update={"arm": settings.arm | {name: arm.model_copy(update=changes)}})

    def as_dict(self) -> dict[str, Any]:
        """{"learning_rate", "r"}, the latter for an adapter."""
        return {key: value for key, value in dataclasses.asdict(self).items() if value is not None}

    def __str__(self) -> str:
        return f"rate {scientific(self.learning_rate)}" + ("" if self.r is None else f", rank {self.r}")


def require_searchable(settings: ExperimentSettings, inputs: Inputs) -> None:
    """Raises DataError when a search is asked for and validation comments cannot rank models."""
    labels = inputs.validation.labels[:, 0]
    if settings.tune is not None and not {0.0, 1.0} <= set(labels[~np.isnan(labels)].tolist()):
        raise DataError(
            f"validation: its {len(labels):,} comments are not of both kinds of {settings.task.primary}, so no trial "
            "is better than another; give more comments, or leave out --tune"
        )


def tuned(context: Context, name: str, say: Callable[[str], None]) -> Search:
    """Searches for one arm, as often as `settings.tune` says; `say` is called with a line after each trial.

    A trial whose loss is not finite is recorded as failed; RunError is raised only when all trials failed.
    """
    began = time.perf_counter()
    settings = context.settings
    assert settings.tune is not None
    own = Candidate.of(settings, name)
    searched = _range(own)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        # Half of the trials are drawn at random, the others near those that did well.
        sampler=optuna.samplers.TPESampler(
            seed=settings.seed, n_startup_trials=max(1, settings.tune // 2), multivariate=True
        ),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_WHOLE_TRIALS, n_warmup_steps=_FIRST_PRUNED_EPOCH),
    )
    study.enqueue_trial(own.as_dict())
    tried: list[Candidate] = []
    rows: list[dict[str, Any]] = []
    for count in range(1, settings.tune + 1):
        trial = study.ask(_space(searched))
        candidate = Candidate(**trial.params)
        title = f"trial {count} of {settings.tune}"
        row = _try(context, name, candidate, title, trial)
        done = row["state"] == "complete"
        study.tell(trial, row["average_precision"] if done else None, state=_STATES[row["state"]])
        tried.append(candidate)
        rows.append(candidate.as_dict() | row)
        say(f"tuning {name}: {title}: {candidate} -> {_outcome(row)}")
    complete = [index for index, row in enumerate(rows) if row["state"] == "complete"]
    if not complete:
        raise RunError(rows[0]["why"])
    # The first of equals: the settings as they are, before any other.
    best = max(complete, key=lambda index: float(rows[index]["average_precision"]))
    say(f"tuning {name}: chosen: {tried[best]} (trial {best + 1})")
    record = {
        "chosen": {"trial": best + 1} | tried[best].as_dict(),
        "range": searched,
        "seconds": round(time.perf_counter() - began, 3),
        "trials": rows,
    }
    return Search(tried[best].put_into(settings, name), record)


def _range(own: Candidate) -> dict[str, list[Any]]:
    """What is searched: {"learning_rate": [low, high]}, with "r": [ranks] for an adapter."""
    found: dict[str, list[Any]] = {"learning_rate": [own.learning_rate / RATE_FACTOR, own.learning_rate * RATE_FACTOR]}
    return found if own.r is None else found | {"r": sorted({*RANKS, own.r})}


def _space(searched: Mapping[str, list[Any]]) -> dict[str, BaseDistribution]:
    low, high = searched["learning_rate"]
    space: dict[str, BaseDistribution] = {"learning_rate": FloatDistribution(low, high, log=True)}
    return space | {"r": CategoricalDistribution(searched["r"])} if "r" in searched else space


def _try(context: Context, name: str, candidate: Candidate, title: str, trial: optuna.Trial) -> dict[str, Any]:
    """Trains one trial; returns {"average_precision", "state", "epochs"}, with "why" when it failed."""
    settings = candidate.put_into(context.settings, name)
    follower = _Follower(trial, settings.training_of(name).epochs)
    progress = context.progress and _TrialProgress(context.progress, title)
    trial_context = dataclasses.replace(context, settings=settings, progress=progress, after_epoch=follower)
    try:
        settings.kind_of(name).fit(trial_context, Arm(name, context.scratch / "trial"))
    except _LastEpoch:
        return follower.as_dict() | {"state": "complete"}
    except optuna.TrialPruned:
        return follower.as_dict() | {"state": "pruned"}
    except RunError as error:
        return follower.as_dict() | {"average_precision": None, "state": "failed", "why": str(error)}
    raise AssertionError(f"arm {name} was trained without epochs")


def _outcome(row: Mapping[str, Any]) -> str:
    if row["state"] == "failed":
        return f"failed: {row['why']}"
    given_up = f", given up after epoch {row['epochs']}" if row["state"] == "pruned" else ""
    return number(row["average_precision"]) + given_up


class _LastEpoch(Exception):  # noqa: N818 - not an error
    """Ends a trial that was trained to its end: it is measured, and its model is not needed."""


class _Follower:
    """Follows the epochs of a trial and ends its training: after the last one, or when it is given up."""

    def __init__(self, trial: optuna.Trial, epochs: int) -> None:
        self._trial = trial
        self._epochs = epochs
        self._kept = 0
        self._scores: list[float] = []

    def as_dict(self) -> dict[str, Any]:
        """Average precision on validation of the epoch kept so far, None before there is one, and the epochs done."""
        return {
            "average_precision": self._scores[self._kept - 1] if self._scores else None,
            "epochs": len(self._scores),
        }

    def __call__(self, row: dict[str, Any], kept: int) -> None:
        """See `AfterEpoch`. Raises _LastEpoch or TrialPruned."""
        # Of several processes all have to end after the same epoch, whatever rounding did to the figures of each.
        score, self._kept = broadcast_object_list([row["validation"]["average_precision"], kept])
        self._scores.append(score)
        self._trial.report(score, row["epoch"])
        if row["epoch"] == self._epochs:
            raise _LastEpoch
        if self._trial.should_prune():
            raise optuna.TrialPruned


class _TrialProgress:
    """Shows the steps of a trial under its number; its epochs are in the one line of the trial."""

    def __init__(self, shown: TrainingProgress, title: str) -> None:
        self._shown = shown
        self._title = title

    def step(self, arm: str, epoch: int, epochs: int, step: int, steps: int, loss: float) -> None:
        """One optimiser step is done."""
        self._shown.step(f"{arm}, {self._title},", epoch, epochs, step, steps, loss)

    def epoch(self, row: dict[str, Any]) -> None:
        """Nothing."""
