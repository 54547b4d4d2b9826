"""Make a dataset match the corpus: `render.py` what a document becomes, `plan.py` what must change, and
`apply.py` changes it. State lives with the data, as metadata, so any machine can plan.
"""
