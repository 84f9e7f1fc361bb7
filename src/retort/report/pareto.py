"""Which models are on the Pareto front: no other is at least as good for at most the same cost."""

from collections.abc import Mapping


def front(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """The arms that no other arm dominates, cheapest first; `points` are {arm: (cost, quality)}.

    An arm dominates another when it costs no more and is no worse, and differs in one of the two. Figures are taken as
    they are: whether the difference is more than chance, the pairs show.
    """
    kept = [arm for arm, point in points.items() if not any(_dominates(other, point) for other in points.values())]
    return sorted(kept, key=lambda arm: points[arm])


def _dominates(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one != other and one[0] <= other[0] and one[1] >= other[1]
