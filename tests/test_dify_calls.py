"""Every call of the client, over HTTP, against the engine that answers as Dify was recorded to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kbtool.dify.objects import Condition, RetrievalProfile, StatusAction
from kbtool.errors import Rejected
from kbtool.model import Question
from tests.server import APP, PROFILE, over_http, run

TEXT = "Refunds take thirty days.\n \n \nGift cards are not refunded."
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def test_a_dataset_is_made_shown_changed_and_deleted_twice() -> None:
    async def story() -> None:
        async with over_http() as its:
            client = its.client
            dataset = await client.create_dataset(PROFILE)
            shown = await client.dataset(dataset.id)
            assert (shown.permission, shown.is_embeddable, shown.app_count) == ("all_team_members", True, 1)
            assert shown.retrieval == PROFILE.retrieval
            stricter = RetrievalProfile(top_k=3, score_threshold=0.4)
            changed = await client.change_dataset(dataset.id, name="help 2", retrieval=stricter)
            assert (changed.name, changed.retrieval, changed.permission) == (
                "help 2",
                stricter,
                shown.permission,
            )
            await client.delete_dataset(dataset.id)
            await client.delete_dataset(dataset.id)
            with pytest.raises(Rejected) as caught:
                await client.dataset(dataset.id)
            assert caught.value.status == 404

    run(story())


def test_models_are_listed_by_kind() -> None:
    async def story() -> None:
        async with over_http() as its:
            assert await its.client.embedding_models() == (
                (PROFILE.embedding_provider, PROFILE.embedding_model),
            )
            assert await its.client.rerank_models() == ()

    run(story())


def test_a_document_is_followed_through_its_life() -> None:
    async def story() -> None:
        async with over_http() as its:
            client = its.client
            dataset = await its.dataset(TEXT)
            (listed,) = await client.documents(dataset)
            alone = await client.document(dataset, listed.id)
            assert alone == replace(listed, size=alone.size)  # the size is in listings only
            assert (listed.display_status, listed.doc_form) == ("available", "hierarchical_model")
            batch = await client.update_document(dataset, listed.id, PROFILE, "renamed", "New text.")
            await its.engine.settle()
            (status,) = await client.indexing_status(dataset, batch)
            assert (status.document_id, status.status) == (listed.id, "completed")
            assert (status.completed, status.total) == (1, 1)
            switches: tuple[tuple[StatusAction, str], ...] = (
                ("disable", "disabled"),
                ("enable", "available"),
                ("archive", "archived"),
            )
            for action, display in switches:
                await client.switch_documents(dataset, action, [listed.id, UNKNOWN])
                await its.engine.settle()
                (found,) = await client.documents(dataset, status=display, keyword="named")
                assert (found.name, found.display_status) == ("renamed", display)
            assert await client.documents(dataset, keyword="Named") == []
            await client.switch_documents(dataset, "un_archive", [listed.id])
            await its.engine.settle()
            await client.delete_document(dataset, listed.id)
            await client.delete_document(dataset, listed.id)
            assert await client.documents(dataset) == []

    run(story())


def test_chunks_and_children_are_written_one_by_one() -> None:
    async def story() -> None:
        async with over_http() as its:
            client = its.client
            dataset = await its.dataset(TEXT)
            (document,) = await client.documents(dataset)
            place = (dataset, document.id)
            added = await client.create_chunks(*place, ["## Kept as it is ", "x" * 5000])
            assert [chunk.text for chunk in added] == ["## Kept as it is ", "x" * 5000]
            first, second, third = await client.chunks(*place)
            assert (first.text, first.position, second.id, third.id) == (TEXT, 1, added[0].id, added[1].id)
            assert len(first.child_ids) == len(first.children) == 2
            child = await client.create_child(*place, second.id, "by hand")
            changed = await client.change_child(*place, second.id, child.id, "by hand again")
            assert (changed.id, changed.text, changed.is_own) == (child.id, "by hand again", True)
            await client.delete_child(*place, first.id, first.child_ids[0])
            await client.delete_child(*place, first.id, first.child_ids[0])
            assert [c.text for c in await client.children(*place, first.id)] == [
                "Gift cards are not refunded."
            ]
            kept = await client.change_chunk(*place, second.id, text="other words")
            assert "by hand again" in kept.children
            cut = await client.change_chunk(*place, second.id, text="other words", is_cut_again=True)
            assert cut.children == ("other words",)
            off = await client.change_chunk(*place, second.id, is_enabled=False)
            assert not off.is_enabled
            with pytest.raises(Rejected):
                await client.change_chunk(*place, second.id, text="while it is off")
            await client.delete_chunk(*place, third.id)
            await client.delete_chunk(*place, third.id)
            assert [chunk.id for chunk in await client.chunks(*place)] == [first.id, second.id]

    run(story())


def test_chunks_are_read_over_pages() -> None:
    async def story() -> list[str]:
        async with over_http() as its:
            dataset = await its.dataset(TEXT)
            (document,) = await its.client.documents(dataset)
            texts = [f"chunk {at}" for at in range(199)]  # with the first one two full pages
            await its.client.create_chunks(dataset, document.id, texts)
            found = [chunk.text for chunk in await its.client.chunks(dataset, document.id)]
            assert found == [TEXT, *texts]
            return [asked for asked in its.asked if asked.startswith("GET") and asked.endswith("/segments")]

    assert len(run(story())) == 2


def test_metadata_is_written_merged_or_replaced_and_bounds_a_search() -> None:
    async def story() -> None:
        async with over_http() as its:
            client = its.client
            dataset = await its.dataset("refunds in Berlin", "refunds in Vienna")
            documents = {document.name: document.id for document in await client.documents(dataset)}
            fields = await client.require_metadata_fields(dataset, {"city": "string", "kind": "string"})
            fields |= await client.require_metadata_fields(dataset, {"year": "number"})
            await client.write_metadata(
                dataset,
                fields,
                {
                    documents["document 0"]: {"city": "Berlin", "year": 2024},
                    documents["document 1"]: {"city": "Vienna", "year": 2026},
                },
            )
            await client.write_metadata(dataset, fields, {documents["document 0"]: {"kind": "a"}})
            await client.write_metadata(
                dataset, fields, {documents["document 1"]: {"year": 2025}}, replaces=True
            )
            stored = {document.name: dict(document.metadata) for document in await client.documents(dataset)}
            assert stored["document 0"].items() >= {"city": "Berlin", "kind": "a", "year": "2024"}.items()
            assert "city" not in stored["document 1"]
            assert {field.name: field.documents for field in await client.metadata_fields(dataset)} == {
                "city": 1,
                "kind": 1,
                "year": 2,
            }

            async def found(*conditions: Condition, is_any: bool = False) -> list[str]:
                profile = replace(PROFILE.retrieval, conditions=conditions, any_condition=is_any)
                hits = await client.retrieve(dataset, "refunds", profile)
                return sorted(hit.document_name for hit in hits)

            city, late = Condition("city", "is", "Berlin"), Condition("year", "≥", 2025)
            assert await found(city) == ["document 0"]
            assert await found(city, late) == []
            assert await found(city, late, is_any=True) == ["document 0", "document 1"]
            assert await found(Condition("city", "in", ("Berlin", "Rome"))) == ["document 0"]
            with pytest.raises(Rejected):
                await found(Condition("year", ">=", 2025))
            await client.rename_metadata_field(dataset, fields["city"], "town")
            await client.delete_metadata_field(dataset, fields["kind"])
            await client.delete_metadata_field(dataset, fields["kind"])
            assert {field.name for field in await client.metadata_fields(dataset)} == {"town", "year"}

    run(story())


def test_a_search_by_the_dataset_s_own_settings_and_by_the_older_route_finds_the_same() -> None:
    async def story() -> None:
        async with over_http() as its:
            dataset = await its.dataset("refunds in Berlin", "parcels")
            ours = await its.client.retrieve(dataset, "refunds", PROFILE.retrieval)
            assert ours == await its.client.retrieve(dataset, "refunds", None)
            assert ours == await its.client.retrieve(dataset, "refunds", None, route="hit-testing")

    run(story())


def test_an_app_answers_streamed_and_in_one_piece_and_remembers_both() -> None:
    async def story() -> None:
        async with over_http() as its:
            client, user = its.client, "customer-1"
            await its.dataset(TEXT)
            streamed = await client.chat(Question("How long do refunds take?"), user=user)
            whole = await client.chat_blocking(
                Question("How long do refunds take?"), user=user, conversation_id=streamed.conversation_id
            )
            assert (whole.text, whole.hits) == (streamed.text, streamed.hits)
            assert whole.conversation_id == streamed.conversation_id
            await client.rate(whole.message_id, user, "like", "good")
            first, second = await client.messages(user, streamed.conversation_id)
            assert (first.id, second.id) == (streamed.message_id, whole.message_id)
            assert (first.rating, second.rating) == (None, "like")
            assert [hit.score for hit in first.hits] == [hit.score for hit in streamed.hits]
            (feedback,) = await client.feedbacks()
            assert (feedback.message_id, feedback.rating, feedback.text) == (whole.message_id, "like", "good")
            assert await client.suggested_questions(whole.message_id, user) == ()
            await client.stop("no-such-task", user)
            (conversation,) = [found async for found in client.conversations(user)]
            assert conversation.id == streamed.conversation_id
            await client.delete_conversation(conversation.id, user)
            await client.delete_conversation(conversation.id, user)
            assert [found async for found in client.conversations(user)] == []

    run(story())


def test_conversations_and_messages_are_read_over_pages() -> None:
    async def story() -> None:
        async with over_http() as its:
            await its.dataset(TEXT)
            answer = await its.client.chat_blocking(Question("refunds 0"), user="u")
            for at in range(1, 101):
                await its.client.chat_blocking(
                    Question(f"refunds {at}"), user="u", conversation_id=answer.conversation_id
                )
            messages = await its.client.messages("u", answer.conversation_id)
            assert [message.query for message in messages] == [f"refunds {at}" for at in range(101)]

    run(story())


def test_an_app_says_what_it_is() -> None:
    app = replace(APP, suggested_questions=("How long?",), citations=False, opening_statement="Hi")

    async def story() -> None:
        async with over_http(apps=(app,)) as its:
            assert tuple(await its.client.app_info()) == ("bot", "chat", "")
            parameters = await its.client.app_parameters()
            assert (parameters.opening_statement, parameters.suggested_questions) == ("Hi", ("How long?",))
            assert (parameters.has_citations, parameters.inputs) == (False, ())
            assert await its.client.app_meta() == {}
            assert (await its.client.app_site()).title == "bot"

    run(story())


def test_a_file_is_sent_and_named_in_a_question() -> None:
    async def story() -> None:
        async with over_http() as its:
            await its.dataset(TEXT)
            file = await its.client.upload_file("notes.txt", b"hello", user="u", media_type="text/plain")
            assert (file.name, file.size, file.extension, file.media_type) == (
                "notes.txt",
                5,
                "txt",
                "text/plain",
            )
            assert (await its.client.chat(Question("refunds?"), user="u", files=[file])).text
            with pytest.raises(Rejected) as caught:
                await its.client.upload_file("big.png", b"x" * (10 * 1024 * 1024 + 1), user="u")
            assert caught.value.status == 413

    run(story())
