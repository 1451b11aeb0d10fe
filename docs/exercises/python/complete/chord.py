"""A complete Chord node: the ring of 2001 with the maintenance that Pamela Zave
corrected in 2017.

    p2pspec check chord --exec 'python3 complete/chord.py'

From top to bottom: what clients ask, the walk to a key, the ring's repair, the
values, and the circle.
"""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))  # where overlay.py is
from overlay import MALFORMED, NO_SUCH_KEY, NOT_NOW, Node, Refusal, number, spawn

PATIENCE = 20  # time outs that a client's request may take while the ring is under repair

node = Node(["state", "leave"])
joined = False
successors = []     # the next members clockwise, the nearest first; none: we are alone
predecessor = None  # the member that we take for the one before us
fingers = {}        # i: who owned our identifier + 2**i when we last looked
busy = False        # a question is open whose answer may change our successors
suspects = {}       # who has not answered, and until when we go round it
pairs = {}          # key: [value, version, writer], ours and copies of others'
spread_to = None    # the neighbours that have been given what they should keep


# What clients ask.


def member(handler):
    """Refuses requests until the node has joined. Who asks is alive."""

    def guarded(src, body):
        if not joined:
            raise Refusal(NOT_NOW, "not a member: join first")
        suspects.pop(src, None)
        return handler(src, body)

    return guarded


@node.on("join")
async def join(src, body):
    global joined
    if joined:
        return
    if via := body.get("via"):
        await enter(via)
    joined = True
    spawn(stabilize_always())
    spawn(fix_fingers_always())


@node.on("lookup")
@member
async def lookup(src, body):
    owner, hops = await find(number(body, "key", circle()))
    return {"node": owner, "hops": hops}


@node.on("put")
@member
async def put(src, body):
    key = number(body, "key", circle())
    if "value" not in body:
        raise Refusal(MALFORMED, "put what? there is no value")
    await at_owner(key, "write", write, value=body["value"])


@node.on("get")
@member
async def get(src, body):
    key = number(body, "key", circle())
    answer = await at_owner(key, "read", read)
    if "value" not in answer:
        raise Refusal(NO_SUCH_KEY, f"no value for key {key}")
    return {"value": answer["value"]}


@node.on("leave")
@member
async def leave(src, body):
    """Hands everything to the next member. To the ring, the rest is a failure."""
    global joined, predecessor
    joined = False
    for heir in successors:
        if await ask(heir, "copy", pairs=as_list(pairs)):
            break
    for neighbour in {*successors[:1], predecessor} - {None}:
        node.send(neighbour, {"type": "farewell"})
    successors.clear()
    pairs.clear()
    predecessor = None


@node.on("state")
def state(src, body):
    table = [fingers.get(i, successor()) for i in range(node.overlay["bits"])]
    return {"predecessor": predecessor, "successors": successors, "fingers": table, "keys": sorted(pairs)}


# The walk to a key.


async def find(key):
    """The living owner of a key, and how many others were asked or passed."""
    async for _ in attempts():
        if mine(key):
            return node.name, 0
        _, owners, asked = await walk(key, step(key), set())
        for owner in owners:
            if owner == node.name or await reach(owner, "ping"):
                return owner, len({owner, *asked} - {node.name})
    raise Refusal(NOT_NOW, f"found no way to key {key}")


async def attempts():
    """Tries again every period, until it has been too long."""
    end = node.now() + PATIENCE * node.overlay["timeout_ms"]
    while node.now() < end:
        yield
        await node.sleep(node.overlay["period_ms"])


async def walk(key, answer, heard):
    """Asks ever closer nodes, until one says that the key lies between it and
    its successor. Returns its name, its successors and all who were asked."""
    last, asked = node.name, set()
    while "owners" not in answer:
        heard.update(answer.get("closer", ()))
        ahead = [name for name in heard - asked if name in ids() and not is_suspect(name)]
        if not ahead:
            return None, [], asked
        last = min(ahead, key=lambda name: clockwise(ids()[name], key))
        answer = await ask(last, "step", key=key) or {}
        if answer:
            asked.add(last)
        else:
            heard.discard(last)
            forget_finger(last)
    return last, answer["owners"], asked


