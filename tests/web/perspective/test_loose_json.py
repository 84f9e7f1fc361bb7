"""Google's parser takes names without quotes, so ours does; nothing else changes."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retort.web.perspective.loose_json import parse_loosely
from retort.web.server.errors import Refusal


def test_the_curl_line_of_perspectives_guide_is_read() -> None:
    body = (
        b'{comment: {text: "what kind of idiot: name is foo?"}, languages: ["en"], requestedAttributes: {TOXICITY:{}} }'
    )
    assert parse_loosely(body) == {
        "comment": {"text": "what kind of idiot: name is foo?"},
        "languages": ["en"],
        "requestedAttributes": {"TOXICITY": {}},
    }


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)))
def test_json_is_read_as_json(value: object) -> None:
    assert parse_loosely(json.dumps(value).encode()) == value


@given(st.text())
def test_a_text_beside_unquoted_names_stays_as_it_is(text: str) -> None:
    assert parse_loosely(f'{{text: {json.dumps(text)}, "b": 1}}'.encode()) == {"text": text, "b": 1}


@pytest.mark.parametrize(
    "body", [b"{a b: 1}", b"{'a': 1}", b"{a: b}", b"{a: 1,}", b'{a: "b', b"{a: NaN}", b"{a:1,a:2}"]
)
def test_other_faults_are_refused_as_in_strict_json(body: bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        parse_loosely(body)
    assert refusal.value.status == 400


@pytest.mark.parametrize("unit", [b'\\"', b"a", b"a ", b'"', b"a:", b"$", b"a \n", b'"a":'])
def test_a_body_made_to_be_slow_is_not(unit: bytes) -> None:
    began = time.process_time()
    with pytest.raises(Refusal):
        parse_loosely(b'{"' + unit * (250_000 // len(unit)))
    assert time.process_time() - began < 2
