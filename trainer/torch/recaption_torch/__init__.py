"""Feeds PyTorch with what recaption has captioned.

Feed is an IterableDataset over the samples of a training's epoch, each with the
text that it shows. Loader makes batches of it, in worker processes, and can be
resumed. The reading itself is done by the program: a Feed starts
``recaption feed`` and reads its Arrow stream, so that policy, gate and order are
those of every other reader.
"""

from .feed import Feed, FeedError, Sample, readers
from .loader import Loader, together

__all__ = ["Feed", "FeedError", "Loader", "Sample", "readers", "together"]
