"""A complete echo node: it says what it is told.

    p2pspec check echo --exec 'python3 complete/echo.py'
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))  # where overlay.py is
from overlay import Node

node = Node()


@node.on("echo")
def echo(src, body):
    return {"echo": body["echo"]}


node.run()
