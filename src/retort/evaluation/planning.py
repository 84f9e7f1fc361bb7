"""How many test comments and seeds a comparison needs to show a difference of a given size."""

import itertools
import math
from typing import Any

from scipy import stats

from retort.evaluation.uncertainty import Uncertainty

_POWER = 0.8
_CONFIDENCE = 0.975
ONE_SEED = "one seed: no spread"


def needed(found: Uncertainty, difference: float) -> dict[str, Any]:
    """{"comments_needed", "seeds_needed"} that show a true difference of this size with 80 % power at 5 %.

    seeds_needed: the smallest number whose part of the variance is at most half of what the test allows, with the t
    distribution that so few seeds leave; comments_needed: the comments that keep the rest. With one seed the comments
    alone are planned, seeds_needed is None and "why" says so.
    """
    if found.spread is None:
        return {"comments_needed": _comments(found, 1, _allowed(difference, math.inf)), "seeds_needed": None} | {
            "why": ONE_SEED
        }
    # The t distribution allows less than the normal one, so fewer seeds than this cannot do.
    fewest = max(1, math.ceil(2 * found.training / _allowed(difference, math.inf)))
    for seeds in itertools.count(fewest):
        degrees = seeds - 1 if found.training > 0 else math.inf
        if degrees and found.training / seeds <= (allowed := _allowed(difference, degrees)) / 2:
            break
    return {"comments_needed": _comments(found, seeds, allowed), "seeds_needed": seeds}


def _allowed(difference: float, degrees: float) -> float:
    """The variance at which a difference of this size is found with the wanted power, half of it from the seeds.

    degrees: of the spread over seeds. The limits are those of `Uncertainty.p_value`.
    """
    normal, of_seeds = stats.norm.ppf(_CONFIDENCE), stats.t.ppf(_CONFIDENCE, degrees)
    limit = math.sqrt((normal**2 + of_seeds**2) / 2)
    return float((difference / (limit + stats.t.ppf(_POWER, 2 * degrees))) ** 2)


def _comments(found: Uncertainty, seeds: int, allowed: float) -> int:
    """Variances of comments shrink with their number."""
    one_comment = found.rows * (found.comments + found.interaction / seeds)
    return max(2, math.ceil(one_comment / (allowed - found.training / seeds)))
