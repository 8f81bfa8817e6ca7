"""Compare an exported model with PyTorch: python golden.py CHECKPOINT MODEL PACKED OUT.jsonl.gz

Writes PyTorch's greedy token ids, in float32, for the first scenes of the test split, and prints how
many captions of the exported graphs have the same ids. The first line of the file says how to draw the
scenes again.
"""
import argparse
import gzip
import json

import torch

import data
import evaluate
import export
import model
import runtime
import tokens


def main():
    p = argparse.ArgumentParser(description=__doc__)
    for name in ("checkpoint", "model", "packed", "out"):
        p.add_argument(name)
    p.add_argument("--count", type=int, default=1000)
    p.add_argument("--seed", type=int, default=1, help="seed that the test split was drawn with")
    args = p.parse_args()
    torch.set_num_threads(1)
    m, exported, scenes = export.load(args.checkpoint), runtime.Model(args.model), data.Scenes(args.packed, "test")
    lines = [{"split": "test", "seed": args.seed, "count": args.count, "prompt": evaluate.prompt("{alt_text}"), "prompt_without_alt": evaluate.prompt("")}]
    equal = 0
    for start in range(0, args.count, 32):
        part = range(start, min(start + 32, args.count))
        alts, pictures = [scenes.records[i]["alt"] for i in part], [scenes.pictures[i] for i in part]
        want = model.greedy(m, torch.from_numpy(exported.pixels(pictures)), [tokens.prompt(exported.tokenizer, a) for a in alts], tokens.EOS)
        got = exported.caption(pictures, [evaluate.prompt(a) for a in alts])
        equal += sum(w == g for w, g in zip(want, got))
        lines += [{"index": scenes.records[i]["index"], "alt_text": a, "token_ids": w} for i, a, w in zip(part, alts, want)]
    with gzip.GzipFile(args.out, "wb", mtime=0) as f:
        f.write("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode())
    print(json.dumps({"captions": args.count, "equal": equal, "percent": round(100 * equal / args.count, 2)}))


if __name__ == "__main__":
    main()
