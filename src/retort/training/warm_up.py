"""A step of training that is thrown away, so that the first arm does not pay for what all of them need."""

import torch
from accelerate import Accelerator
from transformers import BertConfig, BertForSequenceClassification


def warm_up(accelerator: Accelerator) -> None:
    """Trains a tiny random BERT one step in the precision of `accelerator`, on its device.

    Libraries load parts of themselves and start threads when they first train, which takes some 30 MB. What depends on
    the shapes of a model, such as kernels that are compiled for them, still falls to the first arm. Random numbers
    drawn afterwards are not affected.
    """
    shape = BertConfig(vocab_size=32, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2)
    with torch.random.fork_rng():
        model = BertForSequenceClassification(shape).to(accelerator.device).train()
        optimizer = torch.optim.AdamW(model.parameters(), fused=True)
        with accelerator.autocast():
            logits = model(input_ids=torch.ones((2, 8), dtype=torch.long, device=accelerator.device)).logits
        logits.float().sum().backward()
        optimizer.step()
