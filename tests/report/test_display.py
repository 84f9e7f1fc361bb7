import pytest

from retort.report import display


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (display.number(0.12345), "0.123"),
        (display.number(-0.5), "\u22120.500"),
        (display.number(-0.0001), "0.000"),
        (display.number(None), "–"),
        (display.number(float("nan")), "–"),
        (display.signed(0.02), "+0.020"),
        (display.signed(0.0001), "0.000"),
        (display.between(0.1, 0.2), "0.100 to 0.200"),
        (display.between(None, 0.2), ""),
        (display.scientific(2.14e-4), "2.14e-4"),
        (display.scientific(0.001), "1e-3"),
        (display.scientific(9.9999e-5), "1e-4"),
        (display.scientific(0.03), "3e-2"),
        (display.scientific(None), "–"),
        (display.rounded(13_937), "14,000"),
        (display.rounded(12.2), "13"),
        (display.size(90_868_376), "90.9 MB"),
        (display.size(437_935_000), "438 MB"),
        (display.size(12), "12 B"),
        (display.seconds(725), "12 min 05 s"),
        (display.layers([0, 2, 4]), "0, 2, 4"),
        (display.layers(list(range(12))), "0–11"),
        (display.layers(None), "–"),
        (display.listed(["a", "b", "c"]), "a, b and c"),
        (display.source({"data": {"source": "/home/somebody/train.csv"}}), "train.csv"),
        (display.source({"data": {"source": "google/civil_comments"}}), "google/civil_comments"),
        (display.counted(1, "comment"), "1 comment"),
    ],
)
def test_numbers_are_written_for_people(written, expected):
    assert written == expected
