"""A Chord node to write: it knows `init` (overlay.py does that) and nothing else.

    p2pspec check chord --exec 'python3 chord.py'

Every request without a handler is answered by error 10, "not supported". Take
the handlers below in their order, and run the check after each one.
"""

from overlay import NO_SUCH_KEY, NOT_NOW, Node, Refusal

node = Node()

# The settings are there once init has come:
#   node.name                     "n0"
#   node.overlay["ids"]           {"n0": 8, "n1": 14, …}: where everyone is on the circle
#   node.overlay["bits"]          the circle has 2**bits points
#   node.overlay["successors"]    how many successors to remember
#   node.overlay["period_ms"]     how often to stabilize
#   node.overlay["timeout_ms"]    who has not answered by then is dead


def between(a, x, b):
    """Whether x comes strictly after a and strictly before b, going clockwise.
    Where a is b that is the whole circle but a."""
    return a < x < b if a < b else a < x or x < b


# 1. The first member is alone: it is its own successor, and owns every key.
#
# @node.on("join")
# def join(src, body):
#     ...               # "via" in body: the member to ask for our successor; none: a new ring
#     return {}         # becomes {"type": "join_ok", "in_reply_to": …}
#
# 2. Who owns a key? The first node whose identifier is the key's or follows it.
#    Until the node has joined:
#        raise Refusal(NOT_NOW, "join first")
#
# @node.on("lookup")
# async def lookup(src, body):
#     ...
#     return {"node": owner, "hops": hops}
#
# 3. Others join. Nodes talk to each other by requests of your own choosing:
#
# @node.on("find_successor")
# async def find_successor(src, body):
#     answer = await node.call("n1", "find_successor", key=body["key"])
#     if answer is None:
#         ...           # n1 has not answered: it is dead
#     return {"node": answer["node"]}
#
# 4. Stabilize every period (node.after(ms, function) calls a function later):
#    ask the successor for its predecessor and its successors, take what is
#    better, and notify it.
#
# 5. Survive: a successor that does not answer is replaced by the next of the list.
#
# 6. put and get: the owner keeps the value and copies it to its successors.
#        raise Refusal(NO_SUCH_KEY, "no such key")
#
# 7. leave: hand the keys over. state: show what you believe.

node.run()
