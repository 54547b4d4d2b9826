"""The improvement queue: what went wrong or had to be mended, grouped by topic, and what to make of it.

items.py     what is in it: one thing that a person had to do, or a customer did not like
rows.py      the store → items, without addresses and numbers
topics.py    items → topics, the most frequent and most recent first. Pure
export.py    topics as lines for other programs
remedies.py  a topic → a golden question, or the stub of a page
workshop.py  the knowledge base's folder, as far as the queue reads and writes it
page.py      /queue on the operator's address
"""
