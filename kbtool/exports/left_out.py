"""Why readers leave something out: the reasons of those removals that no cleaning rule explains.

The HTML readers say their own reasons (`LEFT_OUT` in each); these are of the others.
"""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "drop_deleted_text": "What an author deleted with tracked changes is not said any more.",
    "drop_empty_properties": "A property without a value says nothing.",
    "drop_hidden_sheets": "A sheet that its author hid is not for customers.",
    "drop_margins": "What stands on every sheet of paper is not part of the text.",
    "drop_moved_text": "Text that was moved with tracked changes stands where it went.",
    "drop_reminders": "A reminder's time has no time zone, and is another day for some readers.",
    "drop_second_title": "A document's own title stands in its first block too, in an older wording.",
    "drop_unreached_blocks": "Blocks that no page holds are left over from what was deleted.",
    "drop_unsupported_blocks": "The exporter could not read this block, and wrote down its address instead.",
    "drop_widgets": "Sheets, boards and add-ons are not in what Lark's API gives of a document.",
    "drop_word_equations": "Word's own equations have no form in Markdown yet.",
    "relation_paths": "The path of a related page leads nowhere outside the export; its title stays.",
    "repeated_titles": "The first heading says the title again.",
    "unlink_documents": "The address of a mentioned document is private; its title stays.",
}
