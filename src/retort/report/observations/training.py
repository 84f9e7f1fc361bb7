"""What the losses by epoch show: overfitting, and training that stopped early."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retort.report import display
from retort.report.comparison import Comparison
from retort.report.observations.observation import Observation


@dataclass(frozen=True)
class _Rise:
    """A validation loss that rises after its lowest epoch."""

    epoch: int
    lowest: float
    last: float


def overfitting(comparison: Comparison) -> Iterator[Observation]:
    """Models whose validation loss rises while their train loss falls, with more than half of their seeds."""
    rises = {arm: found for arm in comparison.networks if (found := _rises(comparison, arm))}
    if rises:
        worst = max(rises, key=lambda arm: rises[arm].last / rises[arm].lowest)
        rise = rises[worst]
        most = " with most seeds" if len(comparison.seeds) > 1 else ""
        yield Observation(
            "warning",
            "Overfitting",
            f"Validation loss rises again while train loss still falls{most}: {display.listed(list(rises))}. The "
            f"largest rise is that of {worst}, from {display.number(rise.lowest)} after epoch {rise.epoch} to "
            f"{display.number(rise.last)} at the end. The learning curves mark the epoch that was kept.",
        )


def _rises(comparison: Comparison, arm: str) -> _Rise | None:
    """The largest rise of an arm's seeds, where more than half of them rise."""
    histories = comparison.histories(arm)
    found = [rise for history in histories if (rise := _rise(history)) is not None]
    return max(found, key=lambda rise: rise.last / rise.lowest) if 2 * len(found) > len(histories) else None


def _rise(history: Sequence[Mapping[str, Any]]) -> _Rise | None:
    both = ("validation_loss", "label_loss")
    history = [row for row in history if all(row.get(loss) is not None for loss in both)]
    if len(history) < 2:
        return None
    low, last = min(history, key=lambda row: row["validation_loss"]), history[-1]
    # Rises below 1 % are noise.
    rises = last["validation_loss"] > 1.01 * low["validation_loss"]
    falls = last["label_loss"] < low["label_loss"]
    return _Rise(low["epoch"], low["validation_loss"], last["validation_loss"]) if rises and falls else None


def unfinished(comparison: Comparison) -> Iterator[Observation]:
    """Models whose last epoch still lowered the validation loss by over 2 %, with every seed."""
    arms = [
        arm
        for arm in comparison.networks
        if (histories := comparison.histories(arm)) and all(_still_learning(history) for history in histories)
    ]
    if arms:
        yield Observation(
            "finding",
            "Still learning when it stopped",
            f"The last epoch lowered the validation loss by over 2 % for {display.listed(arms)}: more epochs or a "
            "higher learning rate may give better figures than these.",
        )


def _still_learning(history: Sequence[Mapping[str, Any]]) -> bool:
    losses = [row["validation_loss"] for row in history if row.get("validation_loss") is not None]
    return len(losses) > 1 and losses[-1] == min(losses) and losses[-1] < 0.98 * losses[-2]
