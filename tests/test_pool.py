"""Work in several processes: order, few jobs in flight, and what happens when a process ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kbtool.pool import Pool


def seven():
    return nullcontext(7)


def times(setting: int, job: int) -> int:
    return setting * job


def dies_of_three(setting: int, job: int) -> int | str:
    if job == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return setting * job


def refuses_three(setting: int, job: int) -> int:
    if job == 3:
        raise OSError(setting, "no three")
    return setting * job


def never(job: int, how: str) -> int:
    pytest.fail(f"{job} was lost: {how}")


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 99), max_size=40), st.integers(0, 3))
def test_results_come_in_the_order_of_the_jobs(jobs, workers):
    with Pool(workers, seven) as pool:
        assert list(pool.map(times, jobs, never)) == [7 * job for job in jobs]
        assert list(pool.map(times, reversed(jobs), never)) == [7 * job for job in reversed(jobs)]


def counted(taken: list[int]) -> Iterator[int]:
    for job in range(1000):
        taken.append(job)
        yield job


def test_jobs_are_read_as_they_are_needed():
    taken: list[int] = []
    with Pool(2, seven) as pool:
        results = pool.map(times, counted(taken), never)
        assert next(results) == 0
        assert len(taken) <= 9
    assert multiprocessing.active_children() == []


def test_a_killed_process_costs_its_own_job_only():
    with Pool(2, seven) as pool:
        results = list(pool.map(dies_of_three, range(8), lambda job, how: f"{job}: {how}"))
        assert results == [0, 7, 14, "3: signal 9", 28, 35, 42, 49]
        assert list(pool.map(times, [1], never)) == [7]
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_the_work_is_raised_where_results_are_read(workers):
    with pytest.raises(OSError, match="no three"), Pool(workers, seven) as pool:
        list(pool.map(refuses_three, range(8), never))
    assert multiprocessing.active_children() == []
