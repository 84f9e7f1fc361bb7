"""Which of a model's layers a student keeps, by name. Indices count from 0 at the input.

A strategy is one entry of `STRATEGIES`; settings, help and messages are made from it.
"""

from collections.abc import Callable, Sequence

from retort.errors import ConfigError
from retort.strict import nearest


def _half(layers: int) -> int:
    return max(1, layers // 2)


def _alternate(first: int) -> Callable[[int], Sequence[int]]:
    def choose(layers: int) -> Sequence[int]:
        if layers % 2:
            raise ConfigError(
                f"the model has {layers} layers, which do not halve; name them, for example layers=[0,{layers - 1}]"
            )
        return range(first, layers, 2)

    return choose


def _spread(layers: int) -> Sequence[int]:
    half = _half(layers)
    return [round(i * (layers - 1) / max(1, half - 1)) for i in range(half)]


# Number of layers -> the indices kept. odd: the first, third, fifth … layer; even: the second, fourth … ;
# first, last: that half; spread: half of them, evenly from the first to the last: for 12 layers DistilBERT's
# 0, 2, 4, 7, 9, 11 (Sanh et al. 2019, arXiv:1910.01108).
STRATEGIES: dict[str, Callable[[int], Sequence[int]]] = {
    "odd": _alternate(0),
    "even": _alternate(1),
    "first": lambda layers: range(_half(layers)),
    "last": lambda layers: range(layers - _half(layers), layers),
    "spread": _spread,
    "all": range,
}


def layer_indices(choice: str | Sequence[int], layers: int) -> tuple[int, ...]:
    """The indices that `choice`, a strategy or a list, keeps of a model with `layers` layers, in its order.

    Raises ConfigError for an unknown strategy, one that does not fit the number of layers, and a list that is
    empty, repeats a layer or names one that is not there.
    """
    if not isinstance(choice, str):
        return checked_indices(tuple(choice), layers)
    require_strategy(choice)
    try:
        return tuple(STRATEGIES[choice](layers))
    except ConfigError as error:
        raise ConfigError(f"layers {choice!r}: {error}") from error


def require_strategy(name: str) -> None:
    """Raises ConfigError, naming the nearest one, for a strategy that does not exist."""
    if name not in STRATEGIES:
        known = f"{nearest(name, STRATEGIES)}; choose from {', '.join(STRATEGIES)}, or list layers by number"
        raise ConfigError(f"layers {name!r}: no such strategy{known}")


def checked_indices(indices: tuple[int, ...], layers: int) -> tuple[int, ...]:
    """The indices as they are. Raises ConfigError for none, a repeated one, or one beyond the model's layers."""
    missing = [index for index in indices if not 0 <= index < layers]
    if missing or not indices:
        raise ConfigError(
            f"layers {list(indices)}: "
            + (f"there is no layer {missing[0]}" if missing else "none")
            + f"; name some of the model's, 0 to {layers - 1}"
        )
    if len(set(indices)) < len(indices):
        raise ConfigError(f"layers {list(indices)}: one of them is named twice; name each once")
    return indices
