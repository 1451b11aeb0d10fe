"""A complete node with one fault put into it, to see which cases tell.

    p2pspec check broadcast --exec 'python3 wrong/fault.py forgets broadcast'

The last word is the name of a file in complete/. Each fault below is one that
somebody has made in earnest.
"""

import os
import re
import runpy
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))  # where overlay.py is
from overlay import Node, Promise


# Faults in what is done.

def forgets():
    """Tells once, and does not see to it that it was heard."""
    Node.sleep = lambda node, ms: Promise()  # what has to happen later never does


def careless():
    """Confirms every other gossip without storing it."""
    forgets()
    handle("gossip", lambda handler, src, body, nth: {} if nth % 2 == 0 else handler(src, body))


def deaf():
    """Knows only what its own clients have brought."""
    for kind in "gossip", "compare", "exchange":
        handle(kind, lambda handler, src, body, nth: {})


def hasty():
    """Answers before it stores, and then does not always get to it."""
    for kind in "broadcast", "add":
        handle(kind, lambda handler, src, body, nth: {} if nth % 5 == 0 else handler(src, body))


# Faults in what is answered.

def phantom():
    """Reads a value that nobody has sent."""
    reads(lambda values, nth: values + [-1])


def twice():
    """Reads the first value a second time."""
    reads(lambda values, nth: values + values[:1])


def shrinks():
    """Reads now and then, in the beginning, what it knew long ago."""
    reads(lambda values, nth: values[:len(values) // 2] if nth in (4, 8, 12) else values)


def renumbers():
    """Numbers what it echoes itself."""
    answer("echo_ok", lambda body, nth: {**body, "echo": number(body["echo"], nth)})


def number(value, n):
    return re.sub(r"\d+", str(n), value) if isinstance(value, str) else value


# Faults in how it is said.

def misreplies():
    """Answers the request before."""
    change(lambda body, nth: {**body, "in_reply_to": body["in_reply_to"] - 1}
           if body["type"] != "init_ok" and "in_reply_to" in body else body)


def chatters():
    """Writes for itself on the standard output, which is for messages alone."""
    def say(body, nth):
        print("sending", body["type"], flush=True)
        return body
    change(say)


def dies():
    """Ends at a request that it does not know."""
    known = Node._answer

    async def answer(node, src, kind, body):
        if kind not in node.handlers:
            os._exit(1)
        await known(node, src, kind, body)
    Node._answer = answer


def agrees():
    """Says that it has done what it does not know."""
    known = Node._answer

    async def answer(node, src, kind, body):
        node.handlers.setdefault(kind, lambda src, body: {})
        await known(node, src, kind, body)
    Node._answer = answer


# How they are put in.

def handle(kind, fault):
    """Has a fault between the requests of a type and their handler. It is told
    how many they have been."""
    on = Node.on

    def wrapped(node, registered):
        count = 0

        def register(handler):
            def faulty(src, body):
                nonlocal count
                count += 1
                return fault(handler, src, body, count)
            on(node, registered)(faulty if registered == kind else handler)
            return handler
        return register
    Node.on = wrapped


def change(fault):
    """Has a fault between the node and its standard output."""
    send, count = Node.send, 0

    def faulty(node, dest, body):
        nonlocal count
        count += 1
        send(node, dest, fault(body, count))
    Node.send = faulty


def answer(kind, fault):
    """Has a fault in the answers of a type. It is told how many they have been."""
    count = 0

    def faulty(body, _):
        nonlocal count
        if body["type"] != kind:
            return body
        count += 1
        return fault(body, count)
    change(faulty)


def reads(fault):
    """Has a fault in the list that a read returns."""
    answer("read_ok", lambda body, nth: {
        key: fault(value, nth) if isinstance(value, list) else value for key, value in body.items()})


FAULTS = [forgets, careless, deaf, hasty, phantom, twice, shrinks, renumbers,
          misreplies, chatters, dies, agrees]

if __name__ == "__main__":
    _, name, complete = sys.argv
    {fault.__name__: fault for fault in FAULTS}[name]()
    runpy.run_path(os.path.join(HERE, "..", "complete", complete + ".py"))
