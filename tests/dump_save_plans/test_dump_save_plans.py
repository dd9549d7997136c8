"""What examples/dump_save_plans.py writes, and that dedup_plans reads it: test_dump_save_plans.py DEDUP_PLANS

PyTorch is not needed: stand-ins have the fields that it gives its data classes in torch/distributed/checkpoint/planner.py
and metadata.py.
"""

import os
import subprocess
import sys
import tempfile
import unittest
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Optional

sys.dont_write_bytecode = True  # the source folder is not ours to write to
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))

from dump_save_plans import DumpSavePlans, write_dump  # noqa: E402

dedup_plans = None


class Dtype:
    """Prints itself as torch.dtype does."""

    def __init__(self, name):
        self.name = name

    def __str__(self):
        return f"torch.{self.name}"


class WriteItemType(Enum):
    TENSOR = auto()
    SHARD = auto()
    BYTE_IO = auto()


@dataclass(frozen=True)
class MetadataIndex:
    fqn: str
    offset: Optional[tuple] = None
    index: Optional[int] = field(hash=False, compare=False, default=None)


@dataclass(frozen=True)
class WriteItem26:
    """As PyTorch 2.6 has it."""

    index: MetadataIndex
    type: WriteItemType
    tensor_data: Any = None


@dataclass(frozen=True)
class WriteItem:
    """As later versions have it."""

    index: MetadataIndex
    type: WriteItemType
    bytes_io_data: Any = None
    tensor_data: Any = None


@dataclass
class SavePlan:
    items: list


class DefaultSavePlanner:
    def create_global_plan(self, all_plans):
        self.received = all_plans
        return ["the global plan"], "the metadata"


def tensor(fqn, offsets, sizes, size, dtype="float32", type=WriteItemType.TENSOR, item=WriteItem):
    data = SimpleNamespace(
        chunk=SimpleNamespace(offsets=offsets, sizes=sizes),
        properties=SimpleNamespace(dtype=Dtype(dtype)),
        size=size,
    )
    return item(index=MetadataIndex(fqn, offsets), type=type, tensor_data=data)


def pickled(fqn, nbytes=None, item=WriteItem):
    more = {} if nbytes is None else {"bytes_io_data": SimpleNamespace(nbytes=nbytes)}
    return item(index=MetadataIndex(fqn), type=WriteItemType.BYTE_IO, **more)


PLANS = [
    SavePlan([
        tensor("a.weight", (0, 0), (4, 8), (4, 8), "bfloat16"),
        tensor("b.weight", (0, 0), (2, 8), (4, 8), type=WriteItemType.SHARD),
        pickled("step", 12),
    ]),
    SavePlan([
        tensor("a.weight", (0, 0), (4, 8), (4, 8), "bfloat16"),
        tensor("b.weight", (2, 0), (2, 8), (4, 8), type=WriteItemType.SHARD),
        tensor("scalar", (), (), (), "int64"),
        pickled("rng.1"),
    ]),
    SavePlan([]),
]

DUMP = """\
plan\t0
a.weight\t0,0\ttensor\tbfloat16\t4,8\t4,8\t-
b.weight\t0,0\tshard\tfloat32\t2,8\t4,8\t-
step\t-\tbyte_io\t-\t-\t-\t12
plan\t1
a.weight\t0,0\ttensor\tbfloat16\t4,8\t4,8\t-
b.weight\t2,0\tshard\tfloat32\t2,8\t4,8\t-
scalar\t()\ttensor\tint64\t()\t()\t-
rng.1\t-\tbyte_io\t-\t-\t-\t-
plan\t2
"""


class DumpSavePlansTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "plans.tsv")

    def dump_of(self, plans):
        write_dump(self.path, plans)
        return Path(self.path).read_bytes()

    def test_the_planner_writes_the_dump_and_goes_on(self):
        class Planner(DumpSavePlans, DefaultSavePlanner):
            dump_path = self.path

        planner = Planner()
        self.assertEqual(planner.create_global_plan(PLANS), (["the global plan"], "the metadata"))
        self.assertIs(planner.received, PLANS)
        self.assertEqual(Path(self.path).read_text(encoding="utf-8"), DUMP)
        self.assertEqual(os.listdir(os.path.dirname(self.path)), ["plans.tsv"])

    def test_dedup_plans_reads_the_dump(self):
        self.dump_of(PLANS)
        done = subprocess.run([dedup_plans, self.path], capture_output=True, text=True, encoding="utf-8", check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = DUMP.splitlines(keepends=True)
        del lines[5]  # plan 1's a.weight
        self.assertEqual(done.stdout, "".join(lines))

    def test_items_of_pytorch_2_6_have_no_sizes_of_bytes(self):
        plan = SavePlan([
            tensor("a", (0,), (4,), (4,), item=WriteItem26),
            pickled("step", item=WriteItem26),
        ])
        self.assertEqual(
            self.dump_of([plan]),
            b"plan\t0\na\t0\ttensor\tfloat32\t4\t4\t-\nstep\t-\tbyte_io\t-\t-\t-\t-\n",
        )

    def test_names_are_written_as_utf_8(self):
        self.assertEqual(
            self.dump_of([SavePlan([pickled("größe")])]),
            "plan\t0\ngröße\t-\tbyte_io\t-\t-\t-\t-\n".encode(),
        )

    def test_a_name_that_a_dump_cannot_hold_is_refused_and_nothing_is_written(self):
        for name in "a\tb", "a\nb", "# a":
            with self.subTest(name), self.assertRaisesRegex(ValueError, "cannot hold the name"):
                self.dump_of([SavePlan([pickled(name)])])
            self.assertEqual(os.listdir(os.path.dirname(self.path)), [])

    def test_a_dump_that_fails_is_no_reason_to_lose_the_checkpoint(self):
        class Planner(DumpSavePlans, DefaultSavePlanner):
            dump_path = os.path.join(self.path, "no", "such", "folder")

        with self.assertWarnsRegex(UserWarning, "no dump of the save plans is written"):
            self.assertEqual(Planner().create_global_plan(PLANS), (["the global plan"], "the metadata"))


if __name__ == "__main__":
    dedup_plans = sys.argv.pop(1)
    unittest.main()
