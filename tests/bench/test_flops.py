"""Useful work counted by formula equals what torch counts while it computes."""

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertForSequenceClassification

from retort.bench.flops import Shape, forward_flops
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base
from retort.models.first_token import first_token_only


@pytest.fixture
def model(tiny_bert: Path) -> BertForSequenceClassification:
    made = classifier_from_base(resolve_base(str(tiny_bert)), ("toxicity", "insult"), seed=0).eval()
    made.set_attn_implementation("eager")
    return made


def counted(model: BertForSequenceClassification, sequences: int, tokens: int) -> float:
    ids = torch.ones((sequences, tokens), dtype=torch.int64)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(input_ids=ids, attention_mask=torch.ones_like(ids))
    return float(counter.get_total_flops())


@pytest.mark.parametrize(("sequences", "tokens"), [(1, 2), (1, 17), (3, 40)])
def test_without_padding_it_is_what_torch_counts(
    model: BertForSequenceClassification, sequences: int, tokens: int
) -> None:
    assert forward_flops(model.config, [tokens] * sequences) == counted(model, sequences, tokens)


@pytest.mark.parametrize(("sequences", "tokens"), [(1, 2), (3, 40)])
def test_so_it_is_with_the_last_layer_computed_for_the_first_token_alone(
    model: BertForSequenceClassification, sequences: int, tokens: int
) -> None:
    with first_token_only(model):
        assert forward_flops(model.config, [tokens] * sequences, first_token=True) == counted(model, sequences, tokens)


def test_sequences_of_different_lengths_are_the_sum_of_each_alone(model: BertForSequenceClassification) -> None:
    lengths = [5, 80, 31]
    for first_token in (False, True):
        alone = sum(forward_flops(model.config, [length], first_token=first_token) for length in lengths)
        assert forward_flops(model.config, lengths, first_token=first_token) == pytest.approx(alone, rel=1e-12)
    # What a batch is padded to is not useful.
    assert forward_flops(model.config, lengths) < counted(model, 3, 80)


def test_nothing_is_no_work_and_numpy_lengths_do() -> None:
    import numpy as np

    shape = Shape(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_labels=1)
    assert forward_flops(shape, []) == 0
    assert forward_flops(shape, np.asarray([128], np.int64)) == forward_flops(shape, [128])
    # Large counts do not wrap around.
    many = np.full(3_000_000, 512, np.int32)
    assert forward_flops(shape, many) == pytest.approx(3_000_000 * forward_flops(shape, [512]))


def test_a_bert_base_reads_128_tokens_with_22_billion_operations() -> None:
    shape = Shape(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_labels=2)
    # Two for each of its 85 million weights and each token, and 5 % for attention.
    assert forward_flops(shape, [128]) == pytest.approx(2 * 84_934_656 * 128 + 12 * 4 * 128**2 * 768, rel=1e-3)
