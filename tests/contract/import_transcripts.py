"""Copies recorded exchanges with a real Dify into `dify/`, without anything that says where they were made.

    python tests/contract/import_transcripts.py <folder of recordings>

Kept: what a replay sends and what it compares. Left out: hosts, ports, keys, the client's and the server's
headers. The recordings were made against Dify 1.13.0 with an invented model provider; keys are placeholders.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
HEADERS = ("content-type", "www-authenticate", "x-version", "x-env")
_PLACEHOLDER = re.compile(r"<([\w ]+)>")
_HOST = re.compile(r"https?://\d+\.\d+\.\d+\.\d+(?::\d+)?")
# Streams were recorded without their request headers; which app they asked stands in their names
STREAM_KEYS = {"flow": "app_flow", "agent": "app_agent", "chat": "app_chat"}


def scrub(number: str, raw: dict[str, Any]) -> dict[str, Any]:
    """One recording as it is kept."""
    stream = raw.get("sse_raw") or "".join(
        text for _, text in raw.get("sse_chunks_with_elapsed_s", ()) if not text.startswith("CLIENT")
    )
    kept = {
        "number": int(number),
        "name": raw["name"],
        "method": raw["method"],
        "path": raw["path"],
        "query": raw.get("query"),
        "authorization": _authorization(raw),
        "request": raw.get("request_body"),
        "form": raw.get("form"),
        "status": raw["status"],
        "headers": {
            name: raw["response_headers"][name] for name in HEADERS if name in raw["response_headers"]
        },
    }
    if "sse_chunks_with_elapsed_s" in raw:
        kept["stream"] = stream
        kept["seconds"] = raw.get("elapsed_s")
    else:
        kept["response"] = raw["response_body"]
    text = _HOST.sub("http://dify.test", json.dumps(kept, ensure_ascii=False))
    scrubbed: dict[str, Any] = json.loads(text)
    return scrubbed


def _authorization(raw: dict[str, Any]) -> str | None:
    if "request_headers" not in raw:
        return STREAM_KEYS[raw["name"].split("-")[0]]
    header = raw["request_headers"].get("authorization")
    if header is None:
        return None
    placeholder = _PLACEHOLDER.search(header)
    return placeholder.group(1).replace(" ", "_") if placeholder else f"raw {header}"


def main(source: Path) -> None:
    """Write one file for each recording in `source`."""
    target = HERE / "dify"
    target.mkdir(exist_ok=True)
    for path in sorted(source.glob("[0-9]*.json")):
        kept = scrub(path.name[:3], json.loads(path.read_text(encoding="utf-8")))
        text = json.dumps(kept, ensure_ascii=False, indent=1)
        (target / path.name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
