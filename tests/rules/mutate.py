"""Takes each rule out of the bridge in turn, in a copy of the tree, and shows that rule's test failing.

    python -m tests.rules.mutate [RULE …]

A mutation finds its place by a short text that stands in its file exactly once; where it does not, the run
fails and says so. Ends with 1 where a rule can be taken out unnoticed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.rules.mutations import MUTATIONS, Mutation

ROOT = Path(__file__).parent.parent.parent
RULES = range(1, 31)
_COPIED = ("bridge", "kbtool", "tests", "pyproject.toml", "README.md")
_SECONDS = 240


def main(wanted: Sequence[str]) -> int:
    """Print a row for each mutation of the wanted rules (all without any). 0 where every one was noticed."""
    rules = [int(number) for number in wanted] or list(RULES)
    print(f"{'rule':>4}  {'taken out: the bridge …':<42} {'noticed by':<10} seconds")
    unnoticed = []
    with tempfile.TemporaryDirectory(prefix="kbtool-rules-") as folder:
        tree = Path(folder)
        for name in _COPIED:
            _copy(ROOT / name, tree / name)
        for rule in rules:
            own = [mutation for mutation in MUTATIONS if mutation.rule == rule]
            if not own:
                print(f"{rule:>4}  {'(no mutation)':<42} {'NOTHING':<10}")
                unnoticed.append(rule)
            for mutation in own:
                begun = time.monotonic()
                failed = _failures_under(mutation, tree)
                seen = f"{failed} test{'s' * (failed != 1)}" if failed else "NOTHING"
                print(f"{rule:>4}  {mutation.what:<42} {seen:<10} {time.monotonic() - begun:.0f}", flush=True)
                if not failed:
                    unnoticed.append(rule)
    if unnoticed:
        print(f"Not noticed: rules {', '.join(map(str, sorted(set(unnoticed))))}.")
    return 1 if unnoticed else 0


def _failures_under(mutation: Mutation, tree: Path) -> int:
    """How many of the rule's tests fail with the mutation; exits where it cannot be applied or run."""
    path = tree / mutation.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        sys.exit(
            f"rule {mutation.rule}: {mutation.old!r} stands {text.count(mutation.old)} times in "
            f"{mutation.file}, not once. The code has changed: find the rule's new place in mutate.py."
        )
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "tests/rules", "-q", "-k", f"test_rule_{mutation.rule:02}_",
             "-p", "no:cacheprovider", "--no-header", "--tb=no"],
            cwd=tree, env=os.environ | {
                "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "KBTOOL_TEST_PATIENCE": "15",
            },
            capture_output=True, text=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return 1
    finally:
        path.write_text(text, encoding="utf-8")
    if ended.returncode not in (0, 1):
        sys.exit(f"rule {mutation.rule}: the tests could not be run\n{ended.stdout}{ended.stderr}")
    return sum(line.startswith("FAILED") for line in ended.stdout.splitlines())


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
