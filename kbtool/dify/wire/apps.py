"""Apps: questions and answers, what is kept of them, and what an app says about itself (contract §7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from kbtool.dify.conversations import (
    AppInfo,
    AppParameters,
    Conversation,
    Feedback,
    FileRules,
    InputField,
    Message,
    Rating,
    Site,
    UploadedFile,
)
from kbtool.dify.objects import Request
from kbtool.dify.wire.parsing import PAGE, parse
from kbtool.dify.wire.retrieval import parse_citations
from kbtool.model import Answer, Question


def chat(
    query: str,
    *,
    user: str,
    conversation_id: str = "",
    inputs: Mapping[str, Any] | None = None,
    files: Sequence[UploadedFile] = (),
    mode: Literal["streaming", "blocking"] = "streaming",
) -> Request:
    """A question to the app. Streaming is the one mode in which every kind of app answers (contract §7).

    Not repeatable: each one is answered anew, costs money and becomes a message of the conversation.
    """
    body: dict[str, Any] = {
        "inputs": dict(inputs or {}),
        "query": query,
        "user": user,
        "response_mode": mode,
        "conversation_id": conversation_id,
        "auto_generate_name": False,
    }
    if files:
        body["files"] = [
            {"type": _kind(file), "transfer_method": "local_file", "upload_file_id": file.id}
            for file in files
        ]
    return Request("POST", "/chat-messages", json=body, is_app=True, is_repeatable=False)


def stop(task_id: str, user: str) -> Request:
    """Always 200, also for a task that is not there or is another user's (314, 317)."""
    return Request("POST", f"/chat-messages/{task_id}/stop", json={"user": user}, is_app=True)


def app_info() -> Request:
    return Request("GET", "/info", is_app=True)


def app_parameters() -> Request:
    return Request("GET", "/parameters", is_app=True)


def app_meta() -> Request:
    return Request("GET", "/meta", is_app=True)


def app_site() -> Request:
    return Request("GET", "/site", is_app=True)


def list_messages(user: str, conversation_id: str, *, before: str = "") -> Request:
    """The newest hundred, or those before the message of the id `before`."""
    params = {"user": user, "conversation_id": conversation_id, "limit": PAGE}
    return Request("GET", "/messages", params=params | ({"first_id": before} if before else {}), is_app=True)


def list_conversations(user: str, *, after: str = "") -> Request:
    """The latest hundred, or those after the conversation of the id `after`."""
    params = {"user": user, "limit": PAGE} | ({"last_id": after} if after else {})
    return Request("GET", "/conversations", params=params, is_app=True)


def delete_conversation(conversation_id: str, user: str) -> Request:
    return Request("DELETE", f"/conversations/{conversation_id}", json={"user": user}, is_app=True)


def rate(message_id: str, user: str, rating: Rating | None, text: str = "") -> Request:
    """None takes a rating back; where there was none that is refused (295)."""
    body = {"rating": rating, "user": user} | ({"content": text} if text else {})
    return Request("POST", f"/messages/{message_id}/feedbacks", json=body, is_app=True)


def list_feedbacks(page: int) -> Request:
    return Request("GET", "/app/feedbacks", params={"page": page, "limit": PAGE}, is_app=True)


def suggested_questions(message_id: str, user: str) -> Request:
    return Request("GET", f"/messages/{message_id}/suggested", params={"user": user}, is_app=True)


def upload_file(name: str, content: bytes, media_type: str, user: str) -> Request:
    """Repeatable: a file that was sent twice lies there twice, and only one is ever named."""
    files = {"file": (name, content, media_type)}
    return Request("POST", "/files/upload", form={"user": user}, files=files, is_app=True)


def parse_answer(body: Any, question: Question, latency: float | None) -> Answer:
    """A blocking answer."""
    metadata = parse("chat", lambda: body["metadata"] or {})
    usage = parse("chat", lambda: metadata.get("usage") or {})
    return parse(
        "chat",
        lambda: Answer(
            question=question,
            text=str(body["answer"]),
            hits=parse_citations(metadata.get("retriever_resources")),
            conversation_id=str(body["conversation_id"]),
            message_id=str(body["message_id"]),
            latency=latency,
            tokens=usage.get("total_tokens"),
            price=usage.get("total_price"),
        ),
    )


def parse_info(body: Any) -> AppInfo:
    return parse(
        "info", lambda: AppInfo(str(body["name"]), str(body["mode"]), str(body.get("description") or ""))
    )


