"""`retort score`: any model, any format, faults reported, and the exit code of every failure."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from retort.extras import install_line
from retort.inference.predictor import Classifier
from tests.command import changed, command, in_its_own_process, retort
from tests.conftest import tiny_rows
from tests.inference.test_onnx_predictor import WITHOUT

IDS, TEXTS = zip(*((identifier, text) for identifier, text, *_ in tiny_rows()), strict=True)
LONG = " ".join(TEXTS)


def _heed_ctrl_c() -> None:
    """A shell that starts the tests in the background has them ignore SIGINT, and a child inherits that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def model(tiny_exports: Path) -> Path:
    return tiny_exports / "int8"


def rows_of(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def file_of(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(["id,text", *lines]) + "\n", "utf-8")
    return path


@pytest.mark.parametrize("name", ["odd", "lora", "lora/merged", "tfidf", "fp32", "int8"])
def test_scores_in_a_file_are_those_of_the_classifier(
    tiny_run: Path, tiny_exports: Path, tmp_path: Path, name: str
) -> None:
    folder = (tiny_exports if name in ("fp32", "int8") else tiny_run) / name
    source = tmp_path / "c.jsonl"
    texts = [*TEXTS, LONG, "\U0001f621\U0001f621 \u4f60"]
    source.write_text("".join(json.dumps({"id": f"c{n}", "text": text}) + "\n" for n, text in enumerate(texts)))
    ended = retort("score", source, tmp_path / "s.csv", "--model", folder, "--threads", "2", "--json")
    assert ended.code == 0, ended.err
    classifier = Classifier.load(folder, threads=1)
    answers = classifier.read(texts)
    found = rows_of(tmp_path / "s.csv")
    assert list(found[0]) == ["id", *classifier.attributes, "verdict"]
    assert [row["id"] for row in found] == [f"c{n}" for n in range(len(texts))]
    assert [row["verdict"] for row in found] == [answer.verdict for answer in answers]
    numbers = np.array([[float(row[name]) for name in classifier.attributes] for row in found], np.float32)
    expected = np.array([[a.probabilities[name] for name in classifier.attributes] for a in answers], np.float32)
    # int8 and tfidf score each text by itself; in the others padding moves the last digit.
    np.testing.assert_allclose(numbers, expected, rtol=0, atol=0 if name in ("int8", "tfidf") else 1e-5)
    report = json.loads(ended.out)
    assert report.keys() == {
        "rows", "verdicts", "truncated", "rejected", "seconds", "rows_per_second", "out", "model", "threads",
        "device",
    }  # fmt: skip
    assert (report["rows"], report["threads"]) == (len(texts), 2)
    assert report["verdicts"]["unsure"] == 1
    assert report["rejected"] == {"count": 0, "faults": {}}
    assert report["model"] == {
        "arm": classifier.arm, "format": classifier.format, "sha256": classifier.sha256,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["odd", "lora", "lora/merged", "fp32", "int8"])
def test_truncated_a_long_comment_is_scored_by_its_beginning_and_counted(
    tiny_run: Path, tiny_exports: Path, tmp_path: Path, name: str
) -> None:
    folder = (tiny_exports if name in ("fp32", "int8") else tiny_run) / name
    room = Classifier.load(folder, threads=1).max_length - 2
    # Every word of these is one token.
    beginning, short = " ".join(["good"] * room), "bad bus"
    source = tmp_path / "c.jsonl"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in [f"{beginning} bad", beginning, short]))
    for options, truncated in ([], 0), (["--truncate"], 1):
        out = tmp_path / f"{truncated}.csv"
        ended = retort("score", source, out, "--model", folder, "--json", *options)
        assert ended.code == 0, ended.err
        assert json.loads(ended.out)["truncated"] == truncated
        assert (f"warning: {truncated} row was truncated to the first {room + 2} tokens\n" in ended.err) is bool(
            truncated
        )
        cut, whole, _ = (row["toxicity"] for row in rows_of(out))
        assert (cut == whole) is bool(truncated)
    ended = retort("score", source, tmp_path / "folder", "--model", folder, "--truncate")
    assert ended.code == 0, ended.err
    assert json.loads((tmp_path / "folder" / "manifest.json").read_text())["truncated"] == 1


def test_people_read_one_line(model: Path, tiny_comments: Path, tmp_path: Path) -> None:
    ended = retort("score", tiny_comments, tmp_path / "s.parquet", "--model", model)
    assert ended.code == 0
    verdicts = pd.read_parquet(tmp_path / "s.parquet")["verdict"].tolist()
    (line,) = ended.out.splitlines()
    assert line.startswith(f"120 rows: {verdicts.count('toxic')} toxic, 0 unsure, 0 rejected; ")
    assert line.endswith(f" rows/s; {tmp_path / 's.parquet'}")
    assert ended.err == "device: cpu\n"


