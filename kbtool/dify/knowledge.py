"""What the dataset key opens: datasets, documents, chunks, metadata, retrieval and models.

Creating a dataset or a metadata field looks for the one that an attempt made whose answer was lost; deleting
what is gone already is fine: what counts is that it is not there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

import httpx

from kbtool.dify.connection import Connection
from kbtool.dify.objects import (
    Dataset,
    DatasetProfile,
    FieldType,
    IndexingStatus,
    MetadataField,
    ModelChange,
    RetrievalProfile,
    StatusAction,
    StoredChild,
    StoredChunk,
    StoredDocument,
)
from kbtool.dify.wire import chunks, datasets, documents, metadata, retrieval
from kbtool.errors import Rejected
from kbtool.model import Hit


class Knowledge(Connection):
    """The knowledge API. All calls raise Unavailable, Rejected and ContractBroken."""

    async def datasets(self) -> AsyncIterator[Dataset]:
        async for dataset in self._all(datasets.list_datasets, datasets.parse_datasets):
            yield dataset

    async def find_dataset(self, name: str) -> Dataset | None:
        """The dataset of exactly this name. Names are unique in a Dify workspace."""
        async for dataset in self.datasets():
            if dataset.name == name:
                return dataset
        return None

    async def dataset(self, dataset_id: str) -> Dataset:
        """The dataset in detail. Rejected with status 404 when it is not there."""
        return datasets.parse_dataset(await self._ask(datasets.read_dataset(dataset_id)))

    async def create_dataset(self, profile: DatasetProfile) -> Dataset:
        """The dataset, also when an earlier attempt made it and only its answer was lost."""
        try:
            return datasets.parse_dataset(await self._ask(datasets.create_dataset(profile)))
        except Rejected as error:
            if error.status != httpx.codes.CONFLICT:
                raise
            made = await self.find_dataset(profile.name)
            if made is None or made.document_count or profile.differences(made):
                raise
            return made

    async def change_model(self, dataset_id: str, change: ModelChange) -> Dataset:
        """Set the embedding model, which embeds everything again in the background; there is no batch to ask
        after, and for some seconds documents still look done (contract §2).

        Rejected with code NO_ROUTE before Dify 1.2.0, which has no PATCH; also when the server answers 200
        and keeps the old model, as it does on a failing credential.
        """
        changed = datasets.parse_dataset(await self._ask(datasets.change_model(dataset_id, change)))
        if changed.embedding_model != change.embedding_model:
            raise Rejected(
                f"Dify kept the embedding model {changed.embedding_model or '(none)'!r} of "
                f"{changed.name!r} instead of {change.embedding_model!r}",
                hint="Look at the credentials of the new model's provider in Dify.",
            )
        return changed

    async def change_dataset(
        self,
        dataset_id: str,
        *,
        name: str | None = None,
        permission: str | None = None,
        retrieval: RetrievalProfile | None = None,
    ) -> Dataset:
        """Change what needs no embedding; None leaves a thing as it is."""
        change = datasets.change_dataset(dataset_id, name=name, permission=permission, retrieval=retrieval)
        return datasets.parse_dataset(await self._ask(change))

    async def delete_dataset(self, dataset_id: str) -> None:
        """Dify deletes it also when apps use it (342): look at `app_count` first."""
        await self._forget(datasets.delete_dataset(dataset_id))

    async def embedding_models(self) -> tuple[tuple[str, str], ...]:
        """(provider, model) pairs that can embed. Dify accepts a misspelt model and fails at indexing."""
        return datasets.parse_models(await self._ask(datasets.list_models("text-embedding")))

    async def rerank_models(self) -> tuple[tuple[str, str], ...]:
        """(provider, model) pairs that can rerank."""
        return datasets.parse_models(await self._ask(datasets.list_models("rerank")))

    async def documents(
        self, dataset_id: str, *, keyword: str = "", status: str = ""
    ) -> list[StoredDocument]:
        """Newest first; with a `keyword` those whose names hold it, with a display `status` those in it."""
        listing = self._all(
            lambda page: documents.list_documents(dataset_id, page, keyword=keyword, status=status),
            documents.parse_documents,
        )
        return [document async for document in listing]

    async def document(self, dataset_id: str, document_id: str) -> StoredDocument:
        """One document. Rejected with status 404 when it is not there."""
        return documents.parse_document(await self._ask(documents.read_document(dataset_id, document_id)))

    async def create_document(self, dataset_id: str, profile: DatasetProfile, name: str, text: str) -> str:
        """The id of the document, which is queued for indexing when this returns.

        After Unavailable the document may be there or not: plan again, do not send it again.
        """
        made = await self._ask(documents.create_document(dataset_id, profile, name, text))
        return documents.parse_sent_document(made)

    async def update_document(
        self, dataset_id: str, document_id: str, profile: DatasetProfile, name: str, text: str
    ) -> str:
        """The batch of the document, which is queued again. Only what is available can be updated (075)."""
        request = documents.update_document(dataset_id, document_id, profile, name, text)
        return documents.parse_batch(await self._ask(request))

    async def delete_document(self, dataset_id: str, document_id: str) -> None:
        """While it is being indexed this leaves vectors behind that take places of hits (338)."""
        await self._forget(documents.delete_document(dataset_id, document_id))

    async def switch_documents(
        self, dataset_id: str, action: StatusAction, document_ids: Sequence[str]
    ) -> None:
        """Enable, disable, archive or un-archive documents. Dify does it in the background; a second switch
        meanwhile is `Unavailable`.
        """
        await self._ask(documents.switch_documents(dataset_id, action, document_ids))

    async def indexing_status(self, dataset_id: str, batch: str) -> tuple[IndexingStatus, ...]:
        """How a batch goes; Rejected with status 404 when an overwrite has replaced it (227)."""
        return documents.parse_indexing_status(await self._ask(documents.indexing_status(dataset_id, batch)))

    async def chunks(self, dataset_id: str, document_id: str) -> list[StoredChunk]:
        """The chunks of a document in order, with their children."""
        listing = self._all(
            lambda page: chunks.list_chunks(dataset_id, document_id, page), chunks.parse_chunks
        )
        return [chunk async for chunk in listing]

    async def create_chunks(
        self, dataset_id: str, document_id: str, texts: Sequence[str]
    ) -> tuple[StoredChunk, ...]:
        """Append chunks to a document that is completed. One with an `error` was not kept: look at each.

        After Unavailable some may be there: read them back.
        """
        made = await self._ask(chunks.create_chunks(dataset_id, document_id, texts))
        return chunks.parse_created_chunks(made)

    async def change_chunk(
        self,
        dataset_id: str,
        document_id: str,
        chunk_id: str,
        *,
        text: str | None = None,
        is_enabled: bool | None = None,
        is_cut_again: bool = False,
    ) -> StoredChunk:
        """The chunk as it is now; see `wire.chunks.change_chunk` for what becomes of its children."""
        request = chunks.change_chunk(
            dataset_id, document_id, chunk_id, text=text, is_enabled=is_enabled, is_cut_again=is_cut_again
        )
        return chunks.parse_chunk(await self._ask(request))

    async def delete_chunk(self, dataset_id: str, document_id: str, chunk_id: str) -> None:
        await self._forget(chunks.delete_chunk(dataset_id, document_id, chunk_id))

    async def children(self, dataset_id: str, document_id: str, chunk_id: str) -> list[StoredChild]:
        """The children of one chunk in order."""
        listing = self._all(
            lambda page: chunks.list_children(dataset_id, document_id, chunk_id, page), chunks.parse_children
        )
        return [child async for child in listing]

    async def create_child(self, dataset_id: str, document_id: str, chunk_id: str, text: str) -> StoredChild:
        """Append a child. After Unavailable it may be there: read the chunk back."""
        made = await self._ask(chunks.create_child(dataset_id, document_id, chunk_id, text))
        return chunks.parse_child(made)

    async def change_child(
        self, dataset_id: str, document_id: str, chunk_id: str, child_id: str, text: str
    ) -> StoredChild:
        request = chunks.change_child(dataset_id, document_id, chunk_id, child_id, text)
        return chunks.parse_child(await self._ask(request))

    async def delete_child(self, dataset_id: str, document_id: str, chunk_id: str, child_id: str) -> None:
        await self._forget(chunks.delete_child(dataset_id, document_id, chunk_id, child_id))

    async def metadata_fields(self, dataset_id: str) -> tuple[MetadataField, ...]:
        """The fields of a dataset; built-in ones are not among them."""
        listed = await self._ask(metadata.list_metadata_fields(dataset_id))
        return metadata.parse_metadata_fields(listed)

    async def require_metadata_fields(
        self, dataset_id: str, kinds: Mapping[str, FieldType]
    ) -> dict[str, str]:
        """Names to field ids; missing fields are created, of the kind that stands beside their name."""
        fields = {field.name: field.id for field in await self.metadata_fields(dataset_id)}
        for name, kind in kinds.items():
            if name not in fields:
                fields[name] = await self._create_metadata_field(dataset_id, name, kind)
        return fields

    async def _create_metadata_field(self, dataset_id: str, name: str, kind: FieldType) -> str:
        """Its id. A refusal may mean that an earlier attempt, whose answer was lost, made it."""
        try:
            made = await self._ask(metadata.create_metadata_field(dataset_id, name, kind))
        except Rejected:
            fields = {field.name: field.id for field in await self.metadata_fields(dataset_id)}
            if name not in fields:
                raise
            return fields[name]
        return metadata.parse_created_field(made)

    async def rename_metadata_field(self, dataset_id: str, field_id: str, name: str) -> None:
        await self._ask(metadata.rename_metadata_field(dataset_id, field_id, name))

    async def delete_metadata_field(self, dataset_id: str, field_id: str) -> None:
        """The field and its values in all documents."""
        await self._forget(metadata.delete_metadata_field(dataset_id, field_id))

    async def write_metadata(
        self,
        dataset_id: str,
        fields: Mapping[str, str],
        values: Mapping[str, Mapping[str, str | int | float | None]],
        *,
        replaces: bool = False,
    ) -> None:
        """Write `values` (document id → name → value), merged with what is there unless `replaces`."""
        await self._ask(metadata.write_metadata(dataset_id, fields, values, replaces=replaces))

    async def retrieve(
        self, dataset_id: str, query: str, profile: RetrievalProfile | None, *, route: str = "retrieve"
    ) -> list[Hit]:
        """Hits for `query` (1 to 250 characters), best first; with the dataset's own settings for None."""
        asked = await self._ask(retrieval.retrieve(dataset_id, query, profile, route=route))
        return retrieval.parse_hits(asked)
