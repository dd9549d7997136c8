"""Writes the save plans of your own PyTorch job as dumps, for dedup_plans and whoever else reads one.

    from torch.distributed.checkpoint import DefaultSavePlanner
    from dump_save_plans import DumpSavePlans

    class Planner(DumpSavePlans, DefaultSavePlanner):
        dump_path = "plans.tsv"

    torch.distributed.checkpoint.save(state, checkpoint_id=folder, planner=Planner())

Then: dedup_plans plans.tsv. The checkpoint is written as without it. Only the coordinator, where the plans of all ranks
meet, writes a dump, which is of PyTorch's plans before it deduplicates them. Written for PyTorch 2.6 and later.

Each save of a process has its own file: plans.tsv, plans.2.tsv, plans.3.tsv. Where the plans of all ranks do not meet (a
save without collectives, or by process groups), each rank that has some has its own: plans.rank3.tsv, plans.rank3.2.tsv.
Or say in dump_path where the numbers go: "save-{save}/rank-{rank}.tsv". The dump of a process group begins with a
comment that lists the global ranks of its plans.

A dump is whole or not written: a plan that it cannot hold is a warning with the item's name.
"""

import contextlib
import itertools
import os
import sys
import warnings


class DumpSavePlans:
    """To be named before the planner that it is mixed into: what it does comes first, then the planner goes on."""

    dump_path = "plans.tsv"

    # Of the process, not of a planner: each save may make a planner of its own, and PyTorch's cache is kept so too.
    _saves = {}  # by path: counts them
    _plans_before = {}  # by planner, as PyTorch's cache has it: of each rank the last plan that was sent

    def create_local_plan(self):
        plan = super().create_local_plan()
        with contextlib.suppress(AttributeError):  # None, or a class with slots: the dump then lacks the comment
            object.__setattr__(plan, "_global_rank", _rank_and_ranks()[0])  # frozen, and sent with the plan
        return plan

    def create_global_plan(self, all_plans):
        key = getattr(self, "_cached_plans_key", type(self).__name__)
        before = self._plans_before.get(key, [])
        plans = _filled_in(all_plans, before)
        try:
            save = next(self._saves.setdefault(self.dump_path, itertools.count(1)))
            _require_plans(all_plans, plans)
            comment = _global_ranks(all_plans)
            write_dump(file_of(os.fspath(self.dump_path), save, len(plans)), plans, comment)
        except Exception as error:  # a full disk or an odd name must not cost the checkpoint
            warnings.warn(f"no dump of the save plans is written: {error}")
        result = super().create_global_plan(all_plans)
        self._plans_before[key] = plans  # only now: PyTorch does not cache the plans of a save that it refuses
        return result


def _filled_in(all_plans, before):
    """With plan caching, a rank whose plan has not changed sends an empty one that is not `usable` in its place."""
    return [
        plan if getattr(plan, "usable", True) else before[rank] if rank < len(before) else None
        for rank, plan in enumerate(all_plans)
    ]


def _require_plans(all_plans, filled):
    for rank, (sent, plan) in enumerate(zip(all_plans, filled)):
        if sent is None:
            raise ValueError(f"rank {rank} has sent no plan")
        if plan is None:
            raise ValueError(f"rank {rank} has not changed its plan since a save that was not seen here")


def _global_ranks(all_plans):
    """A comment where the plans are of a part of the job's ranks, so that their numbers are not global ranks."""
    ranks = [getattr(plan, "_global_rank", None) for plan in all_plans]
    # The file's name has the rank of a single plan.
    if None in ranks or not 1 < len(ranks) < _rank_and_ranks()[1]:
        return ""
    return f"# plans of the global ranks {_size(ranks)}, in this order\n"


def file_of(dump_path, save, plans):
    """The file of the save of that number (from 1), to which so many plans have come."""
    rank, ranks = _rank_and_ranks()
    folder, name = os.path.split(dump_path)
    stem, suffix = os.path.splitext(name)
    if plans < ranks and "{rank}" not in dump_path:
        stem += ".rank{rank}"
    if save > 1 and "{save}" not in dump_path:
        stem += ".{save}"
    path = os.path.join(folder, stem + suffix)
    return path.replace("{rank}", str(rank)).replace("{save}", str(save))


def _rank_and_ranks():
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))  # as torchrun sets them


def write_dump(path, all_plans, comment=""):
    """Whole or not at all: a job may end at any time, and half a dump would look like the dump of a smaller job."""
    lines = [comment.encode()]
    names = {}
    for rank, plan in enumerate(all_plans):
        lines.append(f"plan\t{rank}\n".encode())
        lines.extend(b"\t".join(_fields(item, names)) + b"\n" for item in plan.items)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    unfinished = f"{path}.unfinished.{os.getpid()}"
    try:
        with open(unfinished, "wb") as out:
            out.writelines(lines)
        os.replace(unfinished, path)
    except BaseException:
        if os.path.exists(unfinished):
            os.remove(unfinished)
        raise


def _fields(item, names):
    tensor = item.tensor_data
    offset = _offset(item)
    if tensor is None:
        described = [offset, _type(item), "-", "-", "-"]
    else:
        described = [
            offset,
            _type(item),
            _dtype(tensor.properties.dtype),
            _size(tensor.chunk.sizes),
            _size(tensor.size),
        ]
    data = getattr(item, "bytes_io_data", None)  # PyTorch 2.6 has none, and plans made by it have no sizes of bytes
    described.append("-" if data is None or data.nbytes is None else str(data.nbytes))
    return [_name(item.index.fqn, names), *(field.encode() for field in described)]


def _offset(item):
    """The index's own offset, which decides what is redundant. A dump has no other for the chunk."""
    offset = "-" if item.index.offset is None else _size(item.index.offset)
    chunk = "-" if item.tensor_data is None else _size(item.tensor_data.chunk.offsets)
    if offset != chunk:
        its_offset = "no offset" if offset == "-" else f"the offset {offset}"
        its_chunk = "it has no chunk" if chunk == "-" else f"its chunk has the offset {chunk}"
        raise ValueError(f"a dump cannot hold {item.index.fqn!r}: its index has {its_offset}, but {its_chunk}")
    return offset


def _name(fqn, names):
    """The text of a name; `names` has those that were met, by their text. A key of a state may be a number, say."""
    text = str(fqn)
    if "\t" in text or "\n" in text or text.startswith("# "):
        raise ValueError(f"a dump cannot hold the name {fqn!r}")
    if names.setdefault(text, fqn) != fqn:
        raise ValueError(f"a dump cannot tell the names {names[text]!r} and {fqn!r} apart")
    try:
        return text.encode("utf-8", "surrogateescape")  # bytes that are no UTF-8 are written as they were
    except UnicodeEncodeError:
        raise ValueError(f"a dump cannot hold the name {fqn!r}") from None


def _type(item):
    return item.type.name.lower()


def _dtype(dtype):
    text = str(dtype).removeprefix("torch.")  # known or not: whoever reads the dump decides
    if text in ("", "-") or "\t" in text or "\n" in text:
        raise ValueError(f"a dump cannot hold the dtype {dtype!r}")
    return text


def _size(size):
    return ",".join(str(int(extent)) for extent in size) or "()"
