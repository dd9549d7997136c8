"""examples/dump_save_plans.py in real jobs: test_dump.py DEDUP_PLANS"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import jobs
import torch
from dump_save_plans import DumpSavePlans, write_dump
from pytorch_steps import lowest_rank

dedup_plans = None


class DumpPlanner(DumpSavePlans, jobs.Planner):
    pass


def state_of(rank):
    """Sharded over two ranks, replicated, scalar, and an object."""
    group = jobs.pairs()
    row = 4 * (rank % 2)
    whole = torch.arange(24, dtype=torch.float32).reshape(8, 3)
    return {
        "embedding": jobs.shard(whole[row : row + 4].clone(), row, 8, group),
        "norm": torch.arange(5, dtype=torch.bfloat16),
        "step": torch.tensor(7),
        "extra": {"epoch": 3},
    }


PLAN = """\
plan\t{rank}
embedding\t{row},0\tshard\tfloat32\t4,3\t8,3\t-
norm\t0\ttensor\tbfloat16\t5\t5\t-
step\t()\ttensor\tint64\t()\t()\t-
extra\t-\tbyte_io\t-\t-\t-\t-
"""


class DumpTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.dump = self.folder / "plans.tsv"

    def planner(self):
        planner = DumpPlanner()
        planner.dump_path = self.dump
        return planner

    def saved_and_loaded(self, rank):
        planner = self.planner()
        state = state_of(rank)
        jobs.save(state, self.folder / "checkpoint", planner)
        return jobs.differing(state, self.folder / "checkpoint"), getattr(planner, "received", None)

    def test_the_dump_is_what_the_ranks_planned_and_dedup_plans_decides_as_pytorch_does(self):
        for ranks in 2, 4:
            with self.subTest(ranks=ranks):
                results = jobs.run(ranks, self.saved_and_loaded)
                self.assertEqual([differing for differing, _ in results], [[]] * ranks)
                expected = "".join(PLAN.format(rank=rank, row=4 * (rank % 2)) for rank in range(ranks))
                self.assertEqual(self.dump.read_text(encoding="utf-8"), expected)

                all_plans = results[0][1]
                write_dump(self.folder / "pytorch.tsv", lowest_rank(all_plans))
                done = subprocess.run([dedup_plans, self.dump], capture_output=True, check=True)
                self.assertEqual(done.stdout, (self.folder / "pytorch.tsv").read_bytes())
                self.assertEqual(done.stdout.count(b"\n"), ranks + 5)

    def test_the_dump_of_a_process_group_says_which_ranks_its_plans_are(self):
        def save_in_group(rank):
            group = torch.distributed.new_group([0, 2])
            if rank in (0, 2):
                jobs.save({"norm": torch.ones(2)}, self.folder / "checkpoint", self.planner(), process_group=group)

        self.assertEqual(jobs.run(4, save_in_group), [None] * 4)
        first = (self.folder / "plans.rank0.tsv").read_text(encoding="utf-8").splitlines()[0]
        self.assertEqual(first, "# plans of the global ranks 0,2, in this order")


if __name__ == "__main__":
    dedup_plans = sys.argv.pop(1)
    unittest.main()
