"""A Kademlia node to write: it knows `init` (overlay.py does that) and nothing else.

    p2pspec check kademlia --exec 'python3 kademlia.py'

Every request without a handler is answered by error 10, "not supported". Take
the handlers below in their order, and run the check after each one.
"""

from overlay import NO_SUCH_KEY, NOT_NOW, Node, Refusal

node = Node()

# The settings are there once init has come:
#   node.name                     "n0"
#   node.overlay["ids"]           {"n0": 8, "n1": 14, …}: everyone's identifier
#   node.overlay["bits"]          identifiers are below 2**bits
#   node.overlay["k"]             contacts in a bucket, and nodes that keep a value
#   node.overlay["alpha"]         questions of one lookup that may be open at once
#   node.overlay["period_ms"]     how often to refresh
#   node.overlay["timeout_ms"]    who has not answered by then is dead


def distance(name, target):
    """How far a node is from an identifier: their exclusive or, read as a number."""
    return node.overlay["ids"][name] ^ target


# 1. The first member knows nobody else.
#
# @node.on("join")
# async def join(src, body):
#     ...               # "via" in body: the only contact at first; look up the own identifier
#     return {}         # becomes {"type": "join_ok", "in_reply_to": …}
#
# 2. Answer from what is known. Until the node has joined:
#        raise Refusal(NOT_NOW, "join first")
#
# @node.on("find_node")
# async def find_node(src, body):
#     ...               # the k closest to body["target"], nearest first, ourselves included
#     return {"nodes": nodes}
#
# 3. Look around: nodes talk to each other by requests of your own choosing, and
#    who asks or answers is a contact to remember.
#
# @node.on("closest")
# def closest(src, body):
#     return {"nodes": nodes}
#
#    answer = await node.call("n1", "closest", target=5)
#    if answer is None:
#        ...            # n1 has not answered: it is dead
#
#    A lookup asks the closest nodes that it has heard of, `alpha` at once
#    (overlay.spawn starts an `async def`), until the k closest have answered.
#
# 4. Buckets: of all contacts whose distance has the same highest bit keep k,
#    those known longest; a newcomer gets in when the oldest no longer answers.
#
# 5. store: the k closest keep the value. find_value: ask until one has it.
#        raise Refusal(NO_SUCH_KEY, "no such key")
#
# 6. Values grow old: advance_clock, and Node(capabilities=["advance_clock"]).
#    state: show what you know.

node.run()
