"""Make a dataset match the corpus: `render.py` what a document becomes, in one of three forms (`form.py`) and
with which metadata (`fields.py`); `plan.py` what must change, as a value (`changes.py`); `apply.py` does it,
window by window (`writing.py`), waiting for Dify (`waiting.py`). State lives with the data, as metadata, so
any machine can plan; `lock.py` keeps two ingests of one folder apart.
"""
