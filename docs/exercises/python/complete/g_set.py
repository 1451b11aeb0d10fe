"""A complete G-set node: a set that only grows, and whose merge is the union.

    p2pspec check g-set --exec 'python3 complete/g_set.py'
"""

import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))  # where overlay.py is
from overlay import Node, spawn

PERIOD = 200    # milliseconds between two exchanges
PATIENCE = 500  # milliseconds to wait for an answer

node = Node(["recovers"])
elements = {}  # by their JSON text: elements need not be hashable


def merge(more):
    for element in more:
        elements.setdefault(json.dumps(element, sort_keys=True), element)


@node.on("add")
def add(src, body):
    merge([body["element"]])


@node.on("read")
def read(src, body):
    return {"value": list(elements.values())}


@node.on("exchange")
def exchange(src, body):
    """Merges another's set, and answers with the union."""
    merge(body["elements"])
    return {"elements": list(elements.values())}


async def gossip():
    while True:
        await node.sleep(PERIOD)
        if node.others:
            peer = random.choice(node.others)
            answer = await node.call(peer, "exchange", PATIENCE, elements=list(elements.values()))
            merge((answer or {}).get("elements", []))


spawn(gossip())
node.run()
