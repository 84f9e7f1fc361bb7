"""What many tests share: no network, a tiny real BERT, a few comments it can learn, the real ones if there."""

import os

# Read once, when huggingface_hub is first imported; without it a load that misses its files hangs for a minute.
os.environ["HF_HUB_OFFLINE"] = "1"
# Tiny models gain nothing from a second thread, and lose much when the machine is busy.
os.environ["OMP_NUM_THREADS"] = "1"

import csv
import random
import shutil
import string
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

SUBJECTS = ("mayor", "council", "driver", "neighbour", "teacher", "writer", "reporter", "club", "court", "bank")
VERBS = ("opened", "closed", "painted", "moved", "praised", "sold", "found", "crossed", "missed", "mended")
THINGS = ("bridge", "library", "garden", "school", "market", "road", "bus", "bakery", "river", "park")
TIMES = ("today", "again", "early", "late", "twice", "slowly", "quietly", "yesterday", "finally", "gladly")
KIND = ("good", "lovely", "clever", "honest")
INSULTS = ("fool", "moron")
ROTTEN = ("rotten", "filthy")
OTHERS = ("the", "a", "an", "is", "was", "and", "of", "you", "what", "this", "that", "i", "we", "it", "not", "comment")

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def wordpieces() -> list[str]:
    """About 200 pieces: the words above whole, and every letter and digit so that nothing is unknown."""
    characters = string.ascii_lowercase + string.digits
    words = SUBJECTS + VERBS + THINGS + TIMES + KIND + INSULTS + ROTTEN + OTHERS
    return [
        *SPECIAL,
        *characters,
        *("##" + c for c in characters),
        *".,!?'\"-:*@/()",
        *(w for w in words if len(w) > 1),
    ]


def built_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """The folder `name`, filled by `build` once for all of pytest's worker processes."""
    base = factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    shared.mkdir(exist_ok=True)
    folder = shared / name
    with FileLock(shared / f"{name}.lock"):
        if not (shared / f"{name}.done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            build(folder)
            (shared / f"{name}.done").touch()
    return folder


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a real BertModel of 4 layers (hidden 32, 2 heads) and its tokenizer; random weights, one seed.

    Shared by the whole session: copy it before changing anything in it.
    """
    return built_once(tmp_path_factory, "bert", _write_tiny_bert)


def _write_tiny_bert(folder: Path) -> None:
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    pieces = wordpieces()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = BertModel(
            BertConfig(
                vocab_size=len(pieces),
                hidden_size=32,
                num_hidden_layers=4,
                num_attention_heads=2,
                intermediate_size=64,
                max_position_embeddings=128,
            )
        )
    model.save_pretrained(folder)
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    BertTokenizerFast(vocab=vocabulary, model_max_length=128).save_pretrained(folder)


@pytest.fixture(scope="session")
def poolerless_bert(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `tiny_bert`, but trained on words alone, as it were: nothing was ever made of its first token."""
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(tiny_bert, tmp_path_factory.mktemp("tiny") / "poolerless")
    weights = {n: t for n, t in load_file(folder / "model.safetensors").items() if not n.startswith("pooler")}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def tiny_rows() -> list[tuple[str, str, float, float]]:
    """120 different short comments as (id, text, toxicity, insult); which words decide the label is plain."""
    randomness = random.Random(0)
    rows: dict[str, tuple[float, float]] = {}
    while len(rows) < 120:
        subject, verb, thing, time = (randomness.choice(words) for words in (SUBJECTS, VERBS, THINGS, TIMES))
        match len(rows) % 6:
            case 0 | 3:
                rows[f"the {subject} who {verb} the {thing} {time} is a {randomness.choice(INSULTS)}!"] = (0.9, 0.8)
            case 1:
                rows[f"what a {randomness.choice(ROTTEN)} {thing}, {verb} {time} by the {subject}."] = (0.7, 0.1)
            case _:
                rows[f"the {randomness.choice(KIND)} {subject} {verb} the {thing} {time}."] = (0.1, 0.0)
    return [(f"tiny-{n:03d}", text, *fractions) for n, (text, fractions) in enumerate(rows.items(), 1)]


@pytest.fixture(scope="session")
def tiny_comments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV of `tiny_rows` with the columns id, text, toxicity, insult: half toxic, a third insulting."""

    def build(folder: Path) -> None:
        with (folder / "comments.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "text", "toxicity", "insult"])
            writer.writerows(tiny_rows())

    return built_once(tmp_path_factory, "comments", build) / "comments.csv"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real comments that RETORT_REAL_DATA names; a test that wants it is skipped without."""
    named = os.environ.get("RETORT_REAL_DATA")
    if not named:
        pytest.skip("RETORT_REAL_DATA names no folder with civil_comments/, kaggle_header/ and toxic_spans/")
    folder = Path(named)
    if not (folder / "civil_comments" / "train.csv").is_file():
        pytest.fail(f"RETORT_REAL_DATA={named}: no civil_comments/train.csv in it")
    return folder


ARMS = (
    "majority",
    "tfidf",
    "teacher",
    "odd",
    "even",
    "lora",
    "odd-labels",
    "odd-base",
    "odd-random",
    "lora-odd",
    "static",
)


@pytest.fixture(scope="session")
def tiny_run(tiny_bert: Path, tiny_comments: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run of `retort compare` with every arm of `ARMS`, report included; what it printed is in printed.txt
    beside it. Shared by the whole session: copy it before changing anything in it.
    """
    from tests.command import QUICK, retort

    def build(folder: Path) -> None:
        arms = ("--set", f"arms=[{','.join(ARMS)}]")
        ended = retort("compare", "--base", tiny_bert, "--data", tiny_comments, "--out", folder / "run", *QUICK, *arms)
        assert ended.code == 0, ended.err
        (folder / "printed.txt").write_text(ended.out, "utf-8")

    return built_once(tmp_path_factory, "runs", build) / "run"


@pytest.fixture(scope="session")
def tiny_exports(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The odd arm of `tiny_run` exported: the folders `fp32` and `int8`. Copy them before changing anything."""
    from tests.command import retort

    def build(folder: Path) -> None:
        for name, flags in (("fp32", ()), ("int8", ("--int8",))):
            ended = retort("export", tiny_run / "odd", "--out", folder / name, *flags)
            assert ended.code == 0, ended.err

    return built_once(tmp_path_factory, "exports", build)