@node.on("step")
@member
def step_for(src, body):
    return step(body["key"])


def step(key):
    """One step of a walk, as far as we can tell."""
    living = [name for name in successors if not is_suspect(name)] or [node.name]
    if owns(node.name, key, living[0]):
        return {"owners": living}
    known = {*successors, *fingers.values()}
    closer = [name for name in known if between(node.name, name, key) and not is_suspect(name)]
    closer.sort(key=lambda name: clockwise(ids()[name], key))
    return {"closer": closer[:3]}


@node.on("ping")
@member
def ping(src, body):
    pass


async def ask(name, kind, patience=None, **fields):
    """Asks another node. None: it does not answer, or is no member."""
    answer = await node.call(name, kind, patience, **fields)
    if answer is None or answer["type"] == "error":
        return None
    suspects.pop(name, None)
    return answer


async def reach(name, kind, **fields):
    """Asks again before it takes a node for dead: machines are busy at times."""
    answer = await ask(name, kind, **fields) or await ask(name, kind, **fields)
    if answer is None:
        suspects[name] = node.now() + 5 * node.overlay["timeout_ms"]
    return answer


def is_suspect(name):
    return suspects.get(name, 0) > node.now()


# The ring's repair.


async def enter(via):
    """Takes the place behind the member that precedes us, with its successors."""
    global successors, predecessor
    async for _ in attempts():
        answer = await reach(via, "step", key=me())
        if answer is None:
            raise Refusal(NOT_NOW, f"{via} does not answer")
        before, _, _ = await walk(me(), answer, {via})
        before = via if before == node.name else before
        view = before and await reach(before, "neighbours")
        if view and "busy" not in view:
            after = view["successors"] or [before]
            if owns(before, me(), after[0]):
                predecessor, successors = before, in_order(after)
                for name in successors[:1]:
                    merge((await ask(name, "copies", after=before) or {}).get("pairs", []))
                return
    raise Refusal(NOT_NOW, "found no place in the ring")


async def stabilize_always():
    global busy
    while joined:
        began = node.now()
        busy = True
        await stabilize()
        busy = False
        if successors:
            node.send(successors[0], {"type": "notify"})
        await spread()
        # Not in step with the others, and idle for at least as long as busy.
        pause = max(node.overlay["period_ms"], node.now() - began)
        await node.sleep(pause * random.uniform(0.8, 1.2))


async def stabilize():
    """Asks the successor, then the node that it has before it, if that is
    nearer. A successor is adopted only with the list that it gave itself."""
    global successors, predecessor
    candidate = predecessor
    if successors:
        first = successors[0]
        view = await reach(first, "neighbours")
        if view is None:
            successors = [name for name in successors if name != first]
            return
        if "busy" in view:
            return
        successors = in_order([first, *view["successors"]])
        candidate = view["predecessor"]
    nearer = candidate in ids() and between(node.name, candidate, successor())
    if nearer and not is_suspect(candidate):
        view = await reach(candidate, "neighbours")
        if view and "busy" not in view:
            successors = in_order([candidate, *view["successors"]])
        elif view is None and candidate == predecessor:
            predecessor = None


@node.on("neighbours")
@member
def neighbours(src, body):
    """While our own question is open our list may be changing: nobody may copy
    it then. Who is told so asks again later; it knows that we are alive."""
    if busy:
        return {"busy": True}
    return {"predecessor": predecessor, "successors": successors}


@node.on("notify")
@member
async def notify(src, body):
    """The sender takes us for its successor: is it the nearest before us?"""
    global predecessor
    old = predecessor
    if old is None or between(old, src, me()):
        predecessor = src
    elif src != old and (is_suspect(old) or not await reach(old, "ping")):
        if predecessor == old or between(predecessor, src, me()):
            predecessor = src


@node.on("farewell")
@member
def farewell(src, body):
    global successors, predecessor
    successors = [name for name in successors if name != src]
    if predecessor == src:
        predecessor = None
    suspects[src] = node.now() + 5 * node.overlay["timeout_ms"]


