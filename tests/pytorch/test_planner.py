"""examples/pytorch_planner.py in real jobs: test_planner.py CXX

Builds the library by the line at the head of pytorch_planner.cpp, with that compiler.
"""

import ctypes.util
import dataclasses
import pickle
import re
import shlex
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import jobs
import pytorch_planner
import torch
from pytorch_planner import DedupSavePlans
from torch.distributed._shard.checkpoint.metadata import MetadataIndex
from torch.distributed._shard.checkpoint.planner import SavePlan, WriteItem, WriteItemType

source = Path(pytorch_planner.__file__).with_suffix(".cpp")
folder = tempfile.TemporaryDirectory()
library = Path(folder.name) / "libpytorch_planner.so"


def build(cxx):
    line = next(line for line in source.read_text(encoding="utf-8").splitlines() if " -shared " in line)
    command, _, output = line.removeprefix("//").strip().rpartition(" -o ")
    assert output == "examples/libpytorch_planner.so" and command.startswith("c++ ")
    command = [*shlex.split(cxx), *shlex.split(command)[1:], "-o", library]
    subprocess.run(command, cwd=source.parents[1], check=True)


class Planner(DedupSavePlans, jobs.Planner):
    dedup = staticmethod(lambda all_plans: all_plans)

    def __init__(self, **settings):
        super().__init__(library=library, **settings)


def layers_of(rank):
    """24 equal layers, each sharded over two ranks; with four ranks each shard is replicated twice."""
    group = jobs.pairs()
    row = 64 * (rank % 2)
    return {f"layer.{i}": jobs.shard(torch.full((64, 256), float(i + row)), row, 128, group) for i in range(24)}


def state_of(rank):
    return {
        **layers_of(rank),
        "norm": torch.arange(5, dtype=torch.bfloat16),
        "step": torch.tensor(7),
        "extra": {"epoch": 3},
    }


class PlannerTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def run_job(self, ranks, state_of, planner):
        """Of each rank what is not read back as it was saved, and the indices that it has written."""

        def save_and_load(rank):
            state = state_of(rank)
            saving = planner()
            jobs.save(state, self.folder, saving)
            return jobs.differing(state, self.folder), [item.index for item in saving.plan.items]

        return jobs.run(ranks, save_and_load)

    def files(self):
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}

    def sizes(self, ranks):
        return [(self.folder / f"__{rank}_0.distcp").stat().st_size for rank in range(ranks)]

    # --------------------------------------------------------------------------------------------- who writes what

    def test_every_index_is_written_once_and_the_checkpoint_loads(self):
        for ranks in 2, 4:
            for keep in "balanced", "first":
                with self.subTest(ranks=ranks, keep=keep):
                    results = self.run_job(ranks, state_of, lambda: Planner(keep=keep, check=True))
                    self.assertEqual([each[0] for each in results], [[]] * ranks)
                    written = [index for _, indices in results for index in indices]
                    self.assertEqual(len(written), 2 * 24 + 3)
                    self.assertEqual(len(set(written)), len(written))

    def test_balanced_keeps_the_largest_file_within_the_tolerance_of_the_mean(self):
        self.run_job(4, layers_of, jobs.Planner)
        sizes = self.sizes(4)
        self.assertGreater(max(sizes), 1.9 * sum(sizes) / 4)  # half of the ranks write nothing
        self.run_job(4, layers_of, lambda: Planner(tolerance=0.05))
        sizes = self.sizes(4)
        self.assertLessEqual(max(sizes), 1.05 * sum(sizes) / 4)

    def test_an_index_that_one_plan_names_twice_is_written_once(self):
        # PyTorch removes both (pytorch/xla issue 7919), and nobody notices until the checkpoint is read.
        def twice(planner):
            class Twice(type(planner)):
                def create_local_plan(self):
                    plan = super().create_local_plan()
                    return dataclasses.replace(plan, items=2 * plan.items)

            planner.__class__ = Twice
            return planner

        def state_of(rank):
            return {"norm": torch.arange(5)}

        for result in self.run_job(2, state_of, lambda: twice(jobs.Planner())):
            self.assertRegex(result, "KeyError: 'norm'")
        self.assertEqual([differing for differing, _ in self.run_job(2, state_of, lambda: twice(Planner()))], [[], []])

    def test_an_empty_shard_does_not_displace_a_real_one(self):
        # Rank 0 has no rows; its shard begins where rank 1's does (pytorch PR 150862).
        def state_of(rank):
            return {"table": jobs.shard(torch.ones((4 * rank, 2)), 0, 4)}

        lost = self.run_job(2, state_of, jobs.Planner)
        self.assertEqual(lost[1][0], ["table"])
        for keep in "balanced", "first":
            self.assertEqual([each[0] for each in self.run_job(2, state_of, lambda: Planner(keep=keep))], [[], []])

    def test_the_hook_of_later_versions_is_used_alone(self):
        class Later(jobs.DefaultSavePlanner):
            def create_global_plan(self, all_plans):
                return self._dedup_save_plans(all_plans), None

            def _dedup_save_plans(self, all_plans):
                raise AssertionError("PyTorch's own decision is not asked")

        class LaterPlanner(DedupSavePlans, Later):
            pass

        item = WriteItem(MetadataIndex("a"), WriteItemType.BYTE_IO)
        plans, _ = LaterPlanner(library=library).create_global_plan([SavePlan([item]), SavePlan([item])])
        self.assertEqual(plans, [SavePlan([item]), SavePlan([])])

    # ----------------------------------------------------------------------------------------------------- checking

    def assert_refused(self, state_of, *expected):
        """On every rank, with these texts, and the checkpoint of before is as it was."""
        self.run_job(2, lambda rank: {"norm": torch.arange(5)}, Planner)
        before = self.files()
        for result in self.run_job(2, state_of, lambda: Planner(keep="first", check=True)):
            self.assertIsInstance(result, str)
            for each in expected:
                self.assertIn(each, result)
        self.assertEqual(self.files(), before)

    def test_a_rank_with_other_data_is_named_on_every_rank_and_the_last_checkpoint_is_still_there(self):
        dtypes = torch.float32, torch.bfloat16
        self.assert_refused(
            lambda rank: {"norm": torch.ones(5), "head.weight": torch.ones((2, 3), dtype=dtypes[rank])},
            "'head.weight': rank 1 plans a tensor bfloat16 (2, 3) at (0, 0) of (2, 3), "
            "rank 0 a tensor float32 (2, 3) at (0, 0) of (2, 3)",
        )

    def table_with_a_hole(self, rank):
        table = jobs.shard(torch.ones((2, 2)), 2 * rank, 4)
        for each in table.metadata().shards_metadata[1], table.local_shards()[0].metadata:
            each.shard_sizes[0] = 2 - each.shard_offsets[0] // 2
        return table

    def test_a_tensor_that_is_not_whole_is_named_on_every_rank(self):
        self.assert_refused(
            lambda rank: {"table": self.table_with_a_hole(rank)},
            "'table': (1, 2) at (3, 0) of (4, 2) is written by nobody",
        )

    def test_replicas_that_disagree_and_tensors_that_are_not_whole_are_reported_together(self):
        self.assert_refused(
            lambda rank: {"norm": torch.ones(5 + rank), "table": self.table_with_a_hole(rank)},
            "'norm': rank 1 plans",
            "'table'",
        )

    def test_without_the_check_the_lowest_rank_s_data_is_written(self):
        def state_of(rank):
            return {"norm": torch.full((5,), float(rank))}

        results = self.run_job(2, state_of, lambda: Planner(keep="first"))
        self.assertEqual([differing for differing, _ in results], [[], ["norm"]])

    # ------------------------------------------------------------------------------------------------------- errors

    def test_a_library_that_is_missing_or_of_another_version_is_an_error_with_the_compiler_line(self):
        for path in self.folder / "none.so", ctypes.util.find_library("m"):
            line = f"c++ -std=c++20 -O2 -shared -fPIC -Iinclude examples/pytorch_planner.cpp -o {path}"
            expected = f"{re.escape(str(path))} is missing or of another version .*{re.escape(line)}$"
            with self.subTest(path), self.assertRaisesRegex(RuntimeError, expected):
                DedupSavePlans(library=path)

    def test_names_that_would_become_one_are_refused(self):
        plans = [SavePlan([WriteItem(MetadataIndex(name), WriteItemType.BYTE_IO) for name in (7, "7")])]
        with self.assertRaisesRegex(ValueError, "two names differ in their types alone, such as 7 and '7'"):
            Planner().create_global_plan(plans)

    def test_an_unknown_policy_is_refused(self):
        with self.assertRaisesRegex(ValueError, """keep is "balanced" or "first".* not 'smallest'"""):
            Planner(keep="smallest")

    def test_a_tolerance_that_cannot_be_is_refused_before_the_job_trains(self):
        for tolerance in (-1, "nan", float("inf")):
            with self.assertRaisesRegex(ValueError, "tolerance"):
                Planner(tolerance=tolerance)

    def test_a_planner_can_be_sent_to_another_process(self):
        self.assertIsInstance(pickle.loads(pickle.dumps(Planner())), Planner)


if __name__ == "__main__":
    build(sys.argv.pop(1))
    unittest.main()
