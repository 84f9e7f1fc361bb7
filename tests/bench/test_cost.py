"""What an arm costs, measured on arms whose cost is known."""

import time
from collections.abc import Sequence
from pathlib import Path

from retort.bench.cost import measure_speed, size_bytes, take_turns


def test_the_slower_arm_is_measured_slower_and_by_about_as_much() -> None:
    def sleeper(seconds: float) -> object:
        return lambda texts: time.sleep(seconds * len(texts))

    found = measure_speed({"slow": sleeper(0.004), "quick": sleeper(0.001)}, ["a", "b", "c"], singles=10)  # type: ignore[dict-item]
    assert found["slow"]["latency_ms"]["p50"] >= 4
    assert found["quick"]["latency_ms"]["p50"] >= 1
    assert found["slow"]["latency_ms"]["p50"] > found["quick"]["latency_ms"]["p50"]
    assert found["slow"]["latency_ms"]["p50"] <= found["slow"]["latency_ms"]["p95"]
    assert found["slow"]["comments_per_second"] < 250
    assert found["quick"]["comments_per_second"] < 1000


def test_arms_take_turns_and_warm_up_first() -> None:
    calls: list[tuple[str, int]] = []

    def caller(name: str) -> object:
        def call(texts: Sequence[str]) -> None:
            calls.append((name, len(texts)))

        return call

    measure_speed({"a": caller("a"), "b": caller("b")}, ["x", "y"], singles=4)  # type: ignore[dict-item]
    alone = [name for name, count in calls if count == 1]
    # Four warm-up calls each (there are only four texts to take), then one comment of each arm after the other.
    assert alone == ["a"] * 4 + ["b"] * 4 + ["a", "b"] * 4
    assert [name for name, count in calls if count == 2] == ["a", "b"] * 4


def test_every_turn_is_kept_and_progress_grows_to_the_end() -> None:
    heard: list[tuple[int, int]] = []
    turns = take_turns({"a": len, "b": len}, ["x", "y"], 4, lambda done, total: heard.append((done, total)))
    assert {name: (len(turn.alone_ms), len(turn.rounds_seconds)) for name, turn in turns.items()} == {
        "a": (4, 3),
        "b": (4, 3),
    }
    done = [one for one, _ in heard]
    assert done == sorted(done)
    # Before the last of all rounds, one arm's two comments are left.
    assert {total for _, total in heard} == {done[-1] + 2}


def test_no_arms_cost_nothing() -> None:
    assert measure_speed({}, ["x"], singles=3) == {}


def test_bytes_on_disk_are_those_of_all_files_below_but_what_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "merged").mkdir()
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "merged" / "b").write_bytes(b"123")
    assert size_bytes(tmp_path) == 8
    assert size_bytes(tmp_path, without=("merged",)) == 5
    assert size_bytes(tmp_path / "merged") == 3
