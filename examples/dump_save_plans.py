"""Writes the save plans of your own PyTorch job as a dump, for dedup_plans and whoever else reads one.

    from torch.distributed.checkpoint import DefaultSavePlanner
    from dump_save_plans import DumpSavePlans

    class Planner(DumpSavePlans, DefaultSavePlanner):
        dump_path = "plans.tsv"

    torch.distributed.checkpoint.save(state, checkpoint_id=folder, planner=Planner())

Then: dedup_plans plans.tsv. The checkpoint is written as without it. Only the coordinator, where the plans of all ranks
meet, writes a dump, which is of PyTorch's plans before it deduplicates them. Written for PyTorch 2.6 and later.
"""

import os
import warnings


class DumpSavePlans:
    """To be named before the planner that it is mixed into: what it does comes first, then the planner goes on."""

    dump_path = "plans.tsv"

    def create_global_plan(self, all_plans):
        try:
            write_dump(self.dump_path, all_plans)
        except Exception as error:  # a full disk or an odd name must not cost the checkpoint
            warnings.warn(f"no dump of the save plans is written: {error}")
        return super().create_global_plan(all_plans)


def write_dump(path, all_plans):
    """Whole or not at all: a job may end at any time, and half a dump would pass for that of a smaller job."""
    lines = []
    for rank, plan in enumerate(all_plans):
        lines.append(f"plan\t{rank}\n")
        lines.extend("\t".join(_fields(item)) + "\n" for item in plan.items)
    unfinished = f"{path}.unfinished"
    with open(unfinished, "w", encoding="utf-8", newline="\n") as out:
        out.writelines(lines)
    os.replace(unfinished, path)


def _fields(item):
    fqn = item.index.fqn
    if "\t" in fqn or "\n" in fqn or fqn.startswith("# "):
        raise ValueError(f"a dump cannot hold the name {fqn!r}")
    tensor = item.tensor_data
    if tensor is None:
        described = ["-", _type(item), "-", "-", "-"]
    else:
        described = [
            _size(tensor.chunk.offsets),
            _type(item),
            str(tensor.properties.dtype).removeprefix("torch."),
            _size(tensor.chunk.sizes),
            _size(tensor.size),
        ]
    data = getattr(item, "bytes_io_data", None)  # PyTorch 2.6 has none, and plans made by it have no sizes of bytes
    return [fqn, *described, "-" if data is None else str(data.nbytes)]


def _type(item):
    return item.type.name.lower()


def _size(size):
    return ",".join(str(int(extent)) for extent in size) or "()"
