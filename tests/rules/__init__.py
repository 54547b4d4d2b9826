"""The 30 rules of a correct bridge: tests that carry a rule's number; `mutate.py` takes each rule out."""
