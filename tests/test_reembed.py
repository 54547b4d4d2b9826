"""A change of the embedding model, with vectors of two models from a server of their own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from kbtool.config import load
from kbtool.corpus import load as load_corpus
from kbtool.dify.objects import Dataset, RetrievalProfile
from kbtool.embedded import EngineSettings, Fault, HalfEmbedded, MissingRoute, OldModelKept, create_app
from kbtool.errors import (
    ConfigError,
    IndexingFailed,
    KbtoolError,
    Rejected,
    RunInvalid,
    Unavailable,
    WorseModel,
)
from kbtool.evaluate.project import Project
from kbtool.hold import MAINTENANCE, PLACE, POLICY_STALE, Hold
from kbtool.reembed.procedure import Reembedding, Report, with_model
from kbtool.reembed.state import Folder
from kbtool.sync.apply import Sync
from kbtool.sync.waiting import Pace
from tests import forked
from tests.embeddings import PROVIDER, EmbeddingServer, embedding_server
from tests.server import Server, run, served

OLD, NEW, POOR = "words-512", "other-words-512", "words-1"
PACE = Pace(poll=0.1)
HASTY = replace(PACE, stall=1.0, patience=0.1)
TOPICS = ("kettle", "grinder", "carafe", "filter", "gasket", "scale", "tank", "pump")
KB = """\
[corpus]
sources = ["exports"]
[dify]
dataset = "help"
embedding_model = "{model}"
embedding_provider = "{provider}"
[evals]
golden = ["golden.yaml"]
[retrieval]
top_k = 1
"""


@pytest.fixture
def project(tmp_path: Path) -> Callable[[str], Project]:
    """Pages and a question about each, for a model."""
    (tmp_path / "exports").mkdir()
    for topic in TOPICS:
        text = f"# The {topic}\n\n## Care\n\nRinse the {topic} once a week.\n"
        (tmp_path / "exports" / f"{topic}.md").write_text(text, encoding="utf-8")
    golden = "".join(
        f"- id: {topic}\n  question: how do I look after my {topic}\n"
        f"  relevant: [{{doc: the-{topic}, section: [Care], evidence: once a week}}]\n"
        for topic in TOPICS
    )
    (tmp_path / "golden.yaml").write_text(golden, encoding="utf-8")

    def build(model: str) -> Project:
        (tmp_path / "kb.toml").write_text(KB.format(model=model, provider=PROVIDER), encoding="utf-8")
        settings = load(tmp_path / "kb.toml")
        return Project.of(settings, load_corpus(settings))

    return build


class Shop:
    """An engine whose dataset was made with the old model; `vectors` counts what each model embedded."""

    def __init__(self, folder: Path, vectors: EmbeddingServer, build: Callable[[str], Project]) -> None:
        self.vectors = vectors
        self.build = build
        self.path = folder / "engine.sqlite"
        self.models = tuple(vectors.model(name) for name in (OLD, NEW, POOR))
        self.folder = Folder(folder / "reembed")
        self.hold = Hold(folder / "hold.json")

    def server(self, *faults: Fault, dies_after: int | None = None) -> Server:
        return Server(self.path, faults=faults, models=self.models, dies_after=dies_after)

    async def fill(self) -> None:
        old = self.build(OLD)
        async with self.server().client() as client:
            sync = Sync(client, old.settings.dataset_profile, PACE)
            await sync.apply(await sync.plan(old.rendered), old.rendered, is_fresh=True)

    async def change(self, server: Server, model: str = NEW, pace: Pace = PACE) -> Report:
        """The whole procedure, as the command does it."""
        async with server.client() as client:
            work = Reembedding(self.build(model), client, self.folder, self.hold, pace, notice=0.1)
            state = await work.begin()
            before, trial = await work.compare()
            if not state.is_approved:
                work.require_no_worse(before, trial)
            report = await work.switch(state, before, trial)
            self.hold.lift()
            await work.end()
            return report

    async def datasets(self) -> dict[str, Dataset]:
        async with self.server().client() as client:
            return {dataset.name: dataset async for dataset in client.datasets()}

    async def top_score(self, text: str) -> float:
        async with self.server().client() as client:
            dataset = await client.find_dataset("help")
            assert dataset
            return (await client.retrieve(dataset.id, text, RetrievalProfile(top_k=1)))[0].score or 0.0

    @property
    def is_held(self) -> bool:
        return self.hold.reason(0.0, to_customers=False) == MAINTENANCE


@asynccontextmanager
async def opened(folder: Path, build: Callable[[str], Project]) -> AsyncIterator[Shop]:
    async with embedding_server() as vectors:
        shop = Shop(folder, vectors, build)
        await shop.fill()
        yield shop


OWN = "The kettle › Care\n\n## Care\n\nRinse the kettle once a week."


def test_the_live_dataset_is_embedded_by_the_new_model_measured_and_proven(
    tmp_path: Path, project: Callable[[str], Project]
) -> None:
    async def work() -> None:
        async with opened(tmp_path, project) as shop:
            assert shop.vectors.texts[NEW] == 0
            report = await shop.change(shop.server())
            assert report.before.hits == report.trial.hits == report.after.hits == len(TOPICS)
            assert (report.old[1], report.new[1], report.mended) == (OLD, NEW, "")
            assert report.proof.lowest > 0.99
            assert report.held_seconds > 0
            assert (await shop.datasets()).keys() == {"help"}
            assert (await shop.datasets())["help"].embedding_model == NEW
            assert await shop.top_score(OWN) > 0.99
            assert not shop.folder.path.exists()

    run(work())


def test_a_server_that_keeps_the_old_model_in_silence_is_found_out_and_mended(
    tmp_path: Path, project: Callable[[str], Project]
) -> None:
    async def work() -> None:
        async with opened(tmp_path, project) as shop:
            with pytest.raises(
                IndexingFailed, match=r"are not those of other-words-512: .* finds its own text"
            ):
                await shop.change(shop.server(OldModelKept()))
            assert (await shop.datasets())["help"].embedding_model == NEW, "which is what Dify says"
            assert shop.is_held
            report = await shop.change(shop.server())
            assert report.mended == "switched back and again"
            assert report.proof.lowest > 0.99
            assert await shop.top_score(OWN) > 0.99
            assert report.after.hits == len(TOPICS)

    run(work())


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (OldModelKept(is_shown=True), Rejected, "kept the embedding model"),
        (MissingRoute(r"/v1/datasets/[^/]+", "PATCH"), ConfigError, "cannot change the model"),
    ],
)
def test_a_server_that_does_not_switch_leaves_everything_as_it_is(
    tmp_path: Path, project: Callable[[str], Project], fault: Fault, error: type[KbtoolError], words: str
) -> None:
    async def work() -> None:
        async with opened(tmp_path, project) as shop:
            with pytest.raises(error, match=words):
                await shop.change(shop.server(fault))
            assert not shop.is_held
            assert (await shop.datasets())["help"].embedding_model == OLD
            assert (await shop.datasets())["help trial"].embedding_model == NEW
            assert await shop.top_score(OWN) > 0.99

    run(work())


def test_a_worse_model_never_reaches_the_live_dataset(
    tmp_path: Path, project: Callable[[str], Project]
) -> None:
    async def work() -> None:
        async with opened(tmp_path, project) as shop:
            with pytest.raises(WorseModel, match="falls from 8 of 8") as caught:
                await shop.change(shop.server(), POOR)
            assert caught.value.exit_code == 3
            assert not shop.is_held
            assert (await shop.datasets())["help"].embedding_model == OLD

    run(work())


def test_documents_that_never_get_embedded_are_made_anew(
    tmp_path: Path, project: Callable[[str], Project]
) -> None:
    async def work() -> None:
        async with opened(tmp_path, project) as shop:
            report = await shop.change(shop.server(HalfEmbedded(3)), pace=HASTY)
            assert report.proof.lowest > 0.99
            assert report.after.hits == len(TOPICS)

    run(work())


def test_interrupted_it_goes_on_and_holds_back_until_it_is_done(
    tmp_path: Path, project: Callable[[str], Project]
) -> None:
    async def work() -> None:
        async with embedding_server() as vectors:
            after, is_done = 10, False
            while not is_done:
                (tmp_path / str(after)).mkdir()
                shop = Shop(tmp_path / str(after), vectors, project)
                await shop.fill()
                dying = shop.server(dies_after=after)
                try:
                    await shop.change(dying)
                    is_done = True
                except (Unavailable, RunInvalid):
                    was_switched = any(request.startswith("PATCH") for request in dying.requests)
                    assert shop.is_held or not was_switched
                    report = await shop.change(shop.server())
                    assert report.before.hits == report.after.hits == len(TOPICS)
                assert not shop.is_held
                assert (await shop.datasets()).keys() == {"help"}
                assert await shop.top_score(OWN) > 0.99
                after += 40

    run(work())


def test_another_change_cannot_begin_before_the_first_one_has_ended(
    tmp_path: Path, project: Callable[[str], Project]
) -> None:
    async def work() -> None:
        async with opened(tmp_path, project) as shop:
            with pytest.raises(ConfigError, match="has the embedding model words-512 already"):
                await shop.change(shop.server(), OLD)
            with pytest.raises(Unavailable):
                await shop.change(shop.server(dies_after=20))
            with pytest.raises(ConfigError, match="A change to the embedding model other-words-512"):
                await shop.change(shop.server(), POOR)

    run(work())


def test_the_command_reports_lets_go_and_declares_the_threshold_void(
    tmp_path: Path, project: Callable[[str], Project]
) -> None:
    async def work() -> None:
        async with opened(tmp_path, project) as shop:
            engine = create_app(EngineSettings(path=shop.path, models=shop.models))
            async with served(engine) as address:
                shop.build(NEW)
                kb = (tmp_path / "kb.toml").read_text(encoding="utf-8")
                tuned = '[handoff]\nthreshold = 0.61\nrun = "r"\nfingerprint = "f"\ntuned = "2026-01-01"\n'
                real = kb.replace("[dify]", f'[dify]\nbase_url = "{address}/v1"')
                (tmp_path / "kb.toml").write_text(real + tuned, encoding="utf-8")
                key = {"DIFY_DATASET_KEY": "dataset-embedded"}
                refused = await forked.kbtool("ingest", "--yes", cwd=tmp_path, **key)
                assert (refused.returncode, "`kbtool reembed`" in refused.stderr) == (5, True)
                done = await forked.kbtool("reembed", "--yes", "--json", cwd=tmp_path, **key)
                assert done.returncode == 0, done.stderr
                told = json.loads(done.stdout)
                assert told["before"] == told["after"] == {"hits": 8, "questions": 8}
                assert told["proof"]["lowest"] > 0.99
                assert (await forked.kbtool("ingest", "--check", cwd=tmp_path, **key)).returncode == 0
            await engine.aclose()

    run(work())
    handoff = load(tmp_path / "kb.toml").handoff
    assert (handoff.threshold, handoff.tuned, handoff.run, handoff.fingerprint) == (0.61, "", "", "")
    assert Hold(tmp_path / PLACE).reason(0.0, to_customers=True) == POLICY_STALE


def test_weights_that_name_the_old_model_name_the_new_one() -> None:
    stored = RetrievalProfile(
        weights={"vector_setting": {"vector_weight": 0.7, "embedding_model_name": OLD}, "keyword_setting": {}}
    )
    changed = with_model(stored, (PROVIDER, NEW))
    assert changed
    assert changed.weights == {
        "vector_setting": {
            "vector_weight": 0.7,
            "embedding_model_name": NEW,
            "embedding_provider_name": PROVIDER,
        },
        "keyword_setting": {},
    }
    assert with_model(replace(stored, weights=None), (PROVIDER, NEW)) is None


def test_a_mark_holds_back_whom_it_concerns(tmp_path: Path) -> None:
    hold = Hold(tmp_path / "deep" / "hold.json")
    assert hold.reason(0.0, to_customers=True) == ""
    hold.put(MAINTENANCE, 100.0)
    assert hold.reason(200.0, to_customers=False) == MAINTENANCE
    hold.put(POLICY_STALE, 100.0)
    assert hold.reason(50.0, to_customers=True) == POLICY_STALE
    assert hold.reason(50.0, to_customers=False) == "", "a person reads every draft"
    assert hold.reason(150.0, to_customers=True) == "", "started since, by a kb.toml that says it is void"
    hold.path.write_text("{", encoding="utf-8")
    assert hold.reason(0.0, to_customers=True) == MAINTENANCE
