"""What an app says about itself [248-251, 354, 355, 450-453]."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from kbtool.embedded.app_call import AppCall, say
from kbtool.embedded.call import OWNER_NAME


async def info(call: AppCall) -> Response:
    about = {"name": call.app.name, "description": call.app.description, "tags": []}
    return say(about | {"mode": call.app.mode, "author_name": OWNER_NAME})


async def parameters(call: AppCall) -> Response:
    """GET /parameters [249, 354, 452]: what a client has to know about the app's form and abilities."""
    off = {"enabled": False}
    is_flow = call.app.mode == "advanced-chat"
    form = [
        {
            "text-input": {
                "label": field.name,
                "variable": field.name,
                "required": field.required,
                "max_length": field.max_length or None,
                "default": "",
            }
        }
        for field in call.app.inputs
    ]
    return say(
        {
            "opening_statement": call.app.opening_statement,
            "suggested_questions": list(call.app.suggested_questions),
            "suggested_questions_after_answer": off,
            "speech_to_text": off,
            "text_to_speech": off | {"voice": "", "language": ""},
            "retriever_resource": {"enabled": call.app.citations},
            "annotation_reply": off,
            "more_like_this": off,
            "user_input_form": form,
            "sensitive_word_avoidance": off,
            "file_upload": _file_upload(call.app.file_types, is_flow=is_flow),
            "system_parameters": {
                "image_file_size_limit": 10,
                "video_file_size_limit": 100,
                "audio_file_size_limit": 50,
                "file_size_limit": 15,
                "workflow_file_upload_limit": 10,
            },
        }
    )


def _file_upload(types: tuple[str, ...], *, is_flow: bool) -> dict[str, Any]:
    """Recorded is only that nothing is taken [354, 451]; the names in the other form are the console's."""
    off = {"enabled": False}
    if not types:
        return off if is_flow else {"image": off}
    return {
        "enabled": True,
        "allowed_file_types": list(types),
        "allowed_file_extensions": [],
        "allowed_file_upload_methods": ["local_file", "remote_url"],
        "number_limits": 3,
    }


async def meta(_: AppCall) -> Response:
    return say({"tool_icons": {}})


async def site(call: AppCall) -> Response:
    """GET /site [251]: how the app's own web page would look."""
    return say(
        {
            "title": call.app.name,
            "chat_color_theme": None,
            "chat_color_theme_inverted": False,
            "icon_type": "emoji",
            "icon": "x",
            "icon_background": "#fff",
            "icon_url": None,
            "description": None,
            "copyright": None,
            "privacy_policy": None,
            "custom_disclaimer": "",
            "default_language": "en-US",
            "show_workflow_steps": True,
            "use_icon_as_answer_icon": False,
        }
    )
