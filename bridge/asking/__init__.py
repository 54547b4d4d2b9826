"""What goes to Dify with a question besides its words.

apps.py     what the app behind a key is, looked up once: its mode, its form, the files it takes
inputs.py   the variables of its form, filled from what is known of the conversation
files.py    which of the customer's files go along
fetch.py    a file, fetched from Chatwoot and from nowhere else
"""

from __future__ import annotations
