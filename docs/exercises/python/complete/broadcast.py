"""A complete broadcast node: it floods, and tells again until it is confirmed.

    p2pspec check broadcast --exec 'python3 complete/broadcast.py'

A new value goes at once to all neighbours but the one it is from. What a
neighbour has not confirmed is sent again, all of it in one message. Whoever has
lost its memory with its life finds what it lacks by comparing with somebody,
which all do now and then.
"""

import hashlib
import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))  # where overlay.py is
from overlay import Node, spawn

AGAIN = 300    # milliseconds until what is not confirmed is sent again: above a round trip
COMPARE = 500  # milliseconds between two comparisons with a node drawn by chance

node = Node(["recovers"])
known = {}       # every value by its JSON text: values need not be hashable
digest = 0       # the exclusive or of the texts' hashes: the same for the same set
neighbours = []  # of the topology
owed = {}        # neighbour: {text: when to send it again}


# What clients ask.

@node.on("broadcast")
def broadcast(src, body):
    learn([body["message"]])


@node.on("read")
def read(src, body):
    return {"messages": list(known.values())}


@node.on("topology")
def topology(src, body):
    neighbours[:] = body["topology"].get(node.name, [])


# What nodes ask each other.

@node.on("gossip")
def gossip(src, body):
    learn(body["messages"], but=src)


@node.on("compare")
def compare(src, body):
    return {} if body["digest"] == digest else {"messages": list(known.values())}


def learn(values, but=None):
    """Stores values, and tells the neighbours those that are new."""
    global digest
    fresh = []
    for value in values:
        text = json.dumps(value, sort_keys=True)
        if text not in known:
            known[text] = value
            digest ^= int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest())
            fresh.append(text)
    for peer in neighbours:
        if peer != but and fresh:
            spawn(tell(peer, fresh))


async def tell(peer, texts):
    """Sends values to a neighbour, which owes us a confirmation."""
    owing = owed.setdefault(peer, {})
    owing.update(dict.fromkeys(texts, node.now() + AGAIN))
    answer = await node.call(peer, "gossip", AGAIN, messages=[known[text] for text in texts])
    if answer and answer["type"] == "gossip_ok":
        for text in texts:
            owing.pop(text, None)


# What happens by itself.

async def remind():
    while True:
        await node.sleep(AGAIN)
        for peer, owing in owed.items():
            late = [text for text, again in owing.items() if again <= node.now()]
            if late:
                spawn(tell(peer, late))


async def catch_up():
    while True:
        await node.sleep(COMPARE)
        if node.others:
            answer = await node.call(random.choice(node.others), "compare", AGAIN, digest=digest)
            learn((answer or {}).get("messages", []))


spawn(remind())
spawn(catch_up())
node.run()
