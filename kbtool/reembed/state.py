"""How far a change of the embedding model has come: a folder that an interrupted one goes on from."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from kbtool.errors import ConfigError

Model = tuple[str, str]
"""(provider, model)."""


@dataclass(frozen=True, slots=True)
class State:
    """What was decided and done. `held_since` is 0 until the bridge is held back."""

    old: Model
    new: Model
    is_approved: bool = False
    held_since: float = 0.0


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of one change: its state, and the replies to the golden questions."""

    path: Path

    def replies(self, name: str) -> Path:
        return self.path / f"{name}.jsonl"

    def read(self) -> State | None:
        """Raises ConfigError for a file that is damaged."""
        file = self.path / "state.json"
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            old, new = content.pop("old"), content.pop("new")
            return State(old=(old[0], old[1]), new=(new[0], new[1]), **content)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ConfigError(f"{file}: damaged", hint="Delete the folder and begin anew.") from error

    def write(self, state: State) -> State:
        self.path.mkdir(parents=True, exist_ok=True)
        half = self.path / "state.part"
        half.write_text(json.dumps(asdict(state)), encoding="utf-8")
        half.replace(self.path / "state.json")
        return state

    def forget(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
