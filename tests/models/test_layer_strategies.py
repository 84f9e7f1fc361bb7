"""Which layers of a model a student keeps, by name or by number."""

import pytest

from retort.errors import ConfigError
from retort.models.layer_strategies import STRATEGIES, layer_indices


def test_odd_student_starts_from_teacher_layers_0_2_4() -> None:
    assert layer_indices("odd", 12) == (0, 2, 4, 6, 8, 10)
    assert layer_indices("odd", 6) == (0, 2, 4)


def test_even_student_starts_from_teacher_layers_1_3_5() -> None:
    assert layer_indices("even", 12) == (1, 3, 5, 7, 9, 11)
    assert layer_indices("even", 6) == (1, 3, 5)


def test_spread_of_twelve_is_what_distilbert_kept() -> None:
    assert layer_indices("spread", 12) == (0, 2, 4, 7, 9, 11)


def test_first_last_and_all_keep_what_their_names_say() -> None:
    assert layer_indices("first", 6) == (0, 1, 2)
    assert layer_indices("last", 6) == (3, 4, 5)
    assert layer_indices("all", 3) == (0, 1, 2)


def test_a_list_is_kept_as_it_is() -> None:
    assert layer_indices((5, 0), 6) == (5, 0)


@pytest.mark.parametrize("choice", [(6,), (-1, 2), (0, 0), ()])
def test_a_list_that_the_teacher_cannot_fill_is_refused(choice: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError):
        layer_indices(choice, 6)


@pytest.mark.parametrize("choice", ["odd", "even"])
def test_odd_and_even_of_a_teacher_with_an_odd_number_of_layers_are_refused(choice: str) -> None:
    with pytest.raises(ConfigError, match="7 layers"):
        layer_indices(choice, 7)


def test_an_unknown_strategy_is_refused_with_the_nearest_and_all_there_are() -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'spread'\?.*choose from odd, even, first, last, spread, all"):
        layer_indices("spred", 6)


@pytest.mark.parametrize("layers", range(1, 13))
def test_every_strategy_keeps_layers_of_the_model_each_once(layers: int) -> None:
    for name in STRATEGIES:
        if name in ("odd", "even") and layers % 2:
            continue
        kept = layer_indices(name, layers)
        assert kept == tuple(sorted(set(kept))), name
        assert set(kept) <= set(range(layers)), name
