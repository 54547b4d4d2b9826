"""The client of one Dify server, built once and shared: over HTTP on the aiohttp transport (design decision
16), or in process to the embedded engine.
"""

from __future__ import annotations

from kbtool.dify.apps import Apps
from kbtool.dify.knowledge import Knowledge


class DifyClient(Knowledge, Apps):
    """Datasets, documents, retrieval and chat of one Dify server.

    async with DifyClient(http, dataset_key="dataset-…", app_key="app-…") as client:
        hits = await client.retrieve(dataset_id, "How long do refunds take?", RetrievalProfile())
    """
