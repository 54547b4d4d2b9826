"""The structure that docs/lifecycle.md draws: imports point down, and the command line starts light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# A layer may import from its own and from the ones below it, and from nothing beside it.
LAYERS = (
    ("kbtool.__main__", "bridge.asgi"),
    ("kbtool.cli",),
    ("bridge.sandbox",),
    ("bridge.serve", "bridge.doctor", "bridge.setup"),
    ("bridge.app", "bridge.operating", "bridge.routes"),
    ("bridge.kpi", "bridge.improve", "bridge.privacy"),
    ("bridge.operator",),
    ("bridge.worker", "bridge.guards", "bridge.stream"),
    ("bridge.intake", "bridge.turn", "bridge.review"),
    ("bridge.answering", "bridge.rivals"),
    ("bridge.drafting",),
    ("bridge.tables",),
    ("bridge.conversation", "bridge.speech", "bridge.chatwoot", "bridge.asking", "bridge.store"),
    (
        "bridge.events",
        "bridge.channels",
        "bridge.settings",
        "bridge.holding",
        "bridge.signature",
        "bridge.log",
        "bridge.activation",
        "bridge.pages",
    ),
    ("bridge",),
    ("kbtool.doctor",),
    ("kbtool.reembed.procedure",),
    ("kbtool.reembed.measuring",),
    ("kbtool.reembed",),
    ("kbtool.evaluate.weekly", "kbtool.evaluate.ci", "kbtool.evaluate.contrast", "kbtool.evaluate.estimate"),
    ("kbtool.evaluate.threshold",),
    ("kbtool.evaluate.asking",),
    ("kbtool.evaluate.judging",),
    ("kbtool.evaluate.project",),
    ("kbtool.evaluate.history",),
    ("kbtool.evaluate.report",),
    ("kbtool.evaluate.view", "kbtool.evaluate.plots", "kbtool.evaluate.trend"),
    ("kbtool.judge",),
    ("kbtool.evaluate.run",),
    ("kbtool.corpus", "kbtool.tidy"),
    ("kbtool.preview",),
    ("kbtool.sync.apply",),
    ("kbtool.sync.writing",),
    ("kbtool.sync.waiting",),
    ("kbtool.sync.plan",),
    ("kbtool.sync.changes",),
    ("kbtool.sync.render",),
    ("kbtool.policy_file",),
    ("kbtool.config", "kbtool.notify"),
    ("kbtool.events",),
    ("kbtool.signing",),
    ("kbtool.evaluate.support",),
    ("kbtool.kpi",),
    ("kbtool.tune", "kbtool.handoff_table", "kbtool.evaluate.past"),
    ("kbtool.evaluate.gate", "kbtool.evaluate.retention"),
    ("kbtool.evaluate.compare",),
    ("kbtool.evaluate.canaries",),
    ("kbtool.evaluate.baseline", "kbtool.evaluate.metrics", "kbtool.evaluate.power"),
    ("kbtool.evaluate.cost",),
    ("kbtool.evaluate.score",),
    ("kbtool.evaluate.assertions",),
    ("kbtool.golden",),
    ("kbtool.llm", "kbtool.redact"),
    ("kbtool.evaluate.record", "kbtool.evaluate", "kbtool.handoff"),
    ("kbtool.prepare",),
    ("kbtool.codec",),
    ("kbtool.lines",),
    ("kbtool.exports",),
    ("kbtool.clean",),
    ("kbtool.dify",),
    ("kbtool.embedded",),
    ("kbtool.chunk",),
    ("kbtool.contradictions",),
    ("kbtool.cache", "kbtool.pool", "kbtool.duplicates", "kbtool.likeness"),
    ("kbtool.sync.fields", "kbtool.sync.form", "kbtool.hold", "kbtool.page_stub"),
    ("kbtool.breaking", "kbtool.dates", "kbtool.facts"),
    ("kbtool.smalltalk", "kbtool.intents", "kbtool.canary"),
    ("kbtool.http", "kbtool.lock"),
    ("kbtool.scan",),
    ("kbtool.sync", "kbtool.script", "kbtool.model", "kbtool.errors", "kbtool.look"),
    ("kbtool.kind",),
    ("kbtool",),
)
HEAVY = {"pandas", "numpy", "scipy", "ir_measures", "httpx", "fastapi", "starlette", "uvicorn", "pydantic",
         "jinja2", "bs4", "lxml", "markdown_it", "ruamel", "tomlkit", "aiohttp", "asyncio"}  # fmt: skip


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted([*(ROOT / "kbtool").rglob("*.py"), *(ROOT / "bridge").rglob("*.py")]):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def layer(module: str) -> int:
    best = max(
        ((len(prefix), number) for number, prefixes in enumerate(LAYERS) for prefix in prefixes
         if module == prefix or module.startswith(prefix + ".")),
    )  # fmt: skip
    return best[1]


def group(module: str) -> str:
    prefixes = [p for row in LAYERS for p in row if module == p or module.startswith(p + ".")]
    return max(prefixes, key=len)


def imports(path: Path, *, at_module_level: bool) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.iter_child_nodes(tree) if at_module_level else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


KNOWN = {name for name, _ in modules()}


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=[name for name, _ in modules()])
def test_imports_point_down(module: str, path: Path) -> None:
    for target in imports(path, at_module_level=False):
        if target in KNOWN and group(target) != group(module):
            assert layer(target) > layer(module), f"{module} imports {target}"


def test_kbtool_never_imports_bridge_at_module_level() -> None:
    for module, path in modules():
        if module.startswith("bridge"):
            continue
        for target in imports(path, at_module_level=True):
            assert not target.startswith("bridge"), f"{module} imports {target}"


def test_the_command_line_starts_without_heavy_imports() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", "import sys, kbtool.cli; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert not HEAVY & set(shown.stdout.split())


def test_no_file_has_grown_beyond_one_idea() -> None:
    long = {name: lines for name, path in modules() if (lines := len(path.read_text().splitlines())) > 400}
    assert not long
