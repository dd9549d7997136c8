"""How PyTorch decides which rank writes an index, in its two ways. PyTorch 1.13 has neither yet.

They work on PyTorch's plan objects, as PyTorch's do: dictionaries by index, then a new list of items for each plan.
"""

import dataclasses
import math


def lowest_rank(all_plans):
    """dedup_tensors, and later dedup_save_to_lowest_rank=True."""
    ranks_of = {}
    for rank, plan in enumerate(all_plans):
        for item in plan.items:
            ranks_of.setdefault(item.index, []).append(rank)
    redundant = [set() for _ in all_plans]
    for index, ranks in ranks_of.items():
        for rank in ranks[1:]:
            redundant[rank].add(index)
    return _without(all_plans, redundant)


def smallest_plan(all_plans, element_size):
    """dedup_save_plans, the default since PyTorch 2.3. Where it counts bytes, it counts the whole tensor's."""
    ranks_of, items = {}, {}
    for rank, plan in enumerate(all_plans):
        for item in plan.items:
            ranks_of.setdefault(item.index, set()).add(rank)
            items[item.index] = item
    redundant = [set() for _ in all_plans]
    planned = [0] * len(all_plans)
    for index, ranks in ranks_of.items():
        keeper = min(ranks, key=planned.__getitem__)
        tensor = items[index].tensor_data
        planned[keeper] += 1 if tensor is None else math.prod(tensor.size) * element_size(tensor.properties.dtype)
        for rank in ranks - {keeper}:
            redundant[rank].add(index)
    return _without(all_plans, redundant)


def _without(all_plans, redundant):
    return [
        dataclasses.replace(plan, items=[item for item in plan.items if item.index not in indices])
        for plan, indices in zip(all_plans, redundant)
    ]
