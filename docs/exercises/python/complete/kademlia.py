"""A complete Kademlia node, after the paper of 2002.

    p2pspec check kademlia --exec 'python3 complete/kademlia.py'

From top to bottom: what clients ask, what nodes ask each other, the lookup,
whom we know, the values, and what happens by itself.
"""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))  # where overlay.py is
from overlay import NO_SUCH_KEY, NOT_NOW, Node, Promise, Refusal, number, spawn

HOUR, DAY = 3_600_000, 86_400_000
MISSES = 2  # questions in a row without an answer, after which a contact is not relied on

node = Node(["state", "advance_clock"])
awake = False   # told to join: we answer other nodes
joined = False  # and have found our place: we answer clients
buckets = {}    # contacts by the length of their distance: a list, least recently seen first
spares = {}     # those that found their bucket full: the latest last
misses = {}     # contact: questions in a row that it has not answered
pairs = {}      # key: a Pair that we keep for others
published = {}  # key: (value, when to publish it again), from our own clients
skipped = 0     # how far advance_clock has moved the clock, in milliseconds


class Pair:
    def __init__(self, value, life, cached):
        self.value, self.expires, self.cached = value, clock() + life, cached
        self.replicate = clock() + HOUR


# What clients ask.


def member(handler):
    """Refuses requests until the node has joined."""

    def guarded(src, body):
        if not joined:
            raise Refusal(NOT_NOW, "not a member yet: join first")
        return handler(src, body)

    return guarded


@node.on("join")
async def join(src, body):
    global awake, joined
    awake = True
    if via := body.get("via"):
        if not (await ask(via, "ping") or await ask(via, "ping")):
            awake = joined
            raise Refusal(NOT_NOW, f"{via} does not answer")
        await lookup(me())
        await refresh()
    if not joined:
        joined = True
        spawn(tend())


@node.on("find_node")
@member
async def find_node(src, body):
    target = identifier(body, "target")
    found, _ = await lookup(target)
    return {"nodes": with_me(found, target)}


@node.on("store")
@member
async def store(src, body):
    key = identifier(body, "key")
    published[key] = body["value"], clock() + DAY
    await publish(key, body["value"], DAY)


@node.on("find_value")
@member
async def find_value(src, body):
    key = identifier(body, "key")
    if pair := kept(key):
        return {"value": pair.value}
    found, answer = await lookup(key, "fetch")
    if not answer:
        raise Refusal(NO_SUCH_KEY, f"nobody has key {key}")
    return {"value": answer["value"]}


@node.on("advance_clock")
async def advance_clock(src, body):
    """Answers when what has become due is done."""
    global skipped
    skipped += number(body, "ms", 100 * 365 * DAY)
    await keep_values()


@node.on("state")
def state(src, body):
    return {"contacts": contacts(), "keys": sorted(key for key in list(pairs) if kept(key))}


# What nodes ask each other. Whoever asks or answers is seen to be alive.


def peer(handler):
    def guarded(src, body):
        if not awake:
            raise Refusal(NOT_NOW, "not told to join yet")
        seen(src)
        return handler(src, body)

    return guarded


@node.on("ping")
@peer
def ping(src, body):
    pass


@node.on("closest")
@peer
def closest_to(src, body):
    return {"nodes": closest(body["target"], but=src)}


@node.on("fetch")
@peer
def fetch(src, body):
    if pair := kept(body["target"]):
        return {"value": pair.value, "life": pair.expires - clock()}
    return {"nodes": closest(body["target"], but=src)}


@node.on("keep")
@peer
def keep(src, body):
    put_pair(body["key"], Pair(body["value"], body["life"], body["cached"]))


async def ask(name, kind, **fields):
    """Asks another node. None: there was no answer."""
    answer = await node.call(name, kind, **fields)
    if answer and answer["type"] != "error":
        seen(name)
        return answer
    misses[name] = misses.get(name, 0) + 1
    fail(name)
    return None


# The lookup.


async def lookup(target, kind="closest"):
    """Asks ever closer nodes. Returns the k closest that have answered, the
    node itself not counted, and for "fetch" the answer that brought a value."""
    heard = known()
    asked, answered, failed = set(), set(), set()
    result = Promise()

    def advance():
        best = nearest(heard - failed, target)
        if all(name in answered for name in best):
            result.set((best, None))
        waiting = [name for name in best if name not in asked]
        free = node.overlay["alpha"] - len(asked - answered - failed)
        for name in waiting[:0 if result.done else max(0, free)]:
            asked.add(name)
            spawn(question(name))

    async def question(name):
        answer = await ask(name, kind, target=target)
        if answer is None:
            failed.add(name)
            heard.update(known())
        elif "value" in answer:
            if not result.done:
                cache(target, answer, nearest(answered, target))
            result.set((nearest(answered, target), answer))
        else:
            answered.add(name)
            heard.update(other for other in answer["nodes"] if usable(other))
        advance()

    advance()
    return await result


