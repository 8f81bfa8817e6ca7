"""Batches of a Feed, and where they stand."""

from __future__ import annotations

from typing import Any, Callable, Iterator

import torch
import torch.distributed as dist
from torch.utils.data import DataLoader, IterableDataset, default_collate

from .feed import Feed


class Loader:
    """Batches of a Feed, made in worker processes.

    Its state, taken between two batches, is where the next one begins: a Loader of
    the same kind that loads it goes on with the very batch that would have come.
    Whole batches alone are given.

    feed         what to read; its transform makes the items of a batch
    batch_size   of this process
    num_workers  worker processes, each with a reader; 0: this process reads
    collate      makes a batch of items
    more         for torch.utils.data.DataLoader
    """

    def __init__(
        self,
        feed: Feed,
        batch_size: int,
        *,
        num_workers: int = 0,
        collate: Callable[[list], Any] = default_collate,
        **more: Any,
    ):
        for name in ("shuffle", "sampler", "batch_sampler", "drop_last", "persistent_workers"):
            if name in more:
                raise ValueError(f"{name}: the feed's order is the epoch's, and workers live for one epoch")
        self.feed, self.batch_size, self.num_workers, self.more = feed, batch_size, num_workers, more
        self.collate = _Collate(collate)
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Says which epoch the next iteration reads, from its start."""
        self._set(epoch, 0, [0] * max(1, self.num_workers))

    def _set(self, epoch: int, first: int, starts: list[int]) -> None:
        self.epoch, self.first, self.starts = epoch, first, list(starts)

    def state_dict(self) -> dict:
        """Where the batch behind the last one begins."""
        return {
            "training": self.feed.training,
            "epoch": self.epoch,
            "first": self.first,
            "starts": list(self.starts),
            "rank": self.feed.rank,
            "world_size": self.feed.world_size,
        }

    def load_state_dict(self, state: dict) -> None:
        """Goes on, with the next iteration, where the state was taken. Each process
        has its own."""
        mine = {
            "training": self.feed.training,
            "rank": self.feed.rank,
            "world_size": self.feed.world_size,
            "workers": max(1, self.num_workers),
        }
        theirs = {**{k: state[k] for k in ("training", "rank", "world_size")}, "workers": len(state["starts"])}
        if mine != theirs:
            raise ValueError(f"the state is of {theirs}, not of {mine}")
        self._set(state["epoch"], state["first"], state["starts"])

    def __iter__(self) -> Iterator[Any]:
        self.feed.go_on(self.epoch, self.first, self.starts)
        batches = DataLoader(
            _Placed(self.feed),
            batch_size=self.batch_size,
            num_workers=self.num_workers,
            collate_fn=self.collate,
            drop_last=True,
            **self.more,
        )
        for batch, reader, behind in batches:
            self.starts[reader] = behind
            self.first = (reader + 1) % len(self.starts)
            yield batch


class _Placed(IterableDataset):
    """Items of a feed with the reader that read them and where it goes on."""

    def __init__(self, feed: Feed):
        super().__init__()
        self.feed = feed

    def __iter__(self):
        reader, _ = self.feed.reader()
        transform = self.feed.transform
        for sample in self.feed.samples():
            yield (sample if transform is None else transform(sample)), reader, sample.position + 1


class _Collate:
    """Makes a batch of placed items. It is pickled to worker processes."""

    def __init__(self, collate: Callable[[list], Any]):
        self.collate = collate

    def __call__(self, placed: list) -> tuple:
        items, readers, behind = zip(*placed)
        return self.collate(list(items)), readers[0], behind[-1]


def together(batches) -> Iterator[Any]:
    """Gives batches for as long as every process of the group has one, so that no
    process waits in a collective call for another that is done. Readers differ by
    a few samples, as rows with nothing to show fall to one or another."""
    if not (dist.is_available() and dist.is_initialized()):
        yield from batches
        return
    device = torch.device("cuda", torch.cuda.current_device()) if dist.get_backend() == "nccl" else "cpu"
    end = object()
    source = iter(batches)
    while True:
        batch = next(source, end)
        all_have = torch.tensor(0 if batch is end else 1, device=device)
        dist.all_reduce(all_have, op=dist.ReduceOp.MIN)
        if not all_have.item():
            return
        yield batch
