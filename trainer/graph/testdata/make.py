"""Write the goldens of trainer/graph: loss and gradients of a small CLIPModel in float64.

    python make.py      # transformers 4.57.6, torch 2.15, safetensors 0.8.0

For each activation a file of weights, and for each loss, with and without hard negatives, a file of inputs,
features, loss and gradients. All numbers are stored as float32; weights and inputs are exactly so.
"""
import math

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from transformers import CLIPConfig, CLIPModel

torch.set_default_dtype(torch.float64)
BATCH, NEGATIVES, LENGTH, VOCAB, CONTEXT, EOS = 5, 3, 9, 40, 12, 39


def model(activation):
    torch.manual_seed(1)
    tower = dict(num_hidden_layers=2, hidden_act=activation, layer_norm_eps=1e-5, projection_dim=12)
    config = CLIPConfig(
        text_config=dict(vocab_size=VOCAB, hidden_size=16, intermediate_size=40, num_attention_heads=2,
                         max_position_embeddings=CONTEXT, eos_token_id=EOS, bos_token_id=38, pad_token_id=0, **tower),
        vision_config=dict(hidden_size=24, intermediate_size=56, num_attention_heads=3, image_size=12, patch_size=4, **tower),
        projection_dim=12, attn_implementation="eager")
    m = CLIPModel(config).double()
    for name, p in m.named_parameters():  # far from their first values, where more could be wrong
        v = torch.randn(p.shape) * 0.3 + (1 if name.endswith("norm.weight") or "layer_norm" in name and name.endswith("weight") or "layrnorm.weight" in name else 0)
        if name == "logit_scale":
            v = torch.tensor(1.7)
        p.data = v.float().double()
    return m


def tokens(rows, generator):
    ids = generator.integers(1, 38, (rows, LENGTH))
    for r, n in enumerate(generator.integers(2, LENGTH, rows)):
        ids[r, n] = EOS
        ids[r, n + 1:] = generator.integers(1, VOCAB, LENGTH - n - 1)  # never looked at; may hold the end again
    return torch.tensor(ids)


def loss(kind, images, texts, negatives, scale, bias):
    texts_all = torch.cat([texts, negatives]) if len(negatives) else texts
    n = len(images)
    if kind == "clip":
        logits = scale.exp() * images @ texts_all.T
        to_text = F.cross_entropy(logits, torch.arange(n))
        to_image = F.cross_entropy(logits[:, :n].T, torch.arange(n))
        return (to_text + to_image) / 2
    logits = scale.exp() * images @ texts_all.T + bias
    sign = -torch.ones_like(logits)
    sign[:, :n] += 2 * torch.eye(n)
    return -F.logsigmoid(sign * logits).sum() / n


def main():
    for activation in ["quick_gelu", "gelu"]:
        m = model(activation)
        save_file({k: p.detach().float().numpy() for k, p in m.named_parameters()}, f"{activation}.safetensors")
        for kind in ["clip", "siglip"]:
            for negatives in [0, NEGATIVES]:
                g = np.random.default_rng(7)
                pixels = torch.tensor(g.normal(size=(BATCH, 3, 12, 12)).astype(np.float32)).double()
                ids, other = tokens(BATCH, g), tokens(NEGATIVES, g)[:negatives]
                m.zero_grad()
                bias = torch.tensor(-2.5, requires_grad=True)
                norm = lambda x: x / x.norm(dim=-1, keepdim=True)
                images = norm(m.get_image_features(pixel_values=pixels))
                texts = norm(m.get_text_features(input_ids=torch.cat([ids, other])))
                for x in (images, texts):
                    x.retain_grad()
                l = loss(kind, images, texts[:BATCH], texts[BATCH:], m.logit_scale, bias)
                l.backward()
                out = {"gradient." + k: p.grad for k, p in m.named_parameters()}
                if kind == "siglip":
                    out["gradient.logit_bias"] = bias.grad
                out |= {"pixel_values": pixels, "input_ids": ids, "image_embeds": images, "text_embeds": texts[:BATCH], "loss": l,
                        "gradient.image_embeds": images.grad, "gradient.text_embeds": texts.grad[:BATCH]}
                if negatives:
                    out |= {"negative_ids": other, "negative_embeds": texts[BATCH:], "gradient.negative_embeds": texts.grad[BATCH:]}
                name = f"{activation}-{kind}" + ("-negatives" if negatives else "")
                save_file({k: v.detach().to(torch.float32).contiguous().numpy() for k, v in out.items()}, f"{name}.safetensors")
                print(name, float(l))


if __name__ == "__main__":
    main()
