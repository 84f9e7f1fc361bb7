"""Which texts count as the same, and which as empty."""

from retort.text import fold, is_blank


def test_fold_joins_texts_that_differ_in_case_width_and_whitespace_only() -> None:
    assert fold(" Hello\n\tWORLD ") == fold("hello \uff37orld") == "hello world"
    assert fold("Stra\u00dfe") == fold("STRASSE")
    assert fold("hello world") != fold("helloworld")


def test_blank_is_a_text_without_visible_characters() -> None:
    assert all(is_blank(text) for text in ("", " \n\t", "\u200b\ufeff", "\x00 \u00a0", "\u2800"))
    assert not any(is_blank(text) for text in (".", " a ", "\u4f60", "\u2764"))
