"""A worker outlives whatever happens to its process."""

import os
import signal

import numpy as np
import pytest

from data.datasets.by_name import load_dataset
from experiments.benchmark.jobs import Job
from experiments.benchmark.worker import Worker
from experiments.trackers.by_name import Contender
from tests.material.trees import make_otb


@pytest.fixture
def job(tmp_path):
    make_otb(tmp_path, "Car4")
    (sequence,) = load_dataset("folder", tmp_path)
    return Job(Contender("identity"), "identity", "Car4", 1, sequence.paths, sequence.bboxes[0])


def test_a_process_killed_between_jobs_is_replaced(job):
    worker = Worker()
    for _ in range(2):
        outcome = worker.run(job)
        assert outcome.error is None
        np.testing.assert_array_equal(outcome.bboxes, np.tile(job.bbox, (6, 1)))
        assert outcome.seconds.shape == (6,)
        os.kill(worker._process.pid, signal.SIGKILL)
        worker._process.join()
    worker.close()


def test_building_a_tracker_may_fail_too(job):
    worker = Worker(timeout=5)
    failed = worker.run(Job(Contender("nope"), "nope", "Car4", 1, job.paths, job.bbox))
    assert "ValueError: unknown tracker 'nope'" in failed.error
    assert "Traceback" in failed.details
    assert worker.run(job).error is None
    worker.close()
