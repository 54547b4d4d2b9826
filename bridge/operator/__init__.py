"""The operator's pages: who may see them, how they look, in which language. What they show is others'.

They stand on the operator's address, which is this machine's alone, so nobody logs in. What a browser can be
made to do from another site is refused all the same (`guard.py`).
"""
