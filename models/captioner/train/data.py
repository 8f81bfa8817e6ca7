"""Scenes for training: python data.py OUT train='train/*.tar' test='test/*.tar' ...

Packs the tars that `recaption scenes` writes into one array of pictures and one file of records per
split, and trains the tokenizer. Scenes serves batches from the packed form.
"""
import argparse
import glob
import io
import json
import os
import random
import tarfile
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer

import tokens

COLOURS = ["red", "orange", "yellow", "green", "blue", "purple", "black", "white"]
SHAPES = ["circle", "square", "triangle", "star", "heart", "cross", "moon", "flower"]
TEXTURES = ["plain", "striped", "dotted"]
SIZES = ["large", "small"]
GROUNDS = ["smooth", "shaded", "grainy"], ["cream", "mint", "grey", "pink", "sky", "sand"]
SIDE, CELL, SLOTS = 96, 16, 2
CLASSES = (2, len(COLOURS), len(SHAPES), len(TEXTURES), len(SIZES))  # present, colour, shape, texture, size
GROUND = tuple(map(len, GROUNDS))
NOTHING = -100  # what cross entropy leaves out
ENDING_WEIGHT = 4.0
OTHER_NAME, OTHER_ALT = 0.8, 0.08  # shares of samples that take another scene's name, another scene's alt-text
TOKENIZER_SCENES = 20000


@dataclass
class Batch:
    pixels: torch.Tensor  # [B,3,96,96] in [-1, 1]
    ids: torch.Tensor  # [B,L]: prompt, caption, end; padded on the right
    keep: torch.Tensor  # flat positions in ids whose next token is scored
    targets: torch.Tensor  # those tokens
    weight: torch.Tensor  # 1, or ENDING_WEIGHT on the sentence of the name and on the end
    cells: torch.Tensor  # [B,36,SLOTS,5]
    ground: torch.Tensor  # [B,2]


class Scenes:
    """One packed split, its pictures mapped from disk."""

    def __init__(self, folder, split):
        self.tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
        self.pictures = np.load(f"{folder}/{split}.npy", mmap_mode="r")
        with open(f"{folder}/{split}.jsonl") as f:
            self.records = [json.loads(line) for line in f]
        self.named = [r for r in self.records if r["name"]]
        self.names = sorted({r["name"] for r in self.named})

    def __len__(self):
        return len(self.records)

    def texts(self, record, r):
        """(alt-text, caption, name), not always as the scene has them.

        Most names become another scene's: copying is to be learnt, not the names. Some alt-texts become
        another picture's, mostly with a name; it belongs to a shape that this picture lacks, and is not
        carried.
        """
        alt, caption, name = record["alt"] or "", record["caption"], record["name"]
        if r.random() < OTHER_ALT:
            other = r.choice(self.named if r.random() < 0.75 else self.records)
            if not other["named"] or all(SHAPES[o[4]] != other["named"] for o in record["objects"]):
                return other["alt"] or "", record["plain"], ""
        if name and r.random() < OTHER_NAME:
            other = r.choice(self.names)
            alt, caption, name = alt.replace(name, other), caption.replace(name, other), other
        return alt, caption, name

    def batch(self, indices, r, shift=2):
        rows, at, targets, weight = [], [], [], []
        texts = [self.texts(self.records[i], r) for i in indices]
        captions = self.tokenizer.encode_batch([" " + caption for _, caption, _ in texts])
        for i, (alt, _, name), c in zip(indices, texts, captions):
            prompt = tokens.prompt(self.tokenizer, alt)
            row = prompt + c.ids + [tokens.EOS]
            seen = 1 + len(self.records[i]["plain"])  # up to here the caption says what can be seen
            rows.append(row)
            at.append(range(len(prompt) - 1, len(row) - 1))
            targets += row[len(prompt) :]
            weight += [ENDING_WEIGHT if name and end > seen else 1.0 for _, end in c.offsets] + [ENDING_WEIGHT]
        length = max(map(len, rows))
        ids = np.array([row + [tokens.PAD] * (length - len(row)) for row in rows])
        keep = np.concatenate([np.array(p) + j * length for j, p in enumerate(at)])
        dx, dy = r.randint(-shift, shift), r.randint(-shift, shift)
        pictures = np.stack([self.pictures[i] for i in indices])
        pictures = np.pad(pictures, ((0, 0), (shift, shift), (shift, shift), (0, 0)), mode="edge")
        pictures = pictures[:, shift + dy : shift + dy + SIDE, shift + dx : shift + dx + SIDE]
        cells, ground = self.labels(indices, dx, dy)
        return Batch(pixels(pictures), *map(torch.from_numpy, (ids, keep, np.array(targets), np.array(weight, np.float32), cells, ground)))

    def labels(self, indices, dx, dy):
        """What train.Cells is to read off the features of pictures moved by (-dx, -dy)."""
        n = SIDE // CELL
        cells = np.full((len(indices), n * n, SLOTS, len(CLASSES)), NOTHING)
        cells[..., 0] = 0
        for j, i in enumerate(indices):
            for x, y, host, *classes in self.records[i]["objects"]:
                column, row = (min(n - 1, max(0, int(v / CELL))) for v in (x - dx, y - dy))
                cells[j, row * n + column, host] = [1, *classes]
        return cells, np.array([self.records[i]["ground"] for i in indices])

    def batches(self, size, seed, first, last, rank=0, ranks=1):
        """This rank's share of batches first..last of an endless order, each share as two parts.

        To save padding, a batch is cut by length into parts; so that all ranks have as much to do, the
        first takes the shortest and the longest part, and so on inwards.
        """
        length = np.array([len(r["caption"]) for r in self.records])
        steps, order, epoch = len(self) // size, None, None
        for step in range(first, last):
            if step // steps != epoch:
                epoch = step // steps
                order = np.random.default_rng([seed, epoch]).permutation(len(self))
            indices = order[step % steps * size :][:size]
            parts = np.split(indices[np.argsort(length[indices], kind="stable")], 2 * ranks)
            r = random.Random(f"{seed} {step} {rank}")
            yield [self.batch(part, r) for part in (parts[rank], parts[-1 - rank])]


