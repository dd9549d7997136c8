"""What examples/dump_save_plans.py writes, and that dedup_plans reads it: test_dump_save_plans.py DEDUP_PLANS

PyTorch is not needed: stand-ins have the fields that it gives its data classes in torch/distributed/checkpoint/planner.py
and metadata.py.
"""

import os
import pickle
import subprocess
import sys
import tempfile
import unittest
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Optional
from unittest import mock

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
    usable: bool = True  # not for PyTorch 2.6


class DefaultSavePlanner:
    plan = SavePlan([])
    refuses = False

    def create_local_plan(self):
        return self.plan

    def create_global_plan(self, all_plans):
        self.received = all_plans
        if self.refuses:
            raise ValueError("Failed to validate global plan")
        return ["the global plan"], "the metadata"


def unchanged():
    """What a rank sends whose plan is cached and has not changed (PR 147343)."""
    return SavePlan([], usable=False)


def tensor(fqn, offsets, sizes, size, dtype="float32", type=WriteItemType.TENSOR, item=WriteItem, index=None):
    data = SimpleNamespace(
        chunk=SimpleNamespace(offsets=offsets, sizes=sizes),
        properties=SimpleNamespace(dtype=Dtype(dtype)),
        size=size,
    )
    return item(index=index or MetadataIndex(fqn, offsets), type=type, tensor_data=data)


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
        # As in a process of its own.
        for attribute in "_saves", "_plans_before":
            patch = mock.patch.object(DumpSavePlans, attribute, {})
            patch.start()
            self.addCleanup(patch.stop)
        patch = mock.patch.dict(os.environ)
        patch.start()
        self.addCleanup(patch.stop)
        for variable in "RANK", "WORLD_SIZE":
            os.environ.pop(variable, None)

    def dump_of(self, plans):
        write_dump(self.path, plans)
        return Path(self.path).read_bytes()

    def planner(self, path=None, name="Planner"):
        return type(name, (DumpSavePlans, DefaultSavePlanner), {"dump_path": path or self.path})()

    def files(self):
        """By name, relative to the folder, what is in each of the files."""
        folder = Path(self.path).parent
        return {
            str(path.relative_to(folder)): path.read_text(encoding="utf-8")
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    def ranks(self, rank, ranks):
        """In the `with` of it, the process is that rank of a process group."""
        distributed = SimpleNamespace(
            is_available=lambda: True,
            is_initialized=lambda: True,
            get_rank=lambda: rank,
            get_world_size=lambda: ranks,
        )
        return mock.patch.dict(sys.modules, {"torch.distributed": distributed})

    def test_the_planner_writes_the_dump_and_goes_on(self):
        planner = self.planner()
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

    def test_names_that_are_no_strings_are_written_as_they_print(self):
        self.assertEqual(
            self.dump_of([SavePlan([pickled(7), tensor(("a", 1), (0,), (4,), (4,))])]),
            b"plan\t0\n7\t-\tbyte_io\t-\t-\t-\t-\n('a', 1)\t0\ttensor\tfloat32\t4\t4\t-\n",
        )

    def test_names_that_would_become_one_are_told(self):
        with self.assertRaisesRegex(ValueError, "cannot tell the names 7 and '7' apart"):
            self.dump_of([SavePlan([pickled(7)]), SavePlan([pickled("7")])])
        self.assertEqual(self.files(), {})

    def test_a_name_made_of_bytes_that_are_no_utf_8_is_written_as_those_bytes(self):
        self.assertEqual(
            self.dump_of([SavePlan([pickled(b"a\xff".decode("utf-8", "surrogateescape"))])]),
            b"plan\t0\na\xff\t-\tbyte_io\t-\t-\t-\t-\n",
        )
        with self.assertRaisesRegex(ValueError, r"cannot hold the name 'a\\ud800'"):
            self.dump_of([SavePlan([pickled("a\ud800")])])

    def test_an_item_whose_index_has_another_offset_than_its_chunk_is_refused_by_name(self):
        # Two shards of one tensor, planned with indices that lack an offset: PyTorch takes them for one item and loses
        # half. A dump with the chunks' offsets showed two, and that all is well.
        for offset, told in (None, "no offset"), ((0, 0), r"the offset 0,0"), ((2,), "the offset 2"):
            shard = tensor("b.weight", (2, 0), (2, 8), (4, 8), index=MetadataIndex("b.weight", offset))
            expected = rf"no dump .* is written: .*'b\.weight'.* {told}, but its chunk has the offset 2,0"
            with self.subTest(offset), self.assertWarnsRegex(UserWarning, expected):
                self.planner().create_global_plan([SavePlan([pickled("a"), shard])])
        self.assertEqual(self.files(), {})

    def test_an_object_whose_index_has_an_offset_is_refused_by_name(self):
        item = WriteItem(index=MetadataIndex("step", ()), type=WriteItemType.BYTE_IO)
        with self.assertRaisesRegex(ValueError, r"'step'.* the offset \(\), but it has no chunk"):
            self.dump_of([SavePlan([item])])

    def test_the_hint_of_an_index_does_not_matter(self):
        item = tensor("a", (4,), (4,), (8,), index=MetadataIndex("a", [4], index=1))
        self.assertEqual(self.dump_of([SavePlan([item])]), b"plan\t0\na\t4\ttensor\tfloat32\t4\t8\t-\n")

    def test_a_dtype_that_nobody_knows_is_kept_as_it_is(self):
        self.assertEqual(
            self.dump_of([SavePlan([tensor("a", (0,), (4,), (4,), "float3_e1m1"), pickled("b", 1)])]),
            b"plan\t0\na\t0\ttensor\tfloat3_e1m1\t4\t4\t-\nb\t-\tbyte_io\t-\t-\t-\t1\n",
        )

    def test_a_dump_that_fails_is_no_reason_to_lose_the_checkpoint(self):
        Path(self.path).write_text("in the way", encoding="utf-8")
        planner = self.planner(os.path.join(self.path, "no folder"))
        with self.assertWarnsRegex(UserWarning, "no dump of the save plans is written"):
            self.assertEqual(planner.create_global_plan(PLANS), (["the global plan"], "the metadata"))

    def test_a_name_that_is_refused_is_told_in_the_warning(self):
        with self.assertWarnsRegex(UserWarning, r"no dump of the save plans is written: .* the name 'a\\tb'"):
            self.planner().create_global_plan([SavePlan([pickled("a\tb")])])
        self.assertEqual(self.files(), {})

    def test_a_dump_that_cannot_be_finished_leaves_no_file(self):
        os.mkdir(self.path)  # so that it cannot be replaced
        with self.assertWarnsRegex(UserWarning, "no dump of the save plans is written"):
            self.planner().create_global_plan(PLANS)
        self.assertEqual(self.files(), {})

    # ------------------------------------------------------------------------------------------- several saves

    def test_each_save_of_a_job_has_its_own_file(self):
        model, optimizer = SavePlan([pickled("model")]), SavePlan([pickled("optimizer")])
        for plan in model, optimizer, model:
            self.planner(name=plan.items[0].index.fqn).create_global_plan([plan])
        dump = "plan\t0\n{}\t-\tbyte_io\t-\t-\t-\t-\n".format
        self.assertEqual(
            self.files(),
            {"plans.tsv": dump("model"), "plans.2.tsv": dump("optimizer"), "plans.3.tsv": dump("model")},
        )

    def test_the_number_of_a_save_goes_where_the_path_says(self):
        planner = self.planner(os.path.join(os.path.dirname(self.path), "save-{save}", "{rank}.tsv"))
        planner.create_global_plan(PLANS)
        planner.create_global_plan(PLANS)
        self.assertEqual(self.files(), {"save-1/0.tsv": DUMP, "save-2/0.tsv": DUMP})

    def test_plans_that_have_not_changed_are_filled_in_from_those_before(self):
        first, second = SavePlan([pickled("a")]), SavePlan([pickled("b")])
        changed = SavePlan([pickled("c")])
        line = "{}\t-\tbyte_io\t-\t-\t-\t-\n".format
        planner = self.planner()
        for plans in [first, second], [unchanged(), unchanged()], [unchanged(), changed], [unchanged(), unchanged()]:
            self.assertEqual(planner.create_global_plan(plans), (["the global plan"], "the metadata"))
            self.assertIs(planner.received, plans)  # the planner gets what it would without a dump
        before = f"plan\t0\n{line('a')}plan\t1\n{line('b')}"
        after = f"plan\t0\n{line('a')}plan\t1\n{line('c')}"
        self.assertEqual(
            self.files(),
            {"plans.tsv": before, "plans.2.tsv": before, "plans.3.tsv": after, "plans.4.tsv": after},
        )

    def test_a_planner_of_its_own_for_each_save_knows_the_plans_before(self):
        self.planner().create_global_plan(PLANS)
        self.planner().create_global_plan([unchanged() for _ in PLANS])
        self.assertEqual(self.files(), {"plans.tsv": DUMP, "plans.2.tsv": DUMP})

    def test_plans_before_are_those_of_the_same_cache(self):
        for key, name in ("model", "a"), ("optimizer", "b"):
            planner = self.planner()
            planner._cached_plans_key = key
            planner.create_global_plan([SavePlan([pickled(name)])])
        planner = self.planner()
        planner._cached_plans_key = "model"
        planner.create_global_plan([unchanged()])
        self.assertEqual(self.files()["plans.3.tsv"], self.files()["plans.tsv"])

    def test_plans_that_have_not_changed_since_nobody_knows_when_are_no_dump(self):
        planner = self.planner()
        with self.assertWarnsRegex(UserWarning, "no dump .*: rank 1 has not changed its plan since"):
            self.assertEqual(
                planner.create_global_plan([PLANS[0], unchanged()]), (["the global plan"], "the metadata")
            )
        self.assertEqual(self.files(), {})

    def test_a_plan_that_no_dump_could_hold_is_known_to_the_next_save(self):
        planner = self.planner()
        with self.assertWarns(UserWarning):
            planner.create_global_plan([PLANS[0], SavePlan([pickled("a\tb")])])
        planner.create_global_plan([unchanged(), SavePlan([])])
        self.assertEqual(self.files(), {"plans.2.tsv": DUMP[: DUMP.index("plan\t1")] + "plan\t1\n"})

    def test_the_plans_of_a_save_that_is_refused_are_dumped_and_forgotten(self):
        # With cached plans, a rank sends nothing if its plan is the last one that succeeded (PR 176289). The dump
        # remembered the refused plan, and showed it for the save after.
        first, refused = SavePlan([pickled("a")]), SavePlan([pickled("b")])
        planner = self.planner()
        planner.create_global_plan([first])
        planner.refuses = True
        with self.assertRaisesRegex(ValueError, "^Failed to validate global plan$"):
            planner.create_global_plan([refused])
        planner.refuses = False
        planner.create_global_plan([unchanged()])
        dump = "plan\t0\n{}\t-\tbyte_io\t-\t-\t-\t-\n".format
        self.assertEqual(
            self.files(),
            {"plans.tsv": dump("a"), "plans.2.tsv": dump("b"), "plans.3.tsv": dump("a")},
        )

    def test_a_rank_that_has_sent_no_plan_is_named(self):
        with self.assertWarnsRegex(UserWarning, "no dump of the save plans is written: rank 1 has sent no plan$"):
            self.planner().create_global_plan([PLANS[0], None])
        self.assertEqual(self.files(), {})

    # ------------------------------------------------------------------------------------- without collectives

    def test_with_collectives_the_coordinator_writes_the_dump_of_all_ranks(self):
        with self.ranks(0, len(PLANS)):
            self.planner().create_global_plan(PLANS)
        self.assertEqual(self.files(), {"plans.tsv": DUMP})

    def test_without_collectives_each_rank_has_its_own_file(self):
        # A process each: so they do not count one another's saves.
        for rank, plan in enumerate(PLANS):
            with self.ranks(rank, len(PLANS)), mock.patch.object(DumpSavePlans, "_saves", {}):
                self.planner().create_global_plan([plan])
                self.planner().create_global_plan([plan])
        self.assertEqual(
            set(self.files()),
            {f"plans.rank{rank}{save}.tsv" for rank in range(3) for save in ("", ".2")},
        )
        self.assertEqual(self.files()["plans.rank0.tsv"], DUMP[: DUMP.index("plan\t1")])

    def test_ranks_without_a_process_group_are_known_by_the_environment(self):
        with mock.patch.dict(os.environ, {"RANK": "5", "WORLD_SIZE": "8"}):
            self.planner().create_global_plan(PLANS[:1])
        self.assertEqual(list(self.files()), ["plans.rank5.tsv"])

    def test_the_dump_of_a_process_group_says_which_ranks_its_plans_are(self):
        sent = []
        for rank in 4, 6:
            with self.ranks(rank, 8):
                sent.append(pickle.loads(pickle.dumps(self.planner().create_local_plan())))
        with self.ranks(4, 8):
            self.planner().create_global_plan(sent)
        dump = "# plans of the global ranks 4,6, in this order\nplan\t0\nplan\t1\n"
        self.assertEqual(self.files(), {"plans.rank4.tsv": dump})
        done = subprocess.run([dedup_plans, self.path.replace(".tsv", ".rank4.tsv")], capture_output=True, check=False)
        self.assertEqual(done.stdout, b"plan\t0\nplan\t1\n")

    def test_the_dump_of_a_whole_job_has_no_comment(self):
        sent = []
        for rank in range(2):
            with self.ranks(rank, 2):
                sent.append(self.planner().create_local_plan())
        with self.ranks(0, 2):
            self.planner().create_global_plan(sent)
        self.assertEqual(self.files(), {"plans.tsv": "plan\t0\nplan\t1\n"})

    def test_a_plan_that_is_sent_is_equal_to_the_planner_s(self):
        self.assertEqual(self.planner().create_local_plan(), DefaultSavePlanner.plan)

    def test_the_path_may_be_a_path_object(self):
        self.planner(Path(self.path)).create_global_plan(PLANS)
        self.assertEqual(self.files(), {"plans.tsv": DUMP})

    def test_the_rank_goes_where_the_path_says(self):
        with self.ranks(2, 4):
            self.planner(self.path.replace("plans", "plans of {rank}")).create_global_plan(PLANS[:1])
        self.assertEqual(list(self.files()), ["plans of 2.tsv"])


if __name__ == "__main__":
    dedup_plans = sys.argv.pop(1)
    unittest.main()
