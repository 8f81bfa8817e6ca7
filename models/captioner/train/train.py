"""Train the captioner: ./train.sh DATA OUT, which starts two of these with one thread each.

Compute is bfloat16, the masters are float32. The batch of a step is a function of seed, step and rank,
so a run that was cut off goes on from its last checkpoint as if nothing had happened, and --steps may be
changed until the learning rate begins to fall.
"""
import argparse
import copy
import json
import math
import os
import time
from dataclasses import asdict

import torch
import torch.distributed as dist
import torch.nn as nn
import torch.nn.functional as F

import data
import model
import tokens
from muon import Muon


class Cells(nn.Module):
    """Training only: reads off each feature which objects have their centre in its cell.

    Slot 0 is the object on top, slot 1 the one it lies inside. Without this loss the language is learnt
    long before the picture is looked at. The background is read off the mean feature.
    """

    def __init__(self, width):
        super().__init__()
        self.cell = nn.Linear(width, data.SLOTS * sum(data.CLASSES))
        self.ground = nn.Linear(width, sum(data.GROUND))

    def forward(self, features, cells, ground):
        features = features.float()
        read = self.cell(features).unflatten(-1, (data.SLOTS, -1)).split(data.CLASSES, -1)
        loss = sum(F.cross_entropy(z.flatten(0, 2), cells[..., i].flatten()) * (2 if i == 0 else 1) for i, z in enumerate(read))
        read = self.ground(features.mean(1)).split(data.GROUND, -1)
        return loss + sum(0.5 * F.cross_entropy(z, ground[:, i]) for i, z in enumerate(read))


