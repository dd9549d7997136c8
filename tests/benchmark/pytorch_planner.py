"""What the decision costs in a PyTorch job, in Python: PyTorch's steps beside examples/pytorch_planner.py.

    c++ -std=c++20 -O2 -shared -fPIC -Iinclude examples/pytorch_planner.cpp -o examples/libpytorch_planner.so
    python3 tests/benchmark/pytorch_planner.py [RANKS]...

Seconds of processor time on the coordinator, the best of three in turns, for plans of 1,152 items a rank. The plans have
no tensors, but each rank has objects and names of its own, as if they had been sent.
"""

import gc
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pytorch"))

import jobs  # noqa: F401, E402
import pytorch_planner  # noqa: E402
import torch  # noqa: E402
from pytorch_steps import lowest_rank, smallest_plan  # noqa: E402
from torch.distributed._shard.checkpoint.metadata import ChunkStorageMetadata, MetadataIndex  # noqa: E402
from torch.distributed._shard.checkpoint.planner import (  # noqa: E402
    SavePlan,
    TensorWriteData,
    WriteItem,
    WriteItemType,
)
from torch.distributed._shard.sharded_tensor.metadata import TensorProperties  # noqa: E402

ITEMS = 1152
ROWS = 8448  # which 8, 256 and 2,816 divide
LIBRARY = str(pytorch_planner.LIBRARY)


def plan_of(rank, shards):
    properties = TensorProperties(dtype=torch.bfloat16)
    size, sizes = torch.Size((ROWS, 1024)), torch.Size((ROWS // shards, 1024))
    row = rank % shards * (ROWS // shards)
    items = []
    for i in range(ITEMS):
        offset = torch.Size((row, 0))
        index = MetadataIndex(f"model.layers.{i // 9}.attention.{i % 9}.weight", offset)
        data = TensorWriteData(ChunkStorageMetadata(offset, sizes), properties, size)
        items.append(WriteItem(index, WriteItemType.SHARD, data))
    return SavePlan(items)


def deduped(balanced, check):
    return lambda plans: pytorch_planner.dedup_save_plans(plans, LIBRARY, balanced, 0.01, check)


WAYS = {
    "PyTorch, lowest rank": lowest_rank,
    "PyTorch, smallest plan": lambda plans: smallest_plan(plans, pytorch_planner._element_size),
    "gathering the arrays alone": pytorch_planner.gather,
    'keep="first", all': deduped(False, False),
    'keep="balanced", all': deduped(True, False),
    'keep="balanced", check=True, all': deduped(True, True),
}


def seconds(way, plans):
    began = time.process_time()
    way(plans)
    return time.process_time() - began


def measure(ranks, shards):
    plans = [plan_of(rank, shards) for rank in range(ranks)]
    assert all(
        [item.index for item in a.items] == [item.index for item in b.items]
        for a, b in zip(lowest_rank(plans), deduped(False, True)(plans))
    )
    best = dict.fromkeys(WAYS, float("inf"))
    for _ in range(3):
        for name, way in WAYS.items():
            best[name] = min(best[name], seconds(way, plans))
    for name, value in best.items():
        print(f"{ranks:5,} ranks, {shards:5,} shards  {name:33}{value:8.3f}", flush=True)


gc.disable()  # it would walk through all plans again and again
for ranks in [int(word) for word in sys.argv[1:]] or [256, 2816]:
    for shards in 8, ranks:
        measure(ranks, shards)