def cache(key, answer, without):
    """Leaves a copy with the closest node that did not have the value; the
    more nodes are closer to the key, the shorter it lives."""
    if without:
        closer = [name for name in contacts() if distance(name, key) < distance(without[0], key)]
        life = answer["life"] >> len(closer) // node.overlay["k"]
        spawn(ask(without[0], "keep", key=key, value=answer["value"], life=life, cached=True))


# Whom we know.


def identifier(body, field):
    return number(body, field, 1 << node.overlay["bits"])


def me():
    return node.overlay["ids"][node.name]


def distance(name, target):
    return node.overlay["ids"][name] ^ target


def nearest(names, target):
    return sorted(names, key=lambda name: distance(name, target))[: node.overlay["k"]]


def with_me(names, target):
    return nearest({*names, node.name}, target)


def contacts():
    return [name for bucket in buckets.values() for name in bucket]


def known():
    """All who can be relied on, those without a place in a bucket included."""
    names = {*contacts(), *(name for spare in spares.values() for name in spare)}
    return {name for name in names if usable(name)}


def closest(target, but=None):
    """The k closest contacts that can be relied on."""
    return nearest((name for name in contacts() if usable(name) and name != but), target)


def usable(name):
    return name != node.name and name in node.overlay["ids"] and misses.get(name, 0) < MISSES


def seen(name):
    """Notes that a node is alive: it moves to the end of its bucket. Where the
    bucket is full, it gets in only if the one not seen for longest is dead."""
    misses.pop(name, None)
    if not usable(name):
        return
    index = distance(name, me()).bit_length()
    bucket = buckets.setdefault(index, [])
    if name in bucket:
        bucket.remove(name)
        bucket.append(name)
    elif len(bucket) < node.overlay["k"]:
        bucket.append(name)
        greet(name)
    else:
        spare = spares.setdefault(index, [])
        if name in spare:
            spare.remove(name)
        elif not spare:
            spawn(ask(bucket[0], "ping"))
        spare.append(name)
        del spare[: -node.overlay["k"]]


def fail(name):
    """A contact that does not answer makes room, if there is somebody for it.
    With nobody to take its place it stays: it may come back."""
    index = distance(name, me()).bit_length()
    bucket, spare = buckets.get(index, []), spares.get(index, [])
    if name in bucket and spare:
        bucket.remove(name)
        bucket.append(spare.pop())


# The values.


def clock():
    return node.now() + skipped


def kept(key):
    pair = pairs.get(key)
    if pair and pair.expires <= clock():
        del pairs[key]
        return None
    return pair


def put_pair(key, pair):
    """Keeps a pair, unless the one that is there lives longer."""
    old = kept(key)
    if old and old.expires > pair.expires:
        old.replicate = pair.replicate
    else:
        pairs[key] = pair


async def publish(key, value, life):
    """Has the k closest keep a value, this node too if it is one of them."""
    found, _ = await lookup(key)
    promises = []
    for name in with_me(found, key):
        if name == node.name:
            put_pair(key, Pair(value, life, False))
        else:
            promises.append(spawn(ask(name, "keep", key=key, value=value, life=life, cached=False)))
    for promise in promises:
        await promise


def greet(newcomer):
    """Gives a new contact the pairs that it should keep, those of them to
    which nobody else that we know is closer than we are."""
    for key in list(pairs):
        if (pair := kept(key)) and not pair.cached:
            others = [name for name in contacts() if name != newcomer]
            if newcomer in with_me(contacts(), key) and with_me(others, key)[0] == node.name:
                life = pair.expires - clock()
                spawn(ask(newcomer, "keep", key=key, value=pair.value, life=life, cached=False))


# What happens by itself.


async def tend():
    """Refreshes the buckets every period, and asks a contact that had failed."""
    while True:
        await node.sleep(node.overlay["period_ms"])
        await refresh()
        if lost := [name for name in contacts() if not usable(name)]:
            await ask(random.choice(lost), "ping")
        await keep_values()


async def refresh():
    """Looks up an identifier of each bucket from that of our closest neighbour on."""
    known = [index for index, bucket in buckets.items() if bucket]
    for index in range(min(known, default=node.overlay["bits"] + 1), node.overlay["bits"] + 1):
        await lookup(me() ^ random.randrange(1 << index - 1, 1 << index))


async def keep_values():
    """Replicates hourly what nobody else has, and publishes our own daily."""
    for key in list(pairs):
        pair = kept(key)
        if pair and not pair.cached and pair.replicate <= clock():
            pair.replicate = clock() + HOUR
            await publish(key, pair.value, pair.expires - clock())
    for key, (value, when) in list(published.items()):
        if when <= clock():
            published[key] = value, clock() + DAY
            await publish(key, value, DAY)


node.run()
