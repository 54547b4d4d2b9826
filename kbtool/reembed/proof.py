"""Proof that the new model made a dataset's vectors.

Some versions say that they re-embed and use the old model, without a word (contract §2.9); others keep the
old vectors. The trial dataset was made by the new model from the start, so the live one must answer chunks'
own text as the trial does: with that chunk, at that score, which is near 1 where similarity is a cosine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kbtool.dify.client import DifyClient
from kbtool.dify.objects import LONGEST_QUERY, RetrievalProfile
from kbtool.errors import Rejected, ServiceError, Unavailable
from kbtool.sync.render import Rendered

SAMPLED = 20
TOLERANCE = 0.01
_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Proof:
    """`lowest` is the lowest score at which a sampled chunk found itself. `doubt` is "" when it is proven."""

    sampled: int
    lowest: float
    doubt: str = ""


def samples(rendered: Sequence[Rendered], count: int = SAMPLED) -> list[tuple[str, str]]:
    """(document name, text to ask) of chunks spread over the corpus: what is embedded, cut to a question."""
    pieces = [
        (document.name, (chunk.children or (chunk.text,))[-1][:LONGEST_QUERY].strip())
        for document in rendered
        for chunk in document.chunks
    ]
    return pieces[:: max(1, len(pieces) // count)][:count]


async def prove(
    client: DifyClient, live: str, trial: str, rendered: Sequence[Rendered], technique: str
) -> Proof:
    """Ask both datasets the samples. A refusal is a doubt: vectors of two lengths are answered so (231)."""
    method = "keyword_search" if technique == "economy" else "semantic_search"
    profile = RetrievalProfile(search_method=method, top_k=_DEPTH)
    asked, lowest = samples(rendered), 1.0
    for name, text in asked:
        try:
            found = await _own_score(client, live, name, text, profile)
        except Unavailable:
            raise
        except (Rejected, ServiceError) as error:
            return Proof(len(asked), 0.0, error.message)
        wanted = await _own_score(client, trial, name, text, profile)
        lowest = min(lowest, found)
        if found < wanted - TOLERANCE:
            return Proof(len(asked), lowest, f"“{name}” finds its own text at {found:.2f}, not {wanted:.2f}")
    return Proof(len(asked), lowest)


async def _own_score(
    client: DifyClient, dataset_id: str, name: str, text: str, profile: RetrievalProfile
) -> float:
    """The best score of a hit in the document itself; 0 where it does not come."""
    hits = await client.retrieve(dataset_id, text, profile)
    return max((hit.score or 0.0 for hit in hits if hit.document_name == name), default=0.0)
