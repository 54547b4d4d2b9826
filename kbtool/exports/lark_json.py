"""The envelope of Lark's blocks answers: pages of a list, a document's name, and its blocks by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LarkDocument:
    """A document's blocks by id. `is_cut` says that the answer has further pages which are not here."""

    root: Mapping[str, Any] | None
    blocks: Mapping[str, Mapping[str, Any]]
    title: str
    token: str
    is_cut: bool

    @classmethod
    def from_answer(cls, body: Any) -> LarkDocument:
        """The document in one answer, in a list of answers (one for each page), or in a bare list of blocks.

        Scripts that save the API's answers keep its envelope (`code`, `msg`, `data`) or do not.
        """
        answers = [mapping(part) for part in (listed(body) or [body])]
        pages = [mapping(answer.get("data")) or answer for answer in answers]
        blocks = [
            mapping(block)
            for page in pages
            for block in listed(page.get("blocks")) or listed(page.get("items")) or [page]
        ]
        document = next((found for page in pages if (found := mapping(page.get("document")))), {})
        root = next((block for block in blocks if kind_of(block) == 1), None)
        return cls(
            root=root,
            blocks={str(block.get("block_id")): block for block in blocks if "block_id" in block},
            title=str(document.get("title") or "").strip(),
            token=str(document.get("document_id") or mapping(root).get("block_id") or ""),
            is_cut=bool(pages) and flag(pages[-1], "has_more"),
        )

    @property
    def file_names(self) -> Mapping[str, str]:
        """The names of attachments by their block's id."""
        return {
            name: str(mapping(block.get("file")).get("name") or "")
            for name, block in self.blocks.items()
            if kind_of(block) == 23
        }


def kind_of(block: Mapping[str, Any]) -> int:
    """The block's type; 0 where there is none."""
    kind = block.get("block_type")
    return kind if isinstance(kind, int) else 0


def elements_in(block: Mapping[str, Any], name: str) -> Sequence[Any]:
    """The inline elements of the block's body called `name`."""
    return listed(mapping(block.get(name)).get("elements"))


def flag(value: object, name: str) -> bool:
    """Whether the mapping `value` says yes under `name`."""
    return bool(mapping(value).get(name))


def mapping(value: object) -> Mapping[str, Any]:
    """`value` where it is a JSON object, else an empty one: what a stranger wrote may be anything."""
    return value if isinstance(value, dict) else {}


def listed(value: object) -> Sequence[Any]:
    """`value` where it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []
