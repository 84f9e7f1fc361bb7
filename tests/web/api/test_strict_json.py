"""JSON that other parsers wave through is refused, each kind by its own word."""

import pytest

from retort.web.api.strict_json import holds_lone_surrogate, parse
from retort.web.server.errors import Refusal


def test_what_rfc_8259_allows_is_read() -> None:
    assert parse(b' {"a": [1, 2.5, null, true, "\\u00e9 \xc3\xa9"]} ') == {"a": [1, 2.5, None, True, "é é"]}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"{'a': 1}", "not_json"),
        (b'{"a": 1,}', "not_json"),
        (b'{"a": 1} {}', "not_json"),
        (b"\xff\xfe", "not_utf8"),
        (b'{"a": "\xed\xa0\x80"}', "not_utf8"),
        (b'{"a": NaN}', "not_finite"),
        (b'{"a": -Infinity}', "not_finite"),
        (b'{"a": 1e999}', "not_finite"),
        (b'{"a": 1, "a": 2}', "duplicate_key"),
        (b'{"a": {"b": 1, "b": 1}}', "duplicate_key"),
        (b"[" * 5000 + b"]" * 5000, "nested_too_deep"),
        (b"[" * 200_000, "nested_too_deep"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "nested_too_deep"),
        (b"1" * 5000, "not_json"),
    ],
)
def test_what_it_forbids_is_not(body: bytes, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse(body)
    assert (refused.value.status, refused.value.code) == (400, code)


def test_brackets_inside_strings_are_no_nesting() -> None:
    assert parse(b'{"a": "' + b"[{" * 500 + b'\\"]"}') == {"a": "[{" * 500 + '"]'}


def test_a_lone_surrogate_is_found_and_a_pair_is_not() -> None:
    assert holds_lone_surrogate(parse(b'"\\ud800"'))
    assert not holds_lone_surrogate(parse(b'"\\ud83d\\ude00"'))
