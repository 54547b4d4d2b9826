"""What people said of answers: a line for each time, in a file that is committed beside the golden questions.

Beside them because it is as dear, and as much the project's own: a label outlives runs, machines and judges.
A line holds the answer and its sources, so that a new judge can be measured without the run they came from
(runs are removed after some weeks, and are on one machine only). Lines are only added; of two labels of one
answer the later one counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from kbtool.errors import ExportError
from kbtool.judge.criteria import Criterion, Material


@dataclass(frozen=True)
class Label:
    """A person's verdicts on one answer. What the person could not say is not in `holds`."""

    id: str
    run: str
    at: str
    material: Material
    holds: Mapping[Criterion, bool]
    note: str = ""


def read_labels(path: Path) -> dict[str, Label]:
    """The labels by the key of their material, the last of each.

    Raises ExportError with the line that is no label; half a last line, as a kill leaves it, is not one.
    """
    if not path.exists():
        return {}
    whole, _, _ = path.read_text(encoding="utf-8", errors="replace").rpartition("\n")
    labels: dict[str, Label] = {}
    for number, line in enumerate(whole.split("\n") if whole else (), start=1):
        try:
            label = _label(line)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ExportError(
                f"{path}:{number}: not a label ({error})", hint="Restore the file from version control."
            ) from error
        labels[label.material.key] = label
    return labels


def add_label(path: Path, label: Label) -> None:
    """Append the label, on disk when this returns. Raises OSError."""
    content = asdict(label) | {"holds": {c.value: held for c, held in label.holds.items()}}
    line = (json.dumps(content, ensure_ascii=False) + "\n").encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":  # what a kill left of a line must not swallow this one
                _drop_half_line(path)
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def _drop_half_line(path: Path) -> None:
    content = path.read_bytes()
    os.truncate(path, content.rfind(b"\n") + 1)


def _label(line: str) -> Label:
    content = json.loads(line)
    material = content["material"]
    lists = {name: tuple(material[name]) for name in ("sources", "expected", "history")}
    holds = {Criterion(name): held for name, held in content["holds"].items()}
    if not all(isinstance(held, bool) for held in holds.values()):
        raise ValueError("`holds` is true or false")
    return Label(**content | {"material": Material(**material | lists), "holds": holds})