def pixels(pictures):
    x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2)
    return x.float().div_(127.5).sub_(1).contiguous(memory_format=torch.channels_last)


# ---------------------------------------------------------------- packing


def members(paths):
    """(png, alt-text or None, truth) of each sample in the tars, in order."""
    for path in paths:
        sample = {}
        with tarfile.open(path) as tar:
            for m in tar:
                key, ext = m.name.rsplit(".", 1)
                if sample and sample["key"] != key:
                    yield sample["png"], sample.get("txt"), json.loads(sample["json"])["truth"]
                    sample = {}
                sample |= {"key": key, ext: tar.extractfile(m).read()}
        if sample:
            yield sample["png"], sample.get("txt"), json.loads(sample["json"])["truth"]


def record(alt, truth):
    """What training and evaluation need of a sample, in the order of the lists above."""
    objects = [
        [o["x"], o["y"], int(o["host"]), COLOURS.index(o["colour"]), SHAPES.index(o["shape"]), TEXTURES.index(o["texture"]), SIZES.index(o["size"])]
        for o in truth["objects"]
    ]
    name = truth.get("name", "")
    return {
        "index": truth["index"],
        "alt": alt.decode() if alt else None,
        "caption": truth["caption"],
        "plain": truth["caption"].rsplit(" The ", 1)[0] if name else truth["caption"],  # without the sentence of the name
        "name": name,
        "named": truth["objects"][truth["name_object"]]["shape"] if name else None,
        "wrong_colour": truth["wrong_colour"],
        "objects": objects,
        "ground": [GROUNDS[0].index(truth["background"]["texture"]), GROUNDS[1].index(truth["background"]["colour"])],
    }


def pack(out, split, pattern):
    """Pictures and records of the tars that match pattern, as OUT/split.npy and OUT/split.jsonl."""
    paths = sorted(glob.glob(pattern))
    count = sum(1 for p in paths for m in tarfile.open(p) if m.name.endswith(".json"))
    pictures = np.lib.format.open_memmap(f"{out}/{split}.npy", "w+", np.uint8, (count, SIDE, SIDE, 3))
    records = []
    with open(f"{out}/{split}.jsonl", "w") as f:
        for i, (png, alt, truth) in enumerate(members(paths)):
            pictures[i] = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
            records.append(record(alt, truth))
            f.write(json.dumps(records[-1]) + "\n")
    pictures.flush()
    return records


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("out")
    p.add_argument("splits", nargs="+", metavar="SPLIT=PATTERN", help="the tokenizer is trained on the split named train")
    p.add_argument("--vocab", type=int, default=1024)
    args = p.parse_args()
    os.makedirs(args.out, exist_ok=True)
    for split, pattern in (s.split("=", 1) for s in args.splits):
        records = pack(args.out, split, pattern)
        print(f"{split}: {len(records)} scenes", flush=True)
        if split == "train":
            texts = [t for r in records[:TOKENIZER_SCENES] for t in (" " + (r["alt"] or ""), " " + r["caption"])]
            tokens.train(texts, args.vocab).save(f"{args.out}/tokenizer.json")


if __name__ == "__main__":
    main()
