"""`kbtool` as a process of its own, forked from one that has imported everything.

It is killed, interrupted and waited for like any other, without the seconds that a new interpreter takes to
start, of which tests that run dozens would have minutes.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import mkdtemp

from kbtool import cli

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [__name__, "kbtool.cli.connect", "kbtool.sync.apply", "kbtool.lock", "httpx_aiohttp"]
)


@dataclass(frozen=True)
class Kbtool:
    """A running or ended command; what it wrote lies in files, so that nobody has to read while it runs."""

    process: BaseProcess
    log: Path

    async def wait(self) -> int:
        """Its exit code; the negative signal that ended it."""
        await asyncio.to_thread(self.process.join, 60)
        assert self.process.exitcode is not None, f"still running: {self.stdout}{self.stderr}"
        return self.process.exitcode

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    @property
    def stdout(self) -> str:
        return (self.log / "stdout").read_text(encoding="utf-8")

    @property
    def stderr(self) -> str:
        return (self.log / "stderr").read_text(encoding="utf-8")


async def start(*arguments: str, cwd: Path, **environment: str) -> Kbtool:
    """Start `kbtool` with these arguments in `cwd`."""
    log = Path(mkdtemp(dir=cwd, prefix=".log-"))
    for name in ("stdout", "stderr"):
        (log / name).touch()
    process = _FORKS.Process(target=_command, args=(arguments, cwd, log, environment))
    await asyncio.to_thread(process.start)
    return Kbtool(process, log)


async def kbtool(*arguments: str, cwd: Path, **environment: str) -> Kbtool:
    """Run `kbtool` to its end."""
    command = await start(*arguments, cwd=cwd, **environment)
    await command.wait()
    return command


def _command(arguments: tuple[str, ...], cwd: Path, log: Path, environment: Mapping[str, str]) -> None:
    os.chdir(cwd)
    os.environ.update(environment)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(log / name, os.O_WRONLY), number)
    sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY))
    sys.argv = ["kbtool", *arguments]
    try:
        cli.main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
