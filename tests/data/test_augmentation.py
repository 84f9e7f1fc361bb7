"""What is added to the training comments: balanced, the same for one seed, nothing that is there already."""

import pandas as pd
import pytest

from retort.data.augmentation import draw_neutral
from retort.data.neutral import read_neutral
from retort.text import fold


def texts_of(count: int, seed: int) -> list[str]:
    return draw_neutral(count, seed, ()).frame["text"].tolist()


def test_one_seed_draws_the_same_sentences_and_another_seed_others() -> None:
    assert texts_of(20, 3) == texts_of(20, 3)
    assert set(texts_of(20, 3)) != set(texts_of(20, 4))


def test_a_larger_count_has_the_sentences_of_a_smaller_one() -> None:
    assert texts_of(30, 0)[:10] == texts_of(10, 0)


def kinds_of(frame: pd.DataFrame) -> pd.Series:
    return frame["id"].str.partition("-")[0]


@pytest.mark.parametrize("count", [50, 300])
def test_every_kind_has_its_share(count: int) -> None:
    frame = read_neutral()
    expected = kinds_of(frame).value_counts() * count / len(frame)
    found = kinds_of(draw_neutral(count, 0, ()).frame).value_counts()
    assert ((found - expected).abs() < 2).all()


def test_within_a_kind_groups_are_drawn_evenly() -> None:
    frame, drawn = read_neutral(), draw_neutral(300, 0, ()).frame
    for kind in sorted(set(kinds_of(frame))):
        there = frame.loc[kinds_of(frame) == kind, "group"].value_counts()
        found = drawn.loc[kinds_of(drawn) == kind, "group"].value_counts().reindex(there.index, fill_value=0)
        # No group has two more than another one that is not used up.
        assert found.max() - found[found < there].min() <= 1, kind


def test_more_than_there_are_gives_all_of_them_once() -> None:
    drawn = draw_neutral(10**6, 0, ())
    assert sorted(drawn.frame["text"]) == sorted(read_neutral()["text"])
    assert drawn.available == len(drawn.frame)


def test_a_text_that_is_taken_is_not_drawn_however_it_is_written() -> None:
    first, second = texts_of(2, 0)
    drawn = draw_neutral(10**6, 0, [fold(f"  {first.upper()}")])
    assert first not in set(drawn.frame["text"])
    assert second in set(drawn.frame["text"])
    assert (drawn.available, drawn.repeated) == (len(read_neutral()) - 1, 1)
