"""The steps of a change of the embedding model, in order; each can be repeated after an interruption.

The bridge is held back from before the switch until the new vectors are proven and measured. Where the
server cannot switch, the trial dataset is what there is to change to. Where it says that it switched and did
not, it is switched back and again, which drops the vectors (contract §2.2), and if that proves nothing
either, every document is deleted and ingested anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kbtool.dify.client import DifyClient
from kbtool.dify.objects import Dataset, DatasetProfile, ModelChange, RetrievalProfile
from kbtool.dify.wire.refusals import NO_ROUTE
from kbtool.errors import ConfigError, IndexingFailed, Rejected, RunInvalid, WorseModel
from kbtool.evaluate.project import Project
from kbtool.hold import MAINTENANCE, Hold
from kbtool.reembed.measuring import Measured, measure, questions_of, why_worse
from kbtool.reembed.proof import Proof, prove
from kbtool.reembed.state import Folder, State
from kbtool.sync.apply import Sync
from kbtool.sync.changes import Asked
from kbtool.sync.waiting import Pace, Progress, quiet, settle


@dataclass(frozen=True, slots=True)
class Report:
    """What the change was worth. `mended` is what it took where the server did not do what it said;
    `held_seconds` is how long answers were held back.
    """

    old: tuple[str, str]
    new: tuple[str, str]
    before: Measured
    trial: Measured
    after: Measured
    proof: Proof
    mended: str
    held_seconds: float

    def as_json(self) -> dict[str, Any]:
        return {
            "old": {"provider": self.old[0], "model": self.old[1]},
            "new": {"provider": self.new[0], "model": self.new[1]},
            "before": self.before.as_json(),
            "trial": self.trial.as_json(),
            "after": self.after.as_json(),
            "proof": {"sampled": self.proof.sampled, "lowest": self.proof.lowest},
            "mended": self.mended,
            "held_seconds": round(self.held_seconds, 1),
        }


@dataclass(frozen=True, slots=True)
class Reembedding:
    """One change. `notice` is how long to wait, in seconds, for the first sign that re-embedding began."""

    project: Project
    client: DifyClient
    folder: Folder
    hold: Hold
    pace: Pace = field(default_factory=Pace)
    notice: float = 10.0
    progress: Progress = quiet
    clock: Callable[[], float] = time.time

    @property
    def wanted(self) -> DatasetProfile:
        return self.project.settings.dataset_profile

    async def begin(self) -> State:
        """Where to go on from. Raises ConfigError where nothing is to change, or another change goes on."""
        live, new = await self._live(), (self.wanted.embedding_provider, self.wanted.embedding_model)
        state = self.folder.read()
        if state and state.new != new:
            raise ConfigError(
                f"A change to the embedding model {state.new[1]} was begun and not ended",
                hint=f'Set [dify] embedding_model = "{state.new[1]}" and run this again, to end it first.',
            )
        if state:
            return state
        old = (live.embedding_provider, live.embedding_model)
        if old == new:
            raise ConfigError(
                f"“{live.name}” has the embedding model {new[1]} already",
                hint="Name the new one in kb.toml: [dify] embedding_model and embedding_provider.",
            )
        if new not in await self.client.embedding_models():
            raise ConfigError(
                f"The server has no embedding model {new[1]!r} of provider {new[0]!r}",
                hint="`kbtool doctor` lists what it has.",
            )
        await self._require_current(live, old)
        return self.folder.write(State(old, new))

    async def compare(self) -> tuple[Measured, Measured]:
        """The live dataset and the trial on the golden questions. Raises WorseModel."""
        live, trial = await self._live(), await self._trial()
        before = await self._measure(live, "before")
        after = await self._measure(trial, "trial")
        return before, after

    def require_no_worse(self, before: Measured, after: Measured) -> None:
        critical = frozenset(one.id for one in questions_of(self.project) if one.critical)
        why = why_worse(before, after, critical)
        if why:
            raise WorseModel(
                f"The new model is worse: {why}",
                hint=f"The live dataset is as it was. Look at “{self._trial_name}”, or go on with --force.",
            )

    async def switch(self, state: State, before: Measured, trial: Measured) -> Report:
        """Hold back, switch the live dataset, wait, prove, measure."""
        live = await self._live()
        if not state.held_since:
            state = self.folder.write(replace(state, is_approved=True, held_since=self.clock()))
        self.hold.put(MAINTENANCE, state.held_since)
        if (live.embedding_provider, live.embedding_model) != state.new:
            await self._change_model(live, state)
        await self._embedded(live.id)
        await self._ingest(self.wanted, Asked())  # what failed or stays at work is sent anew
        trial_id = (await self._trial()).id
        proof, mended = await self._prove(live.id, trial_id), ""
        if proof.doubt:
            await self._switch_again(live, state)
            proof, mended = await self._prove(live.id, trial_id), "switched back and again"
        if proof.doubt:
            await self._ingest(self.wanted, Asked(rebuild=True))
            proof, mended = await self._prove(live.id, trial_id), "made anew, document by document"
        if proof.doubt:
            raise IndexingFailed(
                f"The vectors of “{live.name}” are not those of {state.new[1]}: {proof.doubt}",
                hint=f"Answers are held back. Point the app at “{self._trial_name}”, which is right.",
            )
        after = await self._measure(live, "after")
        held = self.clock() - state.held_since
        return Report(state.old, state.new, before, trial, after, proof, mended, held)

    async def end(self) -> None:
        """Take away what only the change needed; the trial stays where an app uses it."""
        trial = await self.client.find_dataset(self._trial_name)
        if trial and not trial.app_count:
            await self.client.delete_dataset(trial.id)
        self.folder.forget()

    async def _live(self) -> Dataset:
        live = await self.client.find_dataset(self.wanted.name)
        if live is None:
            raise ConfigError(
                f"There is no dataset “{self.wanted.name}” yet", hint="Make it with `kbtool ingest`."
            )
        return live

    @property
    def _trial_name(self) -> str:
        return f"{self.wanted.name[:34]} trial"

    async def _trial(self) -> Dataset:
        """The trial dataset, holding the corpus."""
        await self._ingest(replace(self.wanted, name=self._trial_name), Asked())
        trial = await self.client.find_dataset(self._trial_name)
        if trial is None:
            raise RunInvalid(f"“{self._trial_name}” was deleted meanwhile", hint="Run the command again.")
        return trial

    async def _require_current(self, live: Dataset, old: tuple[str, str]) -> None:
        profile = replace(self.wanted, embedding_provider=old[0], embedding_model=old[1])
        pending = await Sync(self.client, profile, self.pace).plan(self.project.rendered)
        if not pending.is_empty:
            raise RunInvalid(
                f"“{live.name}” does not hold this corpus, so nothing can be compared",
                hint=f'Set [dify] embedding_model = "{old[1]}" for one `kbtool ingest`; then try again.',
            )

    async def _ingest(self, profile: DatasetProfile, asked: Asked) -> None:
        sync = Sync(self.client, profile, self.pace)
        rendered = self.project.rendered
        made = await sync.plan(rendered, asked)
        if not made.is_empty:
            await sync.apply(made, rendered, is_fresh=True, progress=self.progress)

    async def _measure(self, dataset: Dataset, name: str) -> Measured:
        replies = self.folder.replies(name)
        return await measure(self.project, self.client, dataset.id, replies, self.progress)

    async def _prove(self, live_id: str, trial_id: str) -> Proof:
        return await prove(self.client, live_id, trial_id, self.project.rendered, self.wanted.technique)

    async def _switch_again(self, live: Dataset, state: State) -> None:
        """Naming the same model once more would do nothing (recording 232)."""
        for model in (state.old, state.new):
            await self.client.change_model(live.id, self._change(live, model))
            await self._embedded(live.id)
        await self._ingest(self.wanted, Asked())

    def _change(self, live: Dataset, model: tuple[str, str]) -> ModelChange:
        """Technique, model and provider together; and the weights, which else name the old one (#27693)."""
        return ModelChange(model[1], model[0], self.wanted.technique, with_model(live.retrieval, model))

    async def _change_model(self, live: Dataset, state: State) -> None:
        try:
            await self.client.change_model(live.id, self._change(live, state.new))
        except Rejected as error:
            self.hold.lift()
            self.folder.write(replace(state, held_since=0.0))
            if error.code != NO_ROUTE:
                raise
            raise ConfigError(
                "This version of Dify cannot change the model of a dataset",
                hint=f"“{self._trial_name}” holds everything under {state.new[1]}: point the app at it, "
                f'set [dify] dataset = "{self._trial_name}", and rename it later.',
            ) from error

    async def _embedded(self, dataset_id: str) -> None:
        """Wait until nothing is being embedded.

        At first all documents still look done (444), so the first sign is waited for, a while.
        """
        until = time.monotonic() + self.notice
        while not await self.client.documents(dataset_id, status="indexing") and time.monotonic() < until:
            await self.pace.sleep(min(self.pace.poll, self.notice / 10))
        stored = await self.client.documents(dataset_id)
        ids = {one.id for one in stored if not one.is_archived and one.is_enabled}
        await settle(
            self.client,
            dataset_id,
            ids,
            self.pace,
            seconds=max(self.pace.deadline, 5.0 * len(ids)),
            stall=self.pace.stall,
            told=lambda settled: self.progress("embed", settled, len(ids)),
        )


def with_model(retrieval: RetrievalProfile | None, model: tuple[str, str]) -> RetrievalProfile | None:
    """Stored settings whose weights name this model; None where no weights name one."""
    if retrieval is None or not isinstance(retrieval.weights, Mapping):
        return None
    vector = retrieval.weights.get("vector_setting")
    if not isinstance(vector, Mapping):
        return None
    named = {"embedding_provider_name": model[0], "embedding_model_name": model[1]}
    return replace(retrieval, weights={**retrieval.weights, "vector_setting": {**vector, **named}})
