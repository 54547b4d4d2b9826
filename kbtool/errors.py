"""Everything that can go wrong, by whose fault it is and whether trying again can help.

KbtoolError                  caught once, at the command's edge; prints one sentence and a hint
├── ConfigError              kb.toml, the environment or an argument is wrong: the user mends it (exit 1)
├── ExportError              an export cannot be read: names path and line (exit 1)
├── GoldenError              a golden file is wrong: names file and line (exit 1)
├── RunInvalid               a run that proves nothing: errors, stale questions (exit 4)
├── WorseModel               an embedding model that finds less than the one in use (exit 3)
├── ServiceError             somebody else's server
│   ├── Unavailable          trying again may help
│   ├── Rejected             trying again will not
│   └── ContractBroken       the answer is not what the contract says: their API changed
├── PlanError                (exit 5)
│   ├── StalePlan            the dataset or the corpus changed between plan and apply
│   └── UnsafePlan           the plan would delete or overwrite too much
└── IndexingFailed           the server took the text and could not index it, or indexed something else

A bug is none of these and keeps its traceback.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command (README, "Exit codes")."""

    OK = 0
    ERROR = 1
    USAGE = 2
    REGRESSION = 3
    INVALID = 4
    REFUSED = 5
    PENDING = 6


class KbtoolError(Exception):
    """One sentence for a person, and in `hint` the next command or step."""

    exit_code: Exit = Exit.ERROR

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(KbtoolError):
    """kb.toml, the environment or an argument is wrong."""


class ExportError(KbtoolError):
    """An export, or a page of one, cannot be read; the message begins with `path` or `path:line`."""


class GoldenError(KbtoolError):
    """A golden file is wrong; the message begins with `file:line`."""


class RunInvalid(KbtoolError):
    """The run cannot support a verdict: too many errors or stale questions."""

    exit_code = Exit.INVALID


class WorseModel(KbtoolError):
    """The new embedding model is a regression; the live dataset was not touched."""

    exit_code = Exit.REGRESSION


class ServiceError(KbtoolError):
    """A server that we talk to. `status` and `code` are its own words, where it gave any."""

    def __init__(self, message: str, *, hint: str = "", status: int | None = None, code: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code


class Unavailable(ServiceError):
    """Not now: connection refused, time-out, 429, 5xx, or a rate limit in disguise."""


class Rejected(ServiceError):
    """Not so: the same request will be refused again."""


class ContractBroken(ServiceError):
    """The answer does not have the form that `docs/contracts.md` names: their API changed."""


class PlanError(KbtoolError):
    """A plan that must not be applied as it is."""

    exit_code = Exit.REFUSED


class StalePlan(PlanError):
    """The dataset or the corpus is not what it was when the plan was shown."""


class UnsafePlan(PlanError):
    """The plan deletes too much, or would overwrite a document that is not ours."""


class IndexingFailed(KbtoolError):
    """The server accepted a document and then failed to index it, or stored other chunks than ours."""
