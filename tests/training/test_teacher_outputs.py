"""The teacher's outputs, computed once: the same as asking it each time."""

from pathlib import Path

import numpy as np
import torch

from retort.data.batches import encode
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base, load_tokenizer
from retort.training.teacher_outputs import teacher_outputs
from tests.conftest import tiny_rows


def test_cached_hidden_states_and_logits_equal_the_live_teachers(tiny_bert: Path, tmp_path: Path) -> None:
    teacher = classifier_from_base(resolve_base(str(tiny_bert)), ("toxicity",), seed=0).eval()
    tokens = encode([text for _, text, *_ in tiny_rows()[:40]], load_tokenizer(tiny_bert), 32)
    kept = teacher_outputs(teacher, tokens, (2, 4, 2), tmp_path / "cache.npy")
    assert kept.hidden is not None
    assert kept.entries == (2, 4)
    rows = np.array([7, 3, 30])
    ids, mask = (torch.from_numpy(a) for a in tokens.padded(rows))
    with torch.no_grad():
        said = teacher(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    real = mask.bool()
    for column, entry in enumerate((4, 2)):
        cached = kept.hidden_states(rows, (4, 2), ids, mask)[:, column].float()
        torch.testing.assert_close(cached[real], said.hidden_states[entry][real], rtol=1e-3, atol=2e-3)
    np.testing.assert_allclose(kept.logits[rows], said.logits.numpy(), atol=1e-5)


def test_without_entries_no_file_is_written(tiny_bert: Path, tmp_path: Path) -> None:
    teacher = classifier_from_base(resolve_base(str(tiny_bert)), ("toxicity",), seed=0).eval()
    tokens = encode(["a good bus"], load_tokenizer(tiny_bert), 32)
    assert teacher_outputs(teacher, tokens, (), tmp_path / "cache.npy").hidden is None
    assert list(tmp_path.iterdir()) == []
