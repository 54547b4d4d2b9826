"""Dify's keys, which stand in the environment and never in kb.toml."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from kbtool.config.tables import EMBEDDED, Settings
from kbtool.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Secrets:
    """Keys from the environment. Their text form hides them."""

    dataset_key: str = ""
    app_key: str = ""

    def __repr__(self) -> str:
        return "Secrets(…)"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Secrets:
        """Raises ConfigError for a key that no header can carry, without showing it."""
        names = ("DIFY_DATASET_KEY", "DIFY_APP_KEY")
        keys = [environment.get(name, "").strip() for name in names]
        for name, key in zip(names, keys, strict=True):
            if not (key.isascii() and (key.isprintable())):
                raise ConfigError(f"{name} holds characters that no key has", hint="Copy it from Dify again.")
        return cls(*keys)

    def require(self, settings: Settings, *, needs_datasets: bool = True, needs_app: bool = True) -> Secrets:
        """These, once it is sure that the server will not be asked without a key."""
        keys = (
            ("DIFY_DATASET_KEY", self.dataset_key, needs_datasets),
            ("DIFY_APP_KEY", self.app_key, needs_app),
        )
        missing = [name for name, value, is_needed in keys if is_needed and not value]
        if missing and settings.dify.base_url != EMBEDDED:
            raise ConfigError(
                f"{' and '.join(missing)} not set, needed for {settings.dify.base_url}",
                hint=f"export {missing[0]}=…   (in Dify: Knowledge › API access; app › API access)",
            )
        return self