class Run:
    """Masters, the bfloat16 copy that computes, both optimizers, and the step they are at."""

    def __init__(self, args, vocab):
        torch.manual_seed(args.seed)
        self.args, self.step = args, 0
        self.config = model.Config(vocab=vocab)
        self.master, self.cells = model.Captioner(self.config), Cells(self.config.width)
        self.master = self.master.to(memory_format=torch.channels_last)
        self.compute = copy.deepcopy(self.master).bfloat16()
        self.compute.frequency = self.master.frequency
        named = dict(self.master.named_parameters())
        hidden = [p for n, p in named.items() if p.ndim >= 2 and not n.startswith("embed") and "position" not in n]
        rest = [p for p in named.values() if all(p is not h for h in hidden)] + list(self.cells.parameters())
        self.muon = Muon(hidden, args.muon, weight_decay=0.025)
        self.adam = torch.optim.AdamW(
            [dict(params=[p for p in rest if p.ndim == 2], weight_decay=0.05), dict(params=[p for p in rest if p.ndim != 2], weight_decay=0.0)],
            args.lr, betas=(0.9, 0.98), fused=True)
        self.params = hidden + rest
        self.pairs = list(zip(self.master.parameters(), self.compute.parameters()))

    def rate(self):
        """Share of the full learning rate: a short rise, a plateau, a straight fall over the last part."""
        left = (self.args.steps - self.step) / (self.args.steps * self.args.fall)
        return min(1.0, (self.step + 1) / 60, left)

    def learn(self, parts):
        """One step; returns the loss of the captions, of their endings, and of the cells."""
        self.compute.zero_grad(set_to_none=True)
        self.cells.zero_grad(set_to_none=True)
        losses = [self.backward(part, 1 / len(parts)) for part in parts]
        self.update()
        return [sum(x) / len(x) for x in zip(*losses)]

    def backward(self, batch, share):
        features = self.compute.vision(batch.pixels.bfloat16())
        cells = self.cells(features, batch.cells, batch.ground)
        caption = ending = torch.zeros(())
        if self.step >= self.args.look:
            each = F.cross_entropy(self.compute(features, batch.ids, batch.keep).float(), batch.targets, reduction="none")
            caption, ending = (each * batch.weight).sum() / batch.weight.sum(), each.detach()[batch.weight > 1].mean()
        ((caption + cells) * share).backward()
        return caption.item(), ending.item(), cells.item()

    def update(self):
        for p, q in self.pairs:
            p.grad = None if q.grad is None else q.grad.float()
        grads = [p.grad for p in self.params if p.grad is not None]
        if dist.is_initialized():
            flat = torch.cat([g.flatten() for g in grads])
            dist.all_reduce(flat)
            flat /= dist.get_world_size()
            for g, part in zip(grads, flat.split([g.numel() for g in grads])):
                g.copy_(part.view_as(g))
        nn.utils.clip_grad_norm_(self.params, 1.0)
        rate = self.rate()
        for optimizer, full in ((self.muon, self.args.muon), (self.adam, self.args.lr)):
            for group in optimizer.param_groups:
                group["lr"] = full * rate
            optimizer.step()
        self.step += 1
        with torch.no_grad():
            for p, q in self.pairs:
                q.copy_(p)

    def save(self, path):
        state = dict(step=self.step, config=asdict(self.config), model=self.master.state_dict(), cells=self.cells.state_dict(),
                     muon=self.muon.state_dict(), adam=self.adam.state_dict())
        torch.save(state, path + ".tmp")
        os.replace(path + ".tmp", path)

    def load(self, path):
        state = torch.load(path, weights_only=True)
        self.step = state["step"]
        for part in ("cells", "muon", "adam"):
            getattr(self, part).load_state_dict(state[part])
        self.master.load_state_dict(state["model"])
        with torch.no_grad():
            for p, q in self.pairs:
                q.copy_(p)


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True, help="folder written by data.py")
    p.add_argument("--out", required=True, help="folder of checkpoints and log; an existing checkpoint is continued")
    p.add_argument("--steps", type=int, default=9950)
    p.add_argument("--batch", type=int, default=64, help="pictures per step, over all ranks")
    p.add_argument("--look", type=int, default=250, help="leading steps that train the encoder alone")
    p.add_argument("--fall", type=float, default=0.6, help="last share of the steps, over which the learning rate falls to 0")
    p.add_argument("--lr", type=float, default=1e-3, help="AdamW: embeddings, vectors")
    p.add_argument("--muon", type=float, default=0.02, help="Muon: hidden matrices")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--every", type=float, default=180, help="seconds between checkpoints")
    p.add_argument("--rank", type=int, default=0)
    p.add_argument("--ranks", type=int, default=1)
    p.add_argument("--port", type=int, default=29511)
    return p.parse_args()


def main():
    args = arguments()
    torch.set_num_threads(1)
    if args.ranks > 1:
        dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{args.port}", rank=args.rank, world_size=args.ranks)
    os.makedirs(args.out, exist_ok=True)
    scenes = data.Scenes(args.data, "train")
    run, path = Run(args, scenes.tokenizer.get_vocab_size()), f"{args.out}/model.pt"
    if os.path.exists(path):
        run.load(path)
    if args.rank == 0:
        print(f"{sum(p.numel() for p in run.master.parameters()):,} parameters, from step {run.step}", flush=True)
    start, first, saved, mean = time.time(), run.step, time.time(), None
    for parts in scenes.batches(args.batch, args.seed, run.step, args.steps, args.rank, args.ranks):
        losses = run.learn(parts)
        if args.rank:
            continue
        mean = [0.98 * m + 0.02 * x if m and x else m or x for m, x in zip(mean or losses, losses)]
        if run.step % 50 == 0:
            speed = (run.step - first) * args.batch / (time.time() - start)
            line = dict(step=run.step, seconds=round(time.time() - start), caption=round(mean[0], 4), ending=round(mean[1], 4), cells=round(mean[2], 4), pictures_per_second=round(speed, 1), rate=round(run.rate(), 3))
            print(json.dumps(line), flush=True)
            with open(f"{args.out}/log.jsonl", "a") as f:
                f.write(json.dumps(line) + "\n")
        if time.time() - saved > args.every or run.step == args.steps:
            run.save(path)
            saved = time.time()


if __name__ == "__main__":
    main()
