"""Files for questions [303-305]. They are taken and described, and kept nowhere: nothing here reads them."""

from __future__ import annotations

import time
import uuid

from starlette.responses import Response

from kbtool.embedded import answers
from kbtool.embedded.app_call import AppCall, say
from kbtool.embedded.call import TENANT
from kbtool.embedded.database import new_id
from kbtool.embedded.forms import Form

MEGABYTE = 1024 * 1024
IMAGES = frozenset({"jpg", "jpeg", "png", "webp", "gif", "svg"})
MAX_BYTES, MAX_IMAGE_BYTES = 15 * MEGABYTE, 10 * MEGABYTE


async def upload(call: AppCall) -> Response:
    """POST /files/upload: 201; without a file 400, too large 413 with its unfilled sentence [305]."""
    user = call.user()
    file = call.body.files.get("file") if isinstance(call.body, Form) else None
    if file is None:
        raise answers.Refused(400, "no_file_uploaded", "Please upload your file.")
    if len(file.content) > (MAX_IMAGE_BYTES if file.extension in IMAGES else MAX_BYTES):
        raise answers.Refused(413, "file_too_large", "File size exceeded. {message}")
    file_id, now = new_id(), int(time.time())
    return say(
        {
            "id": file_id,
            "name": file.name,
            "size": len(file.content),
            "extension": file.extension,
            "mime_type": file.media_type,
            "created_by": str(uuid.uuid5(uuid.UUID(TENANT), user)),
            "created_at": now,
            "preview_url": None,
            "source_url": f"{str(call.request.base_url).rstrip('/')}/files/{file_id}/file-preview",
            "original_url": None,
            "user_id": None,
            "tenant_id": TENANT,
            "conversation_id": None,
            "file_key": None,
        },
        201,
    )
