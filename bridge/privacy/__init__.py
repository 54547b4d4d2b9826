"""A contact's data in the bridge: shown, and erased, when the contact asks for it.

finding    which conversations are the contact's, and their rows in every table
export     all of it as JSON
erasing    words and links go, counts stay; what is being answered is left for later
compacting no byte of it is left in the database's file
dify       the contact's conversations with the Dify apps
written    files of the project in which the contact's words stand

What is whose stands in `bridge.store.personal`, for all of them.
"""
