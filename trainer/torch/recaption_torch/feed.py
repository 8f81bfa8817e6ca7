"""The samples of an epoch, as ``recaption feed`` writes them."""

from __future__ import annotations

import os
import subprocess
from typing import Any, Callable, Iterator, NamedTuple, Sequence

import pyarrow as pa
import torch.distributed as dist
from torch.utils.data import IterableDataset, get_worker_info


class FeedError(RuntimeError):
    """``recaption feed`` did not end well. It has said why on standard error."""


class Sample(NamedTuple):
    """A sample, and the text that it shows in this epoch."""

    position: int  # in the epoch's order
    dataset: str
    key: str
    image: bytes  # the file as it came
    media_type: str
    text: str
    kind: str  # original or caption


def readers() -> tuple[int, int]:
    """This process's rank and the number of processes, as torch.distributed or
    torchrun's environment has them; 0 and 1 where there is neither."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


class Feed(IterableDataset):
    """The samples of one epoch of a training, in the epoch's order.

    With a world of W processes that have N worker processes each there are W * N
    readers, of which each gives its own samples: all of them together give each
    sample once. Each reader is one ``recaption feed``.

    where      folder or s3://bucket/prefix, as for ``recaption feed``
    training   its name; the first reader of an epoch freezes what the epoch reads,
               for all of them, where policy, datasets or both are given
    policy     path of the policy file
    datasets   names; none: all that runs were launched on
    transform  makes of a Sample what is given; it runs in the worker process
    program    the recaption program
    args       more flags for it, such as --endpoint, --lanes and --memory
    rank, world_size  of this process, in place of readers()

    Which epoch is read is said by set_epoch, before the iteration begins.
    """

    def __init__(
        self,
        where: str,
        training: str,
        *,
        policy: str | None = None,
        datasets: Sequence[str] = (),
        seed: int = 0,
        transform: Callable[[Sample], Any] | None = None,
        program: str = "recaption",
        args: Sequence[str] = (),
        rank: int | None = None,
        world_size: int | None = None,
    ):
        super().__init__()
        self.where, self.training, self.transform = where, training, transform
        self.program, self.args = program, list(args)
        self.freeze = []
        if policy is not None:
            self.freeze += ["--policy", policy]
        for name in datasets:
            self.freeze += ["--dataset", name]
        if self.freeze:
            self.freeze += ["--seed", str(seed)]
        here = readers()
        self.rank = here[0] if rank is None else rank
        self.world_size = here[1] if world_size is None else world_size
        self.epoch = 0
        self.first = 0  # reader, of this process's, that worker 0 is
        self.starts: list[int] | None = None  # position from which each of this process's readers goes on

    def set_epoch(self, epoch: int) -> None:
        """Says which epoch the next iteration reads, from its start."""
        self.epoch, self.first, self.starts = epoch, 0, None

    def go_on(self, epoch: int, first: int, starts: Sequence[int]) -> None:
        """Says where the next iteration goes on: Loader.load_state_dict does."""
        self.epoch, self.first, self.starts = epoch, first, list(starts)

    def __iter__(self) -> Iterator[Any]:
        for sample in self.samples():
            yield sample if self.transform is None else self.transform(sample)

    def reader(self) -> tuple[int, int]:
        """The number among this process's readers of the one that runs here, and
        how many they are."""
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        return (worker + self.first) % workers, workers

    def samples(self) -> Iterator[Sample]:
        """The samples themselves, of the reader that runs here."""
        mine, workers = self.reader()
        reader, of = self.rank * workers + mine, self.world_size * workers
        skip = 0
        if self.starts is not None:
            if len(self.starts) != workers:
                raise ValueError(f"the state is of {len(self.starts)} workers, not {workers}")
            skip = max(0, -(-(self.starts[mine] - reader) // of))
        command = [self.program, "feed", self.where, "--training", self.training, "--epoch", str(self.epoch)]
        command += ["--reader", str(reader), "--of", str(of), "--skip", str(skip), *self.freeze, *self.args]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            try:
                yield from read(process.stdout)
            except pa.ArrowInvalid as e:  # the stream was cut, or never begun
                process.kill()
                raise FeedError(f"{' '.join(command)}: {e}; exit code {process.wait()}") from e
            except BaseException:  # whoever reads has enough
                process.kill()
                raise
            if process.wait() != 0:
                raise FeedError(f"{' '.join(command)}: exit code {process.returncode}")


def read(stream) -> Iterator[Sample]:
    """The samples of an Arrow stream."""
    with pa.ipc.open_stream(stream) as batches:
        for batch in batches:
            columns = [batch.column(name) for name in Sample._fields]
            for i in range(batch.num_rows):
                yield Sample(*(c[i].as_py() for c in columns))
