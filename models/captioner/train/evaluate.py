"""Score an exported model on every split: python evaluate.py MODEL PACKED OUT.json

Each figure is the share of facts that the captions get right, of those that the scenes ask for. Captions
are greedy, from the exported graphs.
"""
import argparse
import json
from concurrent.futures import ProcessPoolExecutor

import data
import facts
import runtime

SPLITS = ["test", "no-alt", "other-alt", "wrong-colour", "held-pairs", "held-names"]


def prompt(alt):
    return f"<image><alt> {alt}<caption>" if alt else "<image><alt><caption>"


def captions(model, packed, split, indices, batch=32):
    """[(record, token ids, caption)] of some scenes of a split."""
    m, scenes, out = runtime.Model(model), data.Scenes(packed, split), []
    for start in range(0, len(indices), batch):
        part = indices[start : start + batch]
        records = [scenes.records[i] for i in part]
        ids = m.caption([scenes.pictures[i] for i in part], [prompt(r["alt"]) for r in records])
        out += [(r, row, m.tokenizer.decode(row).strip()) for r, row in zip(records, ids)]
    return out


def spread(pool, model, packed, split, count, parts):
    work = [pool.submit(captions, model, packed, split, list(range(count))[i::parts]) for i in range(parts)]
    return sorted((x for w in work for x in w.result()), key=lambda x: x[0]["index"])


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("model")
    p.add_argument("packed")
    p.add_argument("out")
    p.add_argument("--count", type=int, default=2000, help="scenes of each split")
    p.add_argument("--parts", type=int, default=2, help="processes, one thread each")
    p.add_argument("--failures", help="file for the captions that differ from the canonical ones")
    args = p.parse_args()
    result, wrong = {"scenes": args.count, "splits": {}}, []
    with ProcessPoolExecutor(args.parts) as pool:
        for split in SPLITS:
            score, rows = facts.Score(), spread(pool, args.model, args.packed, split, args.count, args.parts)
            for record, _, caption in rows:
                score.add(record, caption)
                if caption != record["caption"]:
                    wrong.append(dict(split=split, index=record["index"], alt=record["alt"], want=record["caption"], got=caption))
            result["splits"][split] = score.table() | {"tokens per caption": round(sum(len(ids) + 1 for _, ids, _ in rows) / len(rows), 1)}
            print(split, json.dumps(result["splits"][split]), flush=True)
    with open(args.out, "w") as f:
        json.dump(result, f, indent=2)
        f.write("\n")
    if args.failures:
        with open(args.failures, "w") as f:
            f.writelines(json.dumps(w) + "\n" for w in wrong)


if __name__ == "__main__":
    main()
