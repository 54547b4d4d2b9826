"""`make audit`: known vulnerabilities in the versions that pyproject.toml pins, as pip-audit finds them.

pip-audit says "No known vulnerabilities found" and ends with 0 also where the service knew none of the
packages, so its list is read and not its word. Exit codes are those of kbtool: 0 all were looked up and none
is known, 3 some are, 4 not all could be looked up, which proves nothing (make says them: `Error 4`).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

SERVICES = ("pypi", "osv")
CLEAN, VULNERABLE, UNKNOWN = 0, 3, 4
_PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class Audit:
    """`found` are `name version: id, fixed in …`; `skipped` the packages that the service did not look up."""

    looked_up: int = 0
    found: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        if self.found:
            return VULNERABLE
        return CLEAN if self.looked_up and not self.skipped else UNKNOWN


def read(output: str) -> Audit | None:
    """From pip-audit's JSON; None where it is none, since the service was not reached."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return None
    done = [one for one in packages if "skip_reason" not in one]
    found = [_line(one, flaw) for one in done for flaw in one["vulns"]]
    return Audit(len(done), tuple(found), tuple(one["name"] for one in packages if "skip_reason" in one))


def _line(package: dict[str, str], flaw: dict[str, list[str]]) -> str:
    fixed = ", ".join(flaw["fix_versions"]) or "no version yet"
    return f"{package['name']} {package['version']}: {flaw['id']}, fixed in {fixed}"


def audit(program: Path, pins: Path, services: Sequence[str] = SERVICES) -> int:
    """Ask one service after the other until one knows all packages; prints, and returns the exit code."""
    best = Audit()
    for service in services:
        command = [
            str(program), "--requirement", str(pins), "--no-deps", "--disable-pip", "--format", "json",
            "--progress-spinner", "off", "--vulnerability-service", service,
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            print(f"{service}: no answer within {_PATIENCE:.0f} s")
            continue
        answer = read(done.stdout)
        if answer is None:
            print(f"{service}: not reached ({_last(done.stderr)})")
            continue
        print(f"{service}: {answer.looked_up} packages looked up, {len(answer.skipped)} not known there")
        found = tuple(dict.fromkeys((*best.found, *answer.found)))
        best = replace(max(best, answer, key=lambda one: one.looked_up), found=found)
        if answer.looked_up and not answer.skipped:
            break
    _tell(best)
    return best.exit_code


def _tell(answer: Audit) -> None:
    for line in answer.found:
        print(line)
    match answer.exit_code:
        case 0:
            print(f"No known vulnerabilities in {answer.looked_up} packages.")
        case 3:
            print(f"{len(answer.found)} known vulnerabilities: raise these pins in pyproject.toml.")
        case _:
            print("error: not audited: no service could be asked about all packages, so this proves nothing")
            print("  Run it where https://pypi.org or https://api.osv.dev can be reached.")


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:200] if lines else "no output"


if __name__ == "__main__":
    sys.exit(audit(Path(sys.argv[1]), Path(sys.argv[2])))
