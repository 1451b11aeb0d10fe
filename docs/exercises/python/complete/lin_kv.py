"""A complete store of keys and values: it asks the service lin-kv for everything.

    p2pspec check lin-kv --exec 'python3 complete/lin_kv.py'

A request is handed on once, and whatever comes back is the answer. Where nothing
does, it may have been carried out or not, and the answer says that it is not known.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))  # where overlay.py is
from overlay import Node, Refusal

PATIENCE = 2000  # milliseconds with the service
TIMEOUT = 0      # the error that leaves open what has happened

node = Node()


def hand_on(kind, *fields):
    @node.on(kind)
    async def handler(src, body):
        asked = {field: body[field] for field in fields if field in body}
        answer = await node.call("lin-kv", kind, PATIENCE, **asked)
        if answer is None:
            raise Refusal(TIMEOUT, "lin-kv does not answer")
        if answer["type"] == "error":
            raise Refusal(answer["code"], answer.get("text", ""))
        return {"value": answer["value"]} if kind == "read" else {}


hand_on("read", "key")
hand_on("write", "key", "value")
hand_on("cas", "key", "from", "to", "create_if_not_exists")
node.run()
