import pytest

from retort.report import formats


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (formats.number(0.12345), "0.123"),
        (formats.number(-0.5), "\u22120.500"),
        (formats.number(-0.0001), "0.000"),
        (formats.number(None), "–"),
        (formats.number(float("nan")), "–"),
        (formats.signed(0.02), "+0.020"),
        (formats.signed(0.0001), "0.000"),
        (formats.between(0.1, 0.2), "0.100 to 0.200"),
        (formats.between(None, 0.2), ""),
        (formats.rounded(13_937), "14,000"),
        (formats.rounded(12.2), "13"),
        (formats.size(90_868_376), "90.9 MB"),
        (formats.size(437_935_000), "438 MB"),
        (formats.size(12), "12 B"),
        (formats.seconds(725), "12 min 05 s"),
        (formats.layers([0, 2, 4]), "0, 2, 4"),
        (formats.layers(list(range(12))), "0–11"),
        (formats.layers(None), "–"),
        (formats.listed(["a", "b", "c"]), "a, b and c"),
        (formats.source({"data": {"source": "/home/somebody/train.csv"}}), "train.csv"),
        (formats.source({"data": {"source": "google/civil_comments"}}), "google/civil_comments"),
        (formats.counted(1, "comment"), "1 comment"),
    ],
)
def test_numbers_are_written_for_people(written, expected):
    assert written == expected
