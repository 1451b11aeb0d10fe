#!/usr/bin/python3
"""Puts libtorrent's reader and maker of torrents behind p2pspec's adapter protocol.

One JSON object a line on stdin and stdout.
"""

import json
import os
import sys
import tempfile

import libtorrent as lt

NOT_SUPPORTED, MALFORMED, REFUSED = 10, 12, 21

FLAGS = {"v1": lt.create_torrent.v1_only, "v2": lt.create_torrent.v2_only, "hybrid": 0}


class Error(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def hashes(h):
    reply = {}
    if h.has_v1():
        reply["info_hash"] = str(h.v1)
    if h.has_v2():
        reply["info_hash_v2"] = str(h.v2)
    return reply


def below(folder, path):
    """The elements of a path that libtorrent gives with the folder before it."""
    elements = path.split("/")
    return elements[1:] if folder and len(elements) > 1 else elements


def described(storage, i, folder):
    flags = storage.file_flags(i)
    f = {
        "path": below(folder, storage.file_path(i)),
        "length": storage.file_size(i),
        "pad": bool(flags & lt.file_flags_t.flag_pad_file),
        "executable": bool(flags & lt.file_flags_t.flag_executable),
        "hidden": bool(flags & lt.file_flags_t.flag_hidden),
    }
    if flags & lt.file_flags_t.flag_symlink:
        f["symlink"] = below(folder, storage.symlink(i))
    return f


def tiers(pairs):
    """URLs with the numbers of their tiers, as a list of tiers."""
    by_tier = {}
    for tier, url in pairs:
        by_tier.setdefault(tier, []).append(url)
    return [by_tier[tier] for tier in sorted(by_tier)]


def parse_torrent(b):
    with tempfile.NamedTemporaryFile(suffix=".torrent") as f:
        f.write(b)
        f.flush()
        ti = lt.torrent_info(f.name)
    storage = ti.files()
    folder = any("/" in storage.file_path(i) for i in range(storage.num_files()))
    files = [described(storage, i, folder) for i in range(storage.num_files())]
    return {
        **hashes(ti.info_hashes()),
        "name": ti.name(),
        "piece_length": ti.piece_length(),
        "length": sum(f["length"] for f in files if not f["pad"]),
        "private": ti.priv(),
        "files": files,
        "trackers": tiers((t.tier, t.url) for t in ti.trackers()),
        "web_seeds": [s["url"] for s in ti.web_seeds()],
        "nodes": ["%s:%d" % node for node in ti.nodes()],
    }


def parse_magnet(link):
    p = lt.parse_magnet_uri(link)
    return {
        **hashes(p.info_hashes),
        "name": p.name,
        "trackers": tiers(zip(p.tracker_tiers, p.trackers)),
        "web_seeds": list(p.url_seeds),
        "peers": [("[%s]:%d" if ":" in ip else "%s:%d") % (ip, port) for ip, port in p.peers],
        "selected": [i for i, priority in enumerate(p.file_priorities) if priority],
    }


def make_torrent(body):
    if body["version"] not in FLAGS:
        raise Error(MALFORMED, "version")
    with tempfile.TemporaryDirectory() as root:
        storage = lt.file_storage()
        for f in body["files"]:
            path = [body["name"]] + (f["path"] if body["folder"] else [])
            whole = os.path.join(root, *path)
            os.makedirs(os.path.dirname(whole), exist_ok=True)
            content = bytes.fromhex(f["content"])
            with open(whole, "wb") as out:
                out.write(content)
            storage.add_file("/".join(path), len(content))
        t = lt.create_torrent(storage, body["piece_length"], FLAGS[body["version"]])
        t.add_tracker(body["announce"])
        t.set_priv(body["private"])
        lt.set_piece_hashes(t, root)
        return {"torrent": lt.bencode(t.generate()).hex()}


def carry_out(body):
    kind = body["type"]
    if kind == "hello":
        return {"name": "libtorrent", "version": lt.__version__, "roles": ["parser"],
                "capabilities": ["parse", "make_torrent"]}
    if kind == "stop":
        return {}
    try:
        if kind == "parse" and "magnet" in body:
            return parse_magnet(body["magnet"])
        if kind == "parse":
            return parse_torrent(bytes.fromhex(body["torrent"]))
        if kind == "make_torrent":
            return make_torrent(body)
    except RuntimeError as e:  # libtorrent's own errors
        raise Error(REFUSED, str(e)) from e
    raise Error(NOT_SUPPORTED, "unknown command " + kind)


def main():
    for line in sys.stdin:
        body = json.loads(line)["body"]
        try:
            reply = {"type": body["type"] + "_ok", **carry_out(body)}
        except Error as e:
            reply = {"type": "error", "code": e.code, "text": str(e)}
        reply["in_reply_to"] = body["msg_id"]
        print(json.dumps({"src": "n0", "dest": "c0", "body": reply}), flush=True)
        if body["type"] == "stop":
            return


main()
