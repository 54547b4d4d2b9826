"""Change the embedding model of a dataset that people are being answered from (design decision 7).

    trial → measure both → hold the bridge back → switch → wait → prove → measure → void the threshold

`state.py` remembers how far it came, `measuring.py` asks the golden questions, `proof.py` shows that the new
model made the vectors, `procedure.py` does the steps in order.
"""
