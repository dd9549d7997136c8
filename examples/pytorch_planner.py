"""A save planner for PyTorch that lets this library decide which rank writes what, and check the plans. Build it once:

    c++ -std=c++20 -O2 -shared -fPIC -Iinclude examples/pytorch_planner.cpp -o examples/libpytorch_planner.so

    from torch.distributed.checkpoint import DefaultSavePlanner
    from pytorch_planner import DedupSavePlans
    class Planner(DedupSavePlans, DefaultSavePlanner): pass
    torch.distributed.checkpoint.save(state, checkpoint_id=folder, planner=Planner(keep="balanced", check=True))

check=True refuses a save on every rank, before anything is written, if replicas disagree or a tensor is not whole.
"""

import array
import ctypes
import dataclasses
import functools
import itertools
import math
from pathlib import Path

import torch

VERSION = 1  # of the functions in pytorch_planner.cpp
LIBRARY = Path(__file__).resolve().with_name("libpytorch_planner.so")


class DedupSavePlans:
    """To be named before the planner that it is mixed into.

    keep: "balanced" makes the largest file small, to within the tolerance (0.01 is 1 %); "first" has the lowest rank
    write what several ranks plan.
    """

    def __init__(self, *args, keep="balanced", tolerance=0.01, check=False, library=LIBRARY, **kwargs):
        super().__init__(*args, **kwargs)
        if keep not in ("balanced", "first") or not 0 <= float(tolerance) < float("inf"):
            raise ValueError(f'keep is "balanced" or "first", a tolerance from 0 up: not {keep!r}, {tolerance!r}')
        self._dedup_settings = (str(library), keep == "balanced", float(tolerance), bool(check))
        _load(str(library))  # an error now, not when hours of training are to be saved

    def create_global_plan(self, all_plans):
        if not hasattr(super(), "_dedup_save_plans"):
            all_plans = dedup_save_plans(all_plans, *self._dedup_settings)
        return super().create_global_plan(all_plans)

    def _dedup_save_plans(self, all_plans):
        """The hook of later versions, which comes after their cache of plans."""
        return dedup_save_plans(all_plans, *self._dedup_settings)


def dedup_save_plans(all_plans, library, balanced, tolerance, check):
    """The plans without their redundant items. Raises ValueError with the names that the check finds wrong."""
    plans, ends = gather(all_plans)
    kept = bytearray(b"\1" * (ends[-1] if ends else 0))
    kept_items = _load(library).dcp_kept_items
    to = (ctypes.c_char * len(kept)).from_buffer(kept)
    wrong = kept_items(ctypes.byref(plans), balanced, ctypes.c_double(tolerance), check, to)
    if wrong is not None:
        raise ValueError(wrong.decode("utf-8", "replace"))
    return [
        dataclasses.replace(plan, items=list(itertools.compress(plan.items, kept[begin:end])))
        for plan, begin, end in zip(all_plans, [0, *ends], ends)
    ]


class _Plans(ctypes.Structure):
    """struct dcp_plans of pytorch_planner.cpp."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in "items plan_ends data texts text_ends extents shape_ends".split()),
        *((name, ctypes.c_uint64) for name in ("plans", "data_size")),
    ]


def gather(all_plans):
    """The plans as arrays, and where each plan ends. Names, offsets and data are numbered, as most of them recur."""
    names, shapes, data = {}, {None: 0}, {}
    items, plan_ends = array.array("I"), array.array("Q")
    for plan in all_plans:
        numbers = []
        for item in plan.items:
            index, tensor = item.index, item.tensor_data
            if tensor is None:
                nbytes = getattr(getattr(item, "bytes_io_data", None), "nbytes", None)
                what = (item.type._value_, None, None, None, None, nbytes)
            else:
                chunk = tensor.chunk
                what = (item.type._value_, tensor.properties.dtype, chunk.offsets, chunk.sizes, tensor.size, None)
            numbers += (
                names.setdefault(index.fqn, len(names)),
                shapes.setdefault(index.offset, len(shapes)),
                data.setdefault(what, len(data)),
            )
        items.extend(numbers)
        plan_ends.append(len(items) // 3)

    rows = array.array("q")
    dtypes = {None: 0}
    for type_, dtype, offsets, sizes, size, nbytes in data:
        rows.extend((type_, dtypes.setdefault(dtype, len(names) + len(dtypes) - 1)))
        rows.extend(shapes.setdefault(shape, len(shapes)) for shape in (offsets, sizes, size))
        rows.append(_bytes(dtype, sizes, nbytes))
    texts = [str(name).encode("utf-8", "surrogatepass") for name in names]
    if len(set(texts)) != len(texts):
        raise ValueError("two names differ in their types alone, such as 7 and '7'")
    texts += [str(dtype).removeprefix("torch.").encode() for dtype in list(dtypes)[1:]]
    shapes = [shape or () for shape in shapes]
    arrays = (
        items,
        plan_ends,
        rows,
        array.array("B", b"".join(texts)),
        array.array("Q", itertools.accumulate(map(len, texts))),
        array.array("q", itertools.chain.from_iterable(shapes)),
        array.array("Q", itertools.accumulate(map(len, shapes))),
    )
    plans = _Plans(*(each.buffer_info()[0] for each in arrays), len(all_plans), len(data))
    plans.arrays = arrays  # it points to them
    return plans, plan_ends


@functools.lru_cache(maxsize=None)
def _load(library):
    try:
        loaded = ctypes.CDLL(library)
        version = loaded.dcp_pytorch_planner_version()
    except (OSError, AttributeError) as error:
        version = error
    if version != VERSION:
        line = f"c++ -std=c++20 -O2 -shared -fPIC -Iinclude examples/pytorch_planner.cpp -o {library}"
        raise RuntimeError(f"{library} is missing or of another version than this file ({version}); build it: {line}")
    loaded.dcp_kept_items.restype = ctypes.c_char_p
    return loaded


@functools.lru_cache(maxsize=None)
def _element_size(dtype):
    try:
        return torch.empty((), dtype=dtype).element_size()
    except RuntimeError:  # such as a quantised type
        return None


def _bytes(dtype, sizes, nbytes):
    """What an item writes; -1 if that is not known."""
    if dtype is None:
        return -1 if nbytes is None else nbytes
    elements = math.prod(sizes)
    size = _element_size(dtype) if elements else 0
    return -1 if size is None else elements * size
