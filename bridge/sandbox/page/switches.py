"""What the page may break that is not Chatwoot's: whoever runs the sandbox has it, and says how."""

from __future__ import annotations

from typing import Protocol


class Switches(Protocol):
    """`dify` is how Dify is: well, slow, down or spent. A bridge that was killed is started again."""

    @property
    def dify(self) -> str: ...

    @property
    def is_up(self) -> bool:
        """Whether there is a bridge."""

    def set_dify(self, how: str) -> None:
        """Raises KeyError for a state that there is not."""

    def kill(self) -> None:
        """End the bridge at once, whatever it is doing."""
