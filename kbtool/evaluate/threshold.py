"""What a run means for the threshold of kb.toml: by what it is chosen, and whether that still holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from kbtool import tune
from kbtool.config import Settings
from kbtool.evaluate import canaries
from kbtool.evaluate.record import Result, RunSpec


def propose(
    settings: Settings,
    spec: RunSpec,
    results: Sequence[Result],
    *,
    wanted_at: str = "",
    by: tune.By | None = None,
    changed: Sequence[str] = (),
) -> tune.Proposal:
    """The proposal of a run. Without `by`, languages or inboxes are told apart where kb.toml does.

    `wanted_at` is when last week's run was made, if it wanted a change; what was written since then has met
    that wish, or begun anew.
    """
    handoff, policy = settings.handoff, settings.policy
    told_apart = tune.By.LANGUAGE if policy.languages else tune.By.INBOX if policy.inboxes else None
    # A threshold of other settings is not one that could be kept.
    is_void = bool(handoff.run) and not holds(settings, spec, results)
    proposal = tune.tune(
        results,
        tune.Promise(handoff.budget, handoff.confidence),
        current=policy,
        # Nor is an estimate, nor one threshold for all where one for each is asked for.
        is_tuned=bool(handoff.run) and not (is_void or handoff.estimated) and by in {None, told_apart},
        wanted_before=max(handoff.tuned, handoff.estimated, handoff.raised) < wanted_at[:10],
        floor=handoff.floor,
        shares=tune.Shares(handoff.unanswerable_share, handoff.critical_share),
        by=by or told_apart,
        prices=[(p.wrong, p.handoff, p.currency)] if (p := handoff.prices) else (),
        changed=changed,
    )
    if not is_void:
        return proposal
    void = "The threshold of kb.toml was measured under other settings or scores, and holds no more."
    return replace(proposal, sentence=f"{void} {proposal.sentence}")


def holds(settings: Settings, spec: RunSpec, results: Sequence[Result]) -> bool:
    """Whether the run was made under the settings that the threshold of kb.toml was measured under."""
    policy = settings.policy
    return policy.fingerprint == spec.fingerprint and not canaries.seen(results, policy.canaries).has_moved


def changed_since(settings: Settings, spec: RunSpec, latest: RunSpec) -> list[str]:
    """What is no longer as in the run, in words: by kb.toml, and by what the latest run saw on the server."""
    then, now = (json.dumps(dict(r), sort_keys=True) for r in (spec.retrieval, _retrieval(settings)))
    pairs = {
        "dataset": (spec.dataset, settings.dify.dataset),
        "embedding model": (spec.embedding_model, settings.dify.embedding_model),
        "retrieval settings": (then, now),
        "server": ((spec.engine, spec.version), (latest.engine, latest.version)),
    }
    return [what for what, (before, today) in pairs.items() if before != today]


def _retrieval(settings: Settings) -> dict[str, object]:
    return dict(settings.retrieval_profile.as_json())
