"""Which comments mention an identity."""

import numpy as np

from retort.data.mentions import mentions_identity

NAN = np.nan
TEXTS = ["My Muslim neighbour waters the plants.", "The bridge is closed today."]


def test_half_of_the_raters_make_a_mention_whatever_the_words() -> None:
    shares = np.array([[0.49, 0.0], [NAN, 0.5]], np.float32)
    assert mentions_identity(TEXTS, shares).tolist() == [False, True]


def test_a_comment_that_nobody_was_asked_about_is_searched_for_terms() -> None:
    assert mentions_identity(TEXTS, np.full((2, 3), NAN, np.float32)).tolist() == [True, False]
    assert mentions_identity(TEXTS, np.empty((2, 0), np.float32)).tolist() == [True, False]


def test_no_comments_have_no_mentions() -> None:
    assert mentions_identity([], np.empty((0, 0), np.float32)).shape == (0,)