def test_faulty_rows_are_named_and_up_to_one_in_a_hundred_is_no_failure(model: Path, tmp_path: Path) -> None:
    source = file_of(tmp_path / "c.csv", [*(f"{n},{TEXTS[0]}" for n in range(1, 200)), "200,"])
    ended = retort("score", source, tmp_path / "s.csv", "--model", model)
    assert ended.code == 0
    assert ended.err == "device: cpu\nwarning: not scored: 1 x blank text, row 200\n"
    assert " 1 rejected; " in ended.out
    assert rows_of(tmp_path / "s.csv")[-1] == {"id": "200", "toxicity": "", "insult": "", "verdict": ""}


def test_more_faulty_rows_end_with_7_when_all_is_written(model: Path, tmp_path: Path) -> None:
    bad = ["x, "] * 6 + ["a,b,c"]
    source = file_of(tmp_path / "c.csv", [*bad, *(f"{n},{TEXTS[0]}" for n in range(8, 101))])
    ended = retort("score", source, tmp_path / "s.csv", "--model", model, "--json")
    assert ended.code == 7
    assert "7 of 100 rows could not be scored" in ended.error
    assert "warning: not scored: 6 x blank text, rows 1, 2, 3, 4, 5, ..." in ended.err
    assert "warning: not scored: 1 x ragged row, row 7" in ended.err
    assert json.loads(ended.out)["rejected"] == {
        "count": 7,
        "faults": {
            "blank text": {"count": 6, "first_rows": [1, 2, 3, 4, 5]},
            "ragged row": {"count": 1, "first_rows": [7]},
        },
    }
    found = rows_of(tmp_path / "s.csv")
    assert [row["verdict"] == "" for row in found] == [True] * 7 + [False] * 93


def test_columns_can_be_named(model: Path, tmp_path: Path) -> None:
    source = tmp_path / "c.tsv"
    source.write_text(f"key\tbody\nk1\t{TEXTS[0]}\nk2\t{TEXTS[1]}\n")
    former = ("--text-column", "body", "--id-column", "key")
    for out, flags in (("a.csv", ("--column", "text=body", "--column", "id=key")), ("b.csv", former)):
        ended = retort("score", source, tmp_path / out, "--model", model, *flags)
        assert ended.code == 0, ended.err
        assert [row["id"] for row in rows_of(tmp_path / out)] == ["k1", "k2"]