def parse_parameters(body: Any) -> AppParameters:
    return parse(
        "parameters",
        lambda: AppParameters(
            opening_statement=str(body["opening_statement"] or ""),
            suggested_questions=tuple(str(question) for question in body["suggested_questions"] or ()),
            has_citations=bool(body["retriever_resource"]["enabled"]),
            suggests_afterwards=bool(body["suggested_questions_after_answer"]["enabled"]),
            inputs=tuple(_input(entry) for entry in body["user_input_form"] or ()),
            files=_file_rules(body.get("file_upload") or {}, body.get("system_parameters") or {}),
        ),
    )


def parse_meta(body: Any) -> Mapping[str, Any]:
    """The icons of the app's tools, by tool."""
    return parse("meta", lambda: dict(body["tool_icons"]))


def parse_site(body: Any) -> Site:
    return parse("site", lambda: Site(str(body["title"]), str(body["default_language"])))


def parse_messages(body: Any) -> tuple[tuple[Message, ...], bool]:
    """Messages, oldest first, and whether there are earlier ones."""
    return parse("messages", lambda: (tuple(_message(item) for item in body["data"]), bool(body["has_more"])))


def parse_conversations(body: Any) -> tuple[tuple[Conversation, ...], bool]:
    """Conversations, the latest first, and whether there are more."""
    return parse(
        "conversations",
        lambda: (
            tuple(
                Conversation(str(item["id"]), str(item["name"] or ""), float(item["created_at"] or 0.0))
                for item in body["data"]
            ),
            bool(body["has_more"]),
        ),
    )


def parse_feedbacks(body: Any) -> tuple[Feedback, ...]:
    return parse(
        "feedbacks",
        lambda: tuple(
            Feedback(
                id=str(item["id"]),
                message_id=str(item["message_id"]),
                conversation_id=str(item["conversation_id"]),
                rating=str(item["rating"] or ""),
                text=str(item["content"] or ""),
            )
            for item in body["data"]
        ),
    )


def parse_suggested(body: Any) -> tuple[str, ...]:
    return parse("suggested questions", lambda: tuple(str(question) for question in body["data"]))


def parse_file(body: Any) -> UploadedFile:
    return parse(
        "file",
        lambda: UploadedFile(
            id=str(body["id"]),
            name=str(body["name"]),
            size=int(body["size"]),
            extension=str(body["extension"] or ""),
            media_type=str(body["mime_type"] or ""),
        ),
    )


def _kind(file: UploadedFile) -> str:
    kind = file.media_type.partition("/")[0]
    return kind if kind in {"image", "audio", "video"} else "document"


_MEGABYTE = 1024 * 1024
_LIMITS = {
    "image": "image_file_size_limit",
    "document": "file_size_limit",
    "audio": "audio_file_size_limit",
    "video": "video_file_size_limit",
}


def _file_rules(upload: Any, limits: Any) -> FileRules:
    """Two forms: a chat app's only knows images (451); a chatflow's names the types that it allows (354).

    An app that takes files by their address only gets none: ours are uploaded.
    """
    image = upload.get("image") or {}
    if upload.get("enabled"):
        kinds = frozenset(str(kind) for kind in upload.get("allowed_file_types") or ())
        methods = upload.get("allowed_file_upload_methods") or ["local_file"]
        most = int(upload.get("number_limits") or 0)
    elif image.get("enabled"):
        kinds = frozenset({"image"})
        methods = image.get("transfer_methods") or ["local_file"]
        most = int(image.get("number_limits") or 0)
    else:
        return FileRules()
    if "local_file" not in methods:
        return FileRules()
    sizes = tuple((kind, int(limits.get(name) or 0) * _MEGABYTE) for kind, name in _LIMITS.items())
    return FileRules(kinds & _LIMITS.keys(), most or 1, sizes)


def _input(entry: Any) -> InputField:
    """A field of the form is an object with one key, its control: `{"text-input": {…}}`."""
    (field,) = entry.values()
    longest = field.get("max_length")
    return InputField(
        str(field["variable"]), bool(field["required"]), None if longest is None else int(longest)
    )


def _message(item: Any) -> Message:
    feedback = item["feedback"]
    return Message(
        id=str(item["id"]),
        conversation_id=str(item["conversation_id"]),
        query=str(item["query"]),
        answer=str(item["answer"]),
        hits=parse_citations(item["retriever_resources"]),
        rating=feedback["rating"] if feedback else None,
        error=str(item["error"] or ""),
        created_at=float(item["created_at"] or 0.0),
    )
