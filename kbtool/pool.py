"""Work on many jobs in several processes, with results in the order of the jobs and little in flight.

Not `concurrent.futures`: a killed worker must cost its own job and no other, Ctrl-C must end at once and
without the workers' tracebacks, and workers must end when this process is killed, which needs pipes that
nobody else holds open.
"""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

if TYPE_CHECKING:  # on Windows there is no such class
    from multiprocessing.context import ForkContext, SpawnContext

S = TypeVar("S")
J = TypeVar("J")
R = TypeVar("R")

_Answer = tuple[Any, Exception | None, str]
"""What the work gave, or the exception that it raised and where."""

_AHEAD = 4  # jobs for each worker that may be under way or wait for an earlier one
_PATIENCE = 2.0  # seconds for a process to end by itself


class Pool(Generic[S]):
    """Processes that each hold their own `setting`, for the time of a `with` block.

    With one worker or none there is no process: the work is done here, job by job.
    """

    def __init__(self, workers: int, setting: Callable[[], AbstractContextManager[S]]) -> None:
        self._count = workers if workers > 1 else 0
        self._setting = setting
        self._workers: list[_Worker] = []
        self._here = ExitStack()

    def __enter__(self) -> Self:
        for _ in range(self._count):
            self._workers.append(self._started())
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._here.close()
        for worker in self._workers:
            worker.end(is_urgent=kind is not None)
        self._workers.clear()

    def map(self, work: Callable[[S, J], R], jobs: Iterable[J], lost: Callable[[J, str], R]) -> Iterator[R]:
        """`work(setting, job)` of each job, in the order of `jobs`, which is read as it is needed.

        `lost` gives the result of a job whose process ended over it, and is told how. An exception of
        `work` is raised here. A pool whose results were not read to the end can only be closed.
        """
        if not self._workers:
            setting = self._here.enter_context(self._setting())
            yield from (work(setting, job) for job in jobs)
            return
        waiting = enumerate(jobs)
        busy: dict[Connection, tuple[_Worker, int, J]] = {}
        done: dict[int, R] = {}
        idle = list(self._workers)
        following = 0
        more = True
        while more or busy or done:
            while more and idle and len(busy) + len(done) < _AHEAD * self._count:
                number, job = next(waiting, (-1, None))
                more = number >= 0
                if job is not None:
                    worker = idle.pop()
                    worker.send(work, job)
                    busy[worker.connection] = worker, number, job
            if busy and following not in done:
                ready = wait(list(busy))
                for connection in [one for one in busy if one in ready]:
                    worker, number, job = busy.pop(connection)
                    try:
                        answer = worker.receive()
                    except (EOFError, OSError):
                        done[number] = lost(job, worker.epitaph())
                        self._workers.remove(worker)
                        worker.end(is_urgent=True)
                        self._workers.append(self._started())
                        idle.append(self._workers[-1])
                        continue
                    done[number] = _value(answer)
                    idle.append(worker)
            while following in done:
                yield done.pop(following)
                following += 1

    def _started(self) -> _Worker:
        return _Worker(self._setting, [worker.connection for worker in self._workers])


class _Worker:
    """One process and our end of the pipe to it."""

    def __init__(
        self, setting: Callable[[], AbstractContextManager[Any]], others: Sequence[Connection]
    ) -> None:
        # Forking costs milliseconds, but is safe only while no other thread may hold a lock.
        forks = sys.platform == "linux" and threading.active_count() == 1
        context: ForkContext | SpawnContext = get_context("fork") if forks else get_context("spawn")
        self.connection, theirs = context.Pipe()
        inherited = [self.connection, *others] if forks else []
        self._process: BaseProcess = context.Process(
            target=_serve, args=(theirs, inherited, setting), daemon=True
        )
        self._process.start()
        theirs.close()

    def send(self, work: Callable[..., Any], job: Any) -> None:
        try:
            self.connection.send((work, job))
        except OSError:
            return  # it has died: reading its result will say so

    def receive(self) -> _Answer:
        """What came of the job. Raises EOFError or OSError when the process has ended."""
        answer: _Answer = self.connection.recv()
        return answer

    def epitaph(self) -> str:
        """How the process ended."""
        self._process.join(_PATIENCE)
        code = self._process.exitcode or 0
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def end(self, *, is_urgent: bool) -> None:
        self.connection.close()
        if is_urgent:
            self._process.kill()
        self._process.join(_PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _value(answer: _Answer) -> Any:
    value, error, trace = answer
    if error is not None:
        error.add_note(trace)
        raise error
    return value


def _serve(
    connection: Connection,
    inherited: Sequence[Connection],
    setting: Callable[[], AbstractContextManager[Any]],
) -> None:
    """A worker's life: job after job until the other end of the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the first process ends the others
    for other in inherited:
        other.close()
    with setting() as state:
        while True:
            try:
                work, job = connection.recv()
            except (EOFError, OSError):
                return
            try:
                answer: _Answer = (work(state, job), None, "")
            except Exception as error:  # noqa: BLE001  # any: it is raised again where the result is read
                answer = (None, error, traceback.format_exc())
            try:
                connection.send(answer)
            except OSError:
                return