@pytest.mark.parametrize(
    ("arguments", "code", "telling"),
    [
        (("{in}", "{in}"), 2, "is there already"),
        (("{in}", "{model}"), 2, "is there already"),
        (("{in}", "{new}/s.csv.gz"), 2, "is not written"),
        (("{in}", "{in}/s.csv"), 2, "cannot be a file"),
        (("{in}", "{in}/shards"), 2, "cannot be a folder"),
        (("{in}", "{new}/s.csv", "--threads", "0"), 2, "--threads"),
        (("{in}",), 2, "OUT"),
        (("gone.csv", "{new}/s.csv"), 3, "no such file"),
        # Before a model is loaded, which may take long.
        (("{in}", "{in}", "--model", "gone"), 2, "is there already"),
        (("gone.csv", "{new}/s.csv", "--model", "gone"), 3, "no such file"),
        (("{empty}", "{new}/s.csv"), 3, "is empty"),
        (("{in}", "{new}/s.csv", "--column", "text=body"), 3, "no column 'body'"),
        (("{in}", "{new}/s.csv", "--column", "id=key"), 3, "--column id=HEADER"),
        (("{in}", "{new}/s.csv", "--column", "toxicity=mood", "--model", "gone"), 2, "name text or id"),
        (("{in}", "{new}/s.csv", "--model", "gone"), 4, "no such folder"),
        (("{in}", "{new}/s.csv", "--model", "{torn}"), 4, "take a whole copy"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line_and_leaves_nothing(
    model: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, telling: str
) -> None:
    source = file_of(tmp_path / "c.csv", ["1,a good bus"])
    places = {
        "in": source,
        "new": tmp_path / "new",
        "model": model,
        "torn": tmp_path / "torn",
        "empty": tmp_path / "e.csv",
    }
    places["empty"].touch()
    shutil.copytree(model, places["torn"])
    (places["torn"] / "model.onnx").write_bytes(b"torn")
    before = sorted(tmp_path.rglob("*"))
    ended = retort(
        "score", *(a.format(**places) for a in arguments), *([] if "--model" in arguments else ["--model", model])
    )
    assert ended.code == code, ended.err
    assert telling in ended.error
    assert ended.out == ""
    assert [path for path in sorted(tmp_path.rglob("*")) if path != places["new"]] == before


def test_a_full_disk_is_one_line_and_5(model: Path, tmp_path: Path) -> None:
    source = file_of(tmp_path / "c.csv", ["1,a good bus"])
    (tmp_path / "s.csv.partial").symlink_to("/dev/full")
    ended = retort("score", source, tmp_path / "s.csv", "--model", model)
    assert ended.code == 5
    assert "No space left on device; free some space" in ended.error
    assert list(tmp_path.iterdir()) == [source]


def without_extras(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command where only the base install is there."""
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, "score", *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def test_csv_and_json_lines_need_the_base_install_alone(model: Path, tmp_path: Path) -> None:
    lines = [json.dumps({"id": identifier, "text": text}) for identifier, text in zip(IDS, TEXTS, strict=True)]
    (tmp_path / "c.jsonl").write_text("\n".join(lines))
    with (tmp_path / "c.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "text"), *zip(IDS, TEXTS, strict=True)])
    for source, out in (("c.csv", "s.jsonl"), ("c.jsonl", "s.csv")):
        ended = without_extras(tmp_path / source, tmp_path / out, "--model", model)
        assert ended.returncode == 0, ended.stderr
    verdicts = [answer.verdict for answer in Classifier.load(model).read(TEXTS)]
    assert [row["verdict"] for row in rows_of(tmp_path / "s.csv")] == verdicts
    written = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert [(row["id"], row["verdict"]) for row in written] == list(zip(IDS, verdicts, strict=True))


def test_without_pyarrow_parquet_is_refused_with_its_install_line(model: Path, tmp_path: Path) -> None:
    source = file_of(tmp_path / "c.csv", ["1,a good bus"])
    (tmp_path / "c.parquet").write_bytes(b"PAR1")
    for given, out in ((source, "s.parquet"), (source, "shards"), (tmp_path / "c.parquet", "s.csv")):
        ended = without_extras(given, tmp_path / out, "--model", model)
        assert ended.returncode == 5
        assert ended.stderr == f"error: pyarrow is not installed; {install_line('pyarrow')}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.csv", "c.parquet"]


@pytest.mark.parametrize(("out", "sent", "code"), [("s.csv", signal.SIGINT, 130), ("shards", signal.SIGTERM, 143)])
def test_a_signal_in_the_middle_ends_it_soon_and_leaves_nothing(
    tiny_exports: Path, tmp_path: Path, out: str, sent: signal.Signals, code: int
) -> None:
    # Far more rows than can be scored before the signal comes.
    source = file_of(tmp_path / "c.csv", [f'{n},"{LONG}"' for n in range(20_000)])
    with subprocess.Popen(
        command("score", source, tmp_path / out, "--model", tiny_exports / "fp32"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=changed({}), preexec_fn=_heed_ctrl_c,
    ) as process:  # fmt: skip
        watchdog = threading.Timer(240, process.kill)
        watchdog.daemon = True
        watchdog.start()
        while not (tmp_path / f"{out}.partial").exists():
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.01)
        process.send_signal(sent)
        printed, errors = process.communicate(timeout=120)
        watchdog.cancel()
    assert process.returncode == code, errors
    assert printed == ""
    assert errors.splitlines()[-1] == f"error: {'interrupted' if code == 130 else 'terminated'}; nothing was written"
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == [source]


def test_without_a_terminal_progress_is_a_plain_line_now_and_then(
    model: Path, tiny_comments: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retort.cli.score._QUIET_SECONDS", 0.0)
    ended = retort("score", tiny_comments, tmp_path / "s.csv", "--model", model)
    device, line = ended.err.splitlines()
    assert device == "device: cpu"
    assert line.startswith("120 rows, ")
    assert line.endswith(" rows/s, 100% of the file")


def test_its_help_has_an_example_and_its_options() -> None:
    ended = in_its_own_process("score", "--help")
    assert ended.code == 0
    shown = " ".join(ended.out.split())
    assert "Example: retort score comments.csv scores.parquet --model" in shown
    assert "one a row: .csv, .tsv, .jsonl, .parquet, also .gz." in shown
    for flag in ("--model", "--column", "--threads", "--json"):
        assert flag in shown
    assert "--text-column" not in shown
