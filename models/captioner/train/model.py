"""The captioner: an image encoder and a decoder that reads picture, alt-text and caption as one row.

The row is 36 image features, `<alt>`, the alt-text, `<caption>`, the caption, `<eos>`. Everything is
made of operations that ONNX has had for years, and nothing looks across samples of a batch.
"""
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

MASKED = -1e4  # finite: a row that is masked as a whole stays free of NaN


@dataclass
class Config:
    vocab: int = 640
    width: int = 192
    layers: int = 4
    heads: int = 6
    kv_heads: int = 2
    ffn: int = 512
    vision_layers: int = 2
    image: int = 96
    patch: int = 16
    rope_theta: float = 10000.0

    @property
    def head(self):
        return self.width // self.heads

    @property
    def tokens(self):
        """Image features of one picture."""
        return (self.image // self.patch) ** 2


class Norm(nn.Module):
    """LayerNorm without a bias: one kernel in training, one operator in ONNX."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, None, 1e-5)


def attend(q, k, v, bias=None):
    """Attention spelled out: on a CPU, at these lengths, faster than the fused kernel's backward pass."""
    w = torch.matmul(q * q.shape[-1] ** -0.5, k.transpose(-1, -2))
    if bias is not None:
        w = w + bias
    return torch.matmul(w.softmax(-1), v)


# ---------------------------------------------------------------- image encoder


class Residual(nn.Module):
    """Two 3x3 convolutions; GroupNorm, so that a picture doesn't depend on its batch."""

    def __init__(self, c):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(8, c), nn.Conv2d(c, c, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(8, c), nn.Conv2d(c, c, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x):
        x1 = self.conv1(F.gelu(self.norm1(x)))
        return x + self.conv2(F.gelu(self.norm2(x1)))


class EncoderLayer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        x = x + self.out(attend(q, k, v).transpose(1, 2).reshape(b, n, d))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Encoder(nn.Module):
    """96x96 pixels in [-1, 1] to 36 features: two convolution stages, then attention over the grid."""

    def __init__(self, c: Config):
        super().__init__()
        self.stem, self.stage1 = nn.Conv2d(3 * 16, 64, 3, padding=1), Residual(64)
        self.widen, self.stage2 = nn.Conv2d(64 * 4, 128, 1), Residual(128)
        self.embed = nn.Conv2d(128 * 4, c.width, 1)
        self.position = nn.Parameter(torch.randn(1, c.tokens, c.width) * 0.02)
        self.layers = nn.ModuleList(EncoderLayer(c.width, c.heads) for _ in range(c.vision_layers))
        self.norm, self.project = nn.LayerNorm(c.width), nn.Linear(c.width, c.width)

    def forward(self, pixels):
        x = self.stage1(self.stem(F.pixel_unshuffle(pixels, 4)))
        x = self.stage2(self.widen(F.pixel_unshuffle(x, 2)))
        x = self.embed(F.pixel_unshuffle(x, 2)).flatten(2).transpose(1, 2) + self.position
        for layer in self.layers:
            x = layer(x)
        return self.project(self.norm(x))


# ---------------------------------------------------------------- decoder


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([-b, a], -1) * sin


class DecoderLayer(nn.Module):
    """Grouped-query attention with rotary positions, then SwiGLU."""

    def __init__(self, c: Config):
        super().__init__()
        self.c = c
        self.norm1, self.norm2 = Norm(c.width), Norm(c.width)
        self.query = nn.Linear(c.width, c.width, bias=False)
        self.key_value = nn.Linear(c.width, 2 * c.kv_heads * c.head, bias=False)
        self.out = nn.Linear(c.width, c.width, bias=False)
        self.up, self.down = nn.Linear(c.width, 2 * c.ffn, bias=False), nn.Linear(c.ffn, c.width, bias=False)

    def forward(self, x, cos, sin, bias, past=None):
        """Returns the new x and this layer's whole cache."""
        b, s, d = x.shape
        c = self.c
        y = self.norm1(x)
        q = rotate(self.query(y).view(b, s, c.heads, c.head).transpose(1, 2), cos, sin)
        kv = self.key_value(y).view(b, s, 2, c.kv_heads, c.head)
        k, v = rotate(kv[:, :, 0].transpose(1, 2), cos, sin), kv[:, :, 1].transpose(1, 2)
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        y = attend(q, self.share(k), self.share(v), bias).transpose(1, 2).reshape(b, s, d)
        x = x + self.out(y)
        gate, up = self.up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up), (k, v)

    def share(self, k):
        """One key or value head for each query head."""
        b, h, t, d = k.shape
        n = self.c.heads // h
        return k[:, :, None].expand(b, h, n, t, d).reshape(b, h * n, t, d)


class Captioner(nn.Module):
    def __init__(self, c: Config):
        super().__init__()
        self.c = c
        self.vision = Encoder(c)
        self.embed = nn.Embedding(c.vocab, c.width)
        self.layers = nn.ModuleList(DecoderLayer(c) for _ in range(c.layers))
        self.norm = Norm(c.width)
        self.register_buffer("frequency", c.rope_theta ** (-torch.arange(0, c.head, 2).float() / c.head), persistent=False)
        nn.init.normal_(self.embed.weight, std=0.02)
        for layer in self.layers:
            for m in (layer.query, layer.key_value, layer.up):
                nn.init.normal_(m.weight, std=c.width**-0.5)
            for m in (layer.out, layer.down):
                nn.init.normal_(m.weight, std=m.in_features**-0.5 * (2 * c.layers) ** -0.5)

    def decode(self, x, position, bias, past=None):
        """x [B,S,D], position [B,S], bias [B or 1,1,S,T] to add to attention.

        Returns the last hidden states and each layer's keys and values [B,kv,T,head].
        """
        angle = position.float()[:, None, :, None] * self.frequency.float()
        angle = torch.cat([angle, angle], -1)
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        cache = []
        for i, layer in enumerate(self.layers):
            x, kv = layer(x, cos, sin, bias, past[i] if past else None)
            cache.append(kv)
        return self.norm(x), cache

    def logits(self, hidden):
        return hidden @ self.embed.weight.t()

    def forward(self, features, ids, keep):
        """Logits at `keep`, flat positions in ids [B,L], of rows that are padded on the right only."""
        x = torch.cat([features, self.embed(ids)], 1)
        n = x.shape[1]
        bias = torch.full((n, n), MASKED, dtype=x.dtype).triu(1)[None, None]
        h, _ = self.decode(x, torch.arange(n)[None], bias)
        return self.logits(h[:, features.shape[1] :].flatten(0, 1)[keep])


def attention_bias(attention_mask, s):
    """What to add to the attention of the last s positions of rows with attention_mask [B,T]."""
    t = attention_mask.shape[1]
    last, every = torch.arange(t)[t - s :, None], torch.arange(t)[None]
    seen = (every <= last)[None, None] & (attention_mask[:, None, None, :] > 0)
    return torch.where(seen, 0.0, MASKED)


@torch.no_grad()
def greedy(m: Captioner, pixels, prompts, eos, pad=0, limit=96):
    """Greedy captions of prompts (ids after the image), left-padded to one batch, with a cache."""
    features = m.vision(pixels)
    b, n = features.shape[:2]
    longest = n + max(map(len, prompts))
    x, mask = torch.zeros(b, longest, features.shape[2]), torch.zeros(b, longest, dtype=torch.long)
    for i, p in enumerate(prompts):
        start = longest - n - len(p)
        x[i, start:] = torch.cat([features[i], m.embed(torch.tensor(p))])
        mask[i, start:] = 1
    position, past, done, rows = (mask.cumsum(1) - 1).clamp(min=0), None, torch.zeros(b, dtype=torch.bool), []
    while len(rows) < limit and not done.all():
        h, past = m.decode(x, position, attention_bias(mask, x.shape[1]), past)
        token = torch.where(done, pad, m.logits(h[:, -1]).argmax(-1))
        rows.append(token)
        done |= token == eos
        mask = F.pad(mask, (0, 1), value=1)
        x, position = m.embed(token)[:, None], mask.sum(1, keepdim=True) - 1
    return [[t for t in row if t not in (eos, pad)] for row in torch.stack(rows, 1).tolist()]
