"""What is wrong with a Dify server, its dataset and the app in front of it. Asks, never writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence

from kbtool.config import Settings
from kbtool.dify.client import DifyClient
from kbtool.dify.objects import Dataset, RetrievalProfile, StoredDocument
from kbtool.doctor.app import USER, examine_app
from kbtool.doctor.finding import Finding, Level
from kbtool.errors import Rejected, ServiceError
from kbtool.model import Question
from kbtool.reembed.proof import samples
from kbtool.sync.plan import plan
from kbtool.sync.render import Rendered

RECORDED = (1, 13)
OLDEST = (1, 2)
"""Metadata, PATCH of a dataset, child chunks and the model list are there since 1.2.0 (contract §8)."""
APP_QUESTIONS = 3
"""Questions put to the app: each costs an answer of its language model."""
SAME_SCORE = 0.01


async def examine(
    client: DifyClient, settings: Settings, rendered: Sequence[Rendered], *, has_app_key: bool
) -> AsyncIterator[Finding]:
    """All findings, in the order in which they are found."""
    try:
        models = await client.embedding_models()
    except ServiceError as error:
        about = "dataset key" if error.status == 401 else "server"
        yield Finding(Level.PROBLEM, about, error.message, error.hint)
        return
    yield _version(client)
    yield _model(settings, models)
    dataset = await client.find_dataset(settings.dify.dataset)
    if dataset is None:
        yield Finding(
            Level.PROBLEM, "dataset", f"there is no “{settings.dify.dataset}”", "Make it: kbtool ingest"
        )
    else:
        # Only its details say whether its model can be asked (contract §2).
        dataset = await client.dataset(dataset.id)
        for finding in _settings(dataset, settings):
            yield finding
        stored = await client.documents(dataset.id)
        for finding in _documents(stored, rendered, dataset, settings):
            yield finding
        yield await _self_retrieval(client, dataset, rendered)
    if not has_app_key:
        yield Finding(
            Level.NOTE, "app", "not looked at: DIFY_APP_KEY is not set", "export DIFY_APP_KEY=app-…"
        )
        return
    try:
        async for finding in _app(client, dataset, settings, rendered):
            yield finding
    except ServiceError as error:
        yield Finding(Level.PROBLEM, "app", error.message, error.hint or "Look at the app in Dify.")


def _version(client: DifyClient) -> Finding:
    said = f"{client.engine} {client.version or 'of unknown version'}"
    numbers = tuple(int(part) for part in client.version.split(".")[:2] if part.isdecimal())
    if len(numbers) == 2 and numbers < OLDEST:
        return Finding(Level.PROBLEM, "version", f"{said} is too old", "Update Dify to 1.2 or later.")
    if numbers != RECORDED:
        remedy = (
            "Be careful with `reembed`, whose steps differ between versions; the rest is checked as it goes."
        )
        return Finding(Level.NOTE, "version", f"{said}; kbtool was tried on 1.13", remedy)
    return Finding(Level.FINE, "version", said)


def _model(settings: Settings, models: Sequence[tuple[str, str]]) -> Finding:
    wanted = (settings.dify.embedding_provider, settings.dify.embedding_model)
    if wanted in models:
        return Finding(Level.FINE, "embedding model", f"{wanted[1]} ({wanted[0]}) is there")
    known = ", ".join(f"{model} ({provider})" for provider, model in models) or "none"
    return Finding(
        Level.PROBLEM,
        "embedding model",
        f"the server has no {wanted[1]!r} of {wanted[0]!r}; it has: {known}",
        "Set [dify] embedding_model and embedding_provider, or add the model in Dify.",
    )


def _settings(dataset: Dataset, settings: Settings) -> Iterator[Finding]:
    differences = settings.dataset_profile.differences(dataset)
    for what, has, wants in differences:
        remedy = (
            "kbtool reembed" if what.startswith("embedding") else "Ingest into a new dataset: --dataset NAME"
        )
        yield Finding(Level.PROBLEM, what, f"is {has}, kb.toml says {wants}", remedy)
    if not differences:
        yield Finding(Level.FINE, "dataset", f"“{dataset.name}” is made as kb.toml says")
    if dataset.is_embeddable is False:
        remedy = "Give its provider working credentials in Dify: Settings › Model Provider."
        yield Finding(Level.PROBLEM, "embedding model", "Dify cannot use it now", remedy)
    yield from _retrieval(dataset.retrieval, settings.dataset_profile.retrieval)
    if not dataset.app_count:
        yield Finding(Level.NOTE, "apps", "no app uses the dataset", "Add it to the app's knowledge in Dify.")


def _retrieval(has: RetrievalProfile | None, wanted: RetrievalProfile) -> Iterator[Finding]:
    if has is None:
        return
    for name in ("search_method", "top_k", "reranking_enable"):
        if getattr(has, name) != getattr(wanted, name):
            yield Finding(
                Level.NOTE,
                f"retrieval {name}",
                f"the dataset has {getattr(has, name)}, kb.toml {getattr(wanted, name)}",
                "Make them equal, or what is measured is not what the app does.",
            )


def _documents(
    stored: Sequence[StoredDocument], rendered: Sequence[Rendered], dataset: Dataset, settings: Settings
) -> Iterator[Finding]:
    states = Counter(one.display_status or one.indexing_status for one in stored)
    remedies = {
        "queuing": "Waiting for long? Is Dify's worker running, with all its queues? Then: kbtool ingest",
        "indexing": "Working for long? Is Dify's worker running? Then: kbtool ingest",
        "paused": "Resume it in Dify, or: kbtool ingest",
        "error": "kbtool ingest sends it again; the cause stands beside the document in Dify.",
        "disabled": "kbtool ingest enables what is ours; Dify Cloud disables what nobody asked for.",
        "archived": "Un-archive it in Dify, or exclude its page.",
    }
    for state, remedy in remedies.items():
        if states[state]:
            first = next(one for one in stored if (one.display_status or one.indexing_status) == state)
            why = f": {first.error}" if first.error else ""
            said = f"{states[state]} {state}, first “{first.name}”{why}"
            yield Finding(Level.PROBLEM, "documents", said, remedy)
    pending = plan(rendered, stored, dataset, settings.dataset_profile)
    if pending.changes:
        said = ", ".join(f"{count} to {action.value}" for action, count in pending.counts.items())
        yield Finding(Level.PROBLEM, "documents", f"not those of the corpus: {said}", "kbtool ingest")
    else:
        yield Finding(Level.FINE, "documents", f"{pending.unchanged} current, {pending.foreign} of others")


async def _self_retrieval(client: DifyClient, dataset: Dataset, rendered: Sequence[Rendered]) -> Finding:
    """Chunks that do not find themselves have no vectors, or another model's."""
    method = "keyword_search" if dataset.technique == "economy" else "semantic_search"
    profile = RetrievalProfile(search_method=method, top_k=3)
    asked = samples(rendered)
    lost: list[str] = []
    for name, text in asked:
        try:
            hits = await client.retrieve(dataset.id, text, profile)
        except ServiceError as error:
            return Finding(Level.PROBLEM, "retrieval", error.message, "kbtool ingest --rebuild")
        if name not in {hit.document_name for hit in hits}:
            lost.append(name)
    if lost:
        said = (
            f"{len(lost)} of {len(asked)} chunks do not find themselves by their own text, first “{lost[0]}”"
        )
        return Finding(
            Level.PROBLEM, "retrieval", said, "kbtool ingest --verify; then kbtool ingest --rebuild"
        )
    return Finding(Level.FINE, "retrieval", f"{len(asked)} sampled chunks find themselves")


