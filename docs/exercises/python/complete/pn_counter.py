"""A complete PN-counter node: it counts up and down. A G-counter is the half of it.

    p2pspec check pn-counter --exec 'python3 complete/pn_counter.py'
    p2pspec check g-counter --exec 'python3 complete/pn_counter.py'

Every node counts in rows of its own, which others copy and never change: of two
copies of a row the greater is the newer. That is why what goes down has a row
for itself. A node that is started again has forgotten its rows and begins new
ones; to go on from zero in the old ones would hide what it adds.
"""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))  # where overlay.py is
from overlay import MALFORMED, Node, Refusal, spawn

PERIOD = 200    # milliseconds between two exchanges
PATIENCE = 500  # milliseconds to wait for an answer

node = Node(["recovers"])
life = random.randbytes(6).hex()  # tells the rows of this process from those of one before it
rows = {}                         # "n0 1f… +": the sum of what that process has added or taken away


@node.on("add")
def add(src, body):
    delta = body["delta"]
    if type(delta) is not int:
        raise Refusal(MALFORMED, f"delta is {delta!r}, want a whole number")
    row = f"{node.name} {life} {'+' if delta >= 0 else '-'}"
    rows[row] = rows.get(row, 0) + abs(delta)


@node.on("read")
def read(src, body):
    return {"value": sum(n if row.endswith("+") else -n for row, n in rows.items())}


def merge(more):
    for row, n in more.items():
        rows[row] = max(rows.get(row, 0), n)


@node.on("exchange")
def exchange(src, body):
    """Merges another's rows, and answers with what both make."""
    merge(body["rows"])
    return {"rows": rows}


async def gossip():
    while True:
        await node.sleep(PERIOD)
        if node.others:
            answer = await node.call(random.choice(node.others), "exchange", PATIENCE, rows=rows)
            merge((answer or {}).get("rows", {}))


spawn(gossip())
node.run()
