"""Prints what a training shows, for the test in cmd/recaption: a line of JSON for
each epoch, number of processes and number of workers, with the samples that all
processes give one by one, in batches of three, and in such batches when each
process is stopped after some of them and taken up again."""

import argparse
import hashlib
import json

from recaption_torch import Feed, Loader


def shown(sample):
    digest = hashlib.sha256(sample.image).hexdigest()
    return f"{sample.position} {sample.key} {sample.kind} {json.dumps(sample.text, ensure_ascii=False)} {digest}"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program")
    p.add_argument("where")
    p.add_argument("training")
    o = p.parse_args()

    def loader(epoch, rank, world, workers, batch):
        args = ["--log-level", "warn"]
        feed = Feed(o.where, o.training, transform=shown, program=o.program, args=args, rank=rank, world_size=world)
        batches = Loader(feed, batch, num_workers=workers, collate=list)
        batches.set_epoch(epoch)
        return batches

    def stopped(after, *kind):
        batches = loader(*kind)
        for n, batch in enumerate(batches):
            if n == after:
                break
            yield batch
            state = json.dumps(batches.state_dict())
        again = loader(*kind)
        again.load_state_dict(json.loads(state))
        yield from again

    for epoch in range(2):
        for world in range(1, 4):
            for workers in (0, 2):
                ranks = [(epoch, rank, world, workers) for rank in range(world)]
                out = {
                    "epoch": epoch,
                    "world": world,
                    "workers": workers,
                    "all": [s for r in ranks for batch in loader(*r, 1) for s in batch],
                    "batches": [s for r in ranks for batch in loader(*r, 3) for s in batch],
                    "again": [s for r in ranks for batch in stopped(2 + workers, *r, 3) for s in batch],
                }
                print(json.dumps(out), flush=True)


if __name__ == "__main__":
    main()
