"""Real PyTorch jobs: processes of this machine that plan, save and load over gloo.

They are written for PyTorch 1.13, Debian 12's, where torch.distributed.checkpoint is still a part of
torch.distributed._shard.
"""

import dataclasses
import multiprocessing
import os
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

sys.dont_write_bytecode = True  # the source folder is not ours to write to
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))


def import_checkpoint():
    """Python 3.11 refuses a default that cannot be hashed in a dataclass. PyTorch 1.13 has one: TensorProperties."""
    dataclass = dataclasses.dataclass

    def hashable(cls=None, **settings):
        if cls is None:
            return lambda later: hashable(later, **settings)
        return dataclass(cls, **{"unsafe_hash": True, **settings} if cls.__name__ == "TensorProperties" else settings)

    dataclasses.dataclass = hashable
    try:
        from torch.distributed._shard import checkpoint
    finally:
        dataclasses.dataclass = dataclass
    return checkpoint


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit()


try:
    import torch
    import torch.distributed as dist
except ModuleNotFoundError:
    skip("PyTorch is not installed")
if not torch.__version__.startswith("1.13."):
    skip(f"these jobs are for PyTorch 1.13, not {torch.__version__}")
checkpoint = import_checkpoint()

from pytorch_steps import lowest_rank  # noqa: E402
from torch.distributed._shard.checkpoint.default_planner import (  # noqa: E402
    DefaultSavePlanner,
    create_default_local_save_plan,
)
from torch.distributed._shard.metadata import ShardMetadata  # noqa: E402
from torch.distributed._shard.sharded_tensor import Shard, ShardedTensor, init_from_local_shards  # noqa: E402


class Planner(DefaultSavePlanner):
    """Plans as later versions do: every rank plans what is replicated, and all but the lowest rank's is removed."""

    dedup = staticmethod(lowest_rank)

    def create_local_plan(self):
        self.plan = create_default_local_save_plan(self.state_dict, True)
        return self.plan

    def create_global_plan(self, all_plans):
        self.received = all_plans
        return super().create_global_plan(self.dedup(all_plans))


def run(ranks, function):
    """What function(rank) returns on each of the ranks of a job. An exception becomes its text."""
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    with tempfile.TemporaryDirectory() as folder:
        arguments = [(rank, ranks, function, os.path.join(folder, "rendezvous"), results) for rank in range(ranks)]
        processes = [context.Process(target=_run_rank, args=each) for each in arguments]
        for process in processes:
            process.start()
        by_rank = dict(results.get() for _ in processes)
        for process in processes:
            process.join()
    return [by_rank[rank] for rank in range(ranks)]


def _run_rank(rank, ranks, function, rendezvous, results):
    try:
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
        torch.set_num_threads(1)
        dist.init_process_group(
            "gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=ranks, timeout=timedelta(seconds=60)
        )
        result = function(rank)
        dist.barrier()
    except BaseException as error:
        result = f"{type(error).__name__}: {error}"
    results.put((rank, result))


def shard(tensor, row, rows, group=None):
    """The part of a tensor of so many rows that begins at `row`."""
    metadata = ShardMetadata([row, 0], list(tensor.size()), f"rank:{dist.get_rank(group)}/cpu")
    return init_from_local_shards([Shard(tensor, metadata)], rows, tensor.size(1), process_group=group)


def pairs():
    """Of four ranks the two halves, each of which has all shards; of two ranks themselves. The caller's own half."""
    groups = [dist.new_group([first, first + 1]) for first in range(0, dist.get_world_size(), 2)]
    return groups[dist.get_rank() // 2]


def save(state, folder, planner, **settings):
    writer = checkpoint.FileSystemWriter(folder, single_file_per_rank=True, sync_files=False)
    checkpoint.save_state_dict(state, writer, planner=planner, **settings)


def differing(state, folder):
    """The names of what is not as in `state` when the checkpoint is read back."""
    loaded = {name: _blank(value) for name, value in state.items()}
    checkpoint.load_state_dict(loaded, checkpoint.FileSystemReader(folder))
    return [name for name, value in state.items() if not _equal(value, loaded[name])]


def _blank(value):
    if isinstance(value, ShardedTensor):
        ours = value.local_shards()[0]
        row, rows = ours.metadata.shard_offsets[0], value.size(0)
        return shard(torch.full_like(ours.tensor, -1), row, rows, value._process_group)
    return torch.full_like(value, -1) if isinstance(value, torch.Tensor) else None


def _equal(a, b):
    if isinstance(a, ShardedTensor):
        return torch.equal(a.local_shards()[0].tensor, b.local_shards()[0].tensor)
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
