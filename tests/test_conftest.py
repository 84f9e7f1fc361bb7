"""The tiny BERT and the tiny comments are what the other tests take them for."""

import csv
import itertools
from pathlib import Path


def test_the_tiny_bert_has_four_layers_and_knows_every_word_of_the_tiny_comments(
    tiny_bert: Path, tiny_comments: Path
) -> None:
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(tiny_bert), AutoTokenizer.from_pretrained(tiny_bert)

    assert model.config.num_hidden_layers == 4
    assert len(tokenizer) == model.config.vocab_size
    with tiny_comments.open(encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    assert len(set(texts)) == 120
    assert tokenizer.unk_token_id not in set(itertools.chain(*tokenizer(texts)["input_ids"]))
    assert tokenizer.tokenize("the mayor") == ["the", "mayor"]


def test_the_hub_cannot_be_reached_from_a_test() -> None:
    from huggingface_hub import constants

    assert constants.HF_HUB_OFFLINE