async def fix_fingers_always():
    """Looks one finger up every period, and skips those with the same owner."""
    i = 0
    while joined:
        await node.sleep(node.overlay["period_ms"])
        start = (me() + (1 << i)) % circle()
        try:
            owner, _ = await find(start)
        except Refusal:
            continue
        while i < node.overlay["bits"] and owns(node.name, (me() + (1 << i)) % circle(), owner):
            fingers[i] = owner
            i += 1
        i %= node.overlay["bits"]


def forget_finger(name):
    for i in [i for i, finger in fingers.items() if finger == name]:
        del fingers[i]


# The values. The owner counts the versions; of two the later one stays.


async def at_owner(key, kind, handler, **fields):
    """Has the owner of a key carry out a request: that may be this node. The
    owner asks others in its turn, some of them dead: give it time."""
    patience = 3 * node.overlay["timeout_ms"]
    async for _ in attempts():
        owner, _ = await find(key)
        if owner == node.name:
            answer = await handler(owner, {"key": key, **fields})
        else:
            answer = await ask(owner, kind, patience, key=key, **fields)
        if answer is not None:
            return answer
    raise Refusal(NOT_NOW, f"the owner of key {key} does not answer")


async def write(src, body):
    key = body["key"]
    _, version, _ = pairs.get(key, (None, 0, ""))
    pairs[key] = [body["value"], version + 1, node.name]
    await give({name: [key] for name in holders()})
    return {}


async def read(src, body):
    """A node that has just become the owner may have to ask for the value."""
    key = body["key"]
    for name in list(holders()):
        if key in pairs:
            break
        merge((await ask(name, "copies", keys=[key]) or {}).get("pairs", []))
    return {"value": pairs[key][0]} if key in pairs else {}


node.on("write")(member(write))
node.on("read")(member(read))


@node.on("copy")
@member
def copy(src, body):
    merge(body["pairs"])


@node.on("copies")
@member
def copies(src, body):
    """What we have of some keys, or of those between a node and the sender."""
    if "keys" in body:
        return {"pairs": as_list(key for key in body["keys"] if key in pairs)}
    return {"pairs": as_list(key for key in pairs if owns(body["after"], key, src))}


def holders():
    """Who else keeps what we own: our successors; and our predecessor keeps
    what we no longer own."""
    return {*successors, predecessor} - {None, node.name}


async def spread():
    """When the neighbours have changed, gives them what they should keep."""
    global spread_to
    now = (predecessor, tuple(successors))
    if now != spread_to:
        ours = [key for key in pairs if mine(key)]
        others = [key for key in pairs if not mine(key)]
        if await give({name: ours + others if name == predecessor else ours for name in holders()}):
            spread_to = now


async def give(keys):
    """Sends pairs to several nodes at once; tells whether all have them."""
    promises = [spawn(ask(name, "copy", pairs=as_list(some))) for name, some in keys.items() if some]
    return all([await promise for promise in promises])


def as_list(keys):
    return [[key, *pairs[key]] for key in keys]


def merge(some):
    for key, value, version, writer in some:
        if key not in pairs or pairs[key][1:] < [version, writer]:
            pairs[key] = [value, version, writer]


# The circle.


def ids():
    return node.overlay["ids"]


def me():
    return ids()[node.name]


def circle():
    return 1 << node.overlay["bits"]


def successor():
    return successors[0] if successors else node.name


def clockwise(a, b):
    """How far b is from a."""
    return (b - a) % circle()


def between(a, x, b):
    """Whether x lies strictly between a and b, going clockwise. Where a is b
    that is the whole circle but a. A name stands for its identifier."""
    a, x, b = (ids()[point] if isinstance(point, str) else point for point in (a, x, b))
    return a < x < b if a < b else a < x or x < b


def owns(before, key, name):
    """Whether a key belongs to a node, given who comes before it."""
    return key == ids()[name] or between(before, key, name)


def mine(key):
    return owns(predecessor, key, node.name) if predecessor else not successors


def in_order(names):
    """The list as far as it goes clockwise from here, and no longer than needed."""
    out = []
    for name in names:
        if name in ids() and name != node.name and between(out[-1] if out else node.name, name, node.name):
            out.append(name)
        else:
            break
    return out[: node.overlay["successors"]]


node.run()