async def _app(
    client: DifyClient, dataset: Dataset | None, settings: Settings, rendered: Sequence[Rendered]
) -> AsyncIterator[Finding]:
    async for finding in examine_app(client):
        yield finding
        if finding.about == "citations":
            return  # without them there is nothing to compare
    if dataset is None:
        return
    for name, text in samples(rendered, APP_QUESTIONS):
        difference = await _app_difference(client, dataset, settings.retrieval_profile, text)
        if difference:
            yield Finding(
                Level.PROBLEM,
                "app's retrieval",
                f"not the dataset's: asked for “{name}”, {difference}",
                "Give the app's knowledge the method, top k, rerank and threshold of [retrieval] in kb.toml.",
            )
            return
    yield Finding(Level.FINE, "app's retrieval", "the same best source and score as the dataset's")


async def _app_difference(client: DifyClient, dataset: Dataset, profile: RetrievalProfile, text: str) -> str:
    """What the app's best source has otherwise than the dataset's, "" for nothing."""
    try:
        hits = await client.retrieve(dataset.id, text, profile)
    except Rejected as error:
        return error.message
    cited = (await client.chat(Question(text), user=USER)).hits
    if not hits or not cited:
        return "" if bool(hits) == bool(cited) else f"{len(cited)} sources cited, {len(hits)} retrieved"
    ours, theirs = hits[0].score or 0.0, cited[0].score or 0.0
    if abs(ours - theirs) > SAME_SCORE:
        return f"the app's best score is {theirs:.2f}, the dataset's {ours:.2f}"
    best = {hit.text for hit in hits if abs((hit.score or 0.0) - ours) <= SAME_SCORE}
    return "" if cited[0].text in best else "the app's best source is another one"
