"""The peer of `bench -only step`: Hugging Face's CLIPModel in PyTorch, eager, float32, AdamW fused.

    python clip.py CONFIG.json BATCH LENGTH STEPS THREADS

transformers 4.57.6, torch 2.15. Reads a line from stdin before each round and answers with the seconds of STEPS
steps and the peak of the process's memory in KiB.
"""
import json
import resource
import sys
import time

import torch
import torch.nn.functional as F
from transformers import CLIPConfig, CLIPModel

config, batch, length, steps, threads = sys.argv[1], *map(int, sys.argv[2:6])
torch.set_num_threads(threads)
torch.manual_seed(1)
config = CLIPConfig.from_dict(json.load(open(config)))
model = CLIPModel(config)
decay = [p for p in model.parameters() if p.ndim > 1]
rest = [p for p in model.parameters() if p.ndim <= 1]
optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}], 1e-4, fused=True)
size = config.vision_config.image_size
pixels = torch.randn(batch, 3, size, size)
ids = torch.randint(2, config.text_config.vocab_size, (batch, length))
ids[:, -1] = config.text_config.eos_token_id
target = torch.arange(batch)


def step():
    optimizer.zero_grad(set_to_none=True)
    images = F.normalize(model.get_image_features(pixel_values=pixels), dim=-1)
    texts = F.normalize(model.get_text_features(input_ids=ids), dim=-1)
    logits = model.logit_scale.exp() * images @ texts.T
    loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    loss.backward()
    optimizer.step()
    return loss.item()


for _ in range(3):
    step()
print("ready", flush=True)
for _ in sys.stdin:
    began = time.perf_counter()
    for _ in range(steps):
        loss = step()
    print(json.dumps({"seconds": time.perf_counter() - began, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, "loss": loss}), flush=True)
