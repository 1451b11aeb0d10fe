"""What every overlay node needs: lines in, lines out, questions to others.

A handler is given the sender's name and the body of a request, and returns the
fields of the answer. It may be an `async def`: `await node.call(...)` asks
another node while everything else goes on. There is one thread, so between two
awaits nothing changes under a handler's hands.

The lines are those of Maelstrom's nodes; docs/overlay.md describes them.
"""

import heapq
import itertools
import json
import queue
import sys
import threading
import time

NOT_SUPPORTED, NOT_NOW, MALFORMED, CRASH, NO_SUCH_KEY = 10, 11, 12, 13, 20


class Refusal(Exception):
    """Raise it in a handler to answer with an error."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def number(body, field, limit):
    """A field of a request that has to be a whole number from 0 to below limit."""
    value = body.get(field)
    if type(value) is not int or not 0 <= value < limit:
        raise Refusal(MALFORMED, f"{field} is {value!r}, want a number from 0 to {limit - 1}")
    return value


class Promise:
    """A value that is there later: `await` it."""

    def __init__(self):
        self.done, self.value, self.waiting = False, None, []

    def set(self, value):
        if not self.done:
            self.done, self.value = True, value
            for resume in self.waiting:
                resume(value)

    def __await__(self):
        if not self.done:
            yield self
        return self.value


def spawn(coroutine):
    """Starts an `async def`, and returns a promise of what it returns: None where
    it fails, which the standard error tells."""
    result = Promise()

    def step(value):
        try:
            coroutine.send(value).waiting.append(step)
        except StopIteration as end:
            result.set(end.value)
        except Exception:
            sys.excepthook(*sys.exc_info())
            result.set(None)

    step(None)
    return result


class Node:
    def __init__(self, capabilities=()):
        self.name = None    # "n0", known from init on
        self.others = []    # the names of all other nodes
        self.overlay = {}   # the settings that init brings: bits, ids, period_ms, …
        self.capabilities = list(capabilities)
        self.handlers = {"init": self._init}
        self._calls = {}    # our open questions, by msg_id
        self._ids = itertools.count(1)
        self._timers = []   # a heap of (when, number, function)
        self._lines = queue.SimpleQueue()

    def on(self, kind):
        """Decorates the handler of requests of a type."""
        return lambda handler: self.handlers.setdefault(kind, handler)

    def send(self, dest, body):
        print(json.dumps({"src": self.name, "dest": dest, "body": body}), flush=True)

    def call(self, dest, kind, patience=None, **fields):
        """Asks another node. The promise is of the answer's body (it may be an
        error), or of None when none has come within `patience` milliseconds,
        which are timeout_ms unless told."""
        number, answer = next(self._ids), Promise()
        self._calls[number] = answer

        def give_up():
            if self._calls.pop(number, None):
                answer.set(None)

        self.after(patience or self.overlay["timeout_ms"], give_up)
        self.send(dest, {"type": kind, "msg_id": number, **fields})
        return answer

    def now(self):
        """Milliseconds since some moment in the past."""
        return time.monotonic_ns() // 1_000_000

    def after(self, ms, function):
        """Has a function called in so many milliseconds."""
        heapq.heappush(self._timers, (self.now() + ms, next(self._ids), function))

    def sleep(self, ms):
        woken = Promise()
        self.after(ms, lambda: woken.set(None))
        return woken

    def run(self):
        """Serves until the standard input ends."""
        threading.Thread(target=self._read, daemon=True).start()
        while True:
            while self._timers and self._timers[0][0] <= self.now():
                heapq.heappop(self._timers)[2]()
            wait = max(0, self._timers[0][0] - self.now()) / 1000 if self._timers else None
            try:
                line = self._lines.get(timeout=wait)
            except queue.Empty:
                continue
            if line is None:
                return
            self._receive(line)

    def _read(self):
        for line in sys.stdin:
            self._lines.put(line)
        self._lines.put(None)

    def _receive(self, line):
        try:
            message = json.loads(line)
            src, body = message["src"], message["body"]
            kind, answered = body["type"], body.get("in_reply_to")
        except (ValueError, KeyError, TypeError):
            print("not a message:", line, file=sys.stderr, flush=True)
            return
        if answered is not None:
            if answer := self._calls.pop(answered, None):
                answer.set(body)
            return
        spawn(self._answer(src, kind, body))

    async def _answer(self, src, kind, body):
        try:
            if kind not in self.handlers:
                raise Refusal(NOT_SUPPORTED, f"no handler for {kind!r}: write one under @node.on({kind!r})")
            fields = self.handlers[kind](src, body)
            if hasattr(fields, "__await__"):
                fields = await fields
            answer = {"type": kind + "_ok", **(fields or {})}
        except Refusal as refusal:
            answer = {"type": "error", "code": refusal.code, "text": str(refusal)}
        except Exception as bug:  # the node's own: say so, and go on
            sys.excepthook(*sys.exc_info())
            answer = {"type": "error", "code": CRASH, "text": f"handler of {kind!r}: {bug!r}"}
        if "msg_id" in body:
            self.send(src, {**answer, "in_reply_to": body["msg_id"]})

    def _init(self, src, body):
        self.name, self.overlay = body["node_id"], body.get("overlay", {})
        self.others = [name for name in body["node_ids"] if name != self.name]
        return {"capabilities": self.capabilities} if self.capabilities else {}
