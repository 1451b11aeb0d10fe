#!/usr/bin/python3
"""Puts libtorrent's DHT behind p2pspec's adapter protocol.

One JSON object a line on stdin and stdout. Commands are begun as they are
read and answered when libtorrent reports their end, so a lookup under way
holds up nothing. Logs go to stderr.
"""

import faulthandler
import hashlib
import json
import os
import re
import sys
import threading
import time
import traceback

import libtorrent as lt

NOT_SUPPORTED, MALFORMED, UNAVAILABLE, NO_SUCH_KEY = 10, 12, 11, 20

CAPABILITIES = ["bootstrap", "get_peers", "announce", "get", "put", "put_mutable", "sample",
                "read_only", "ipv6", "restart"]

# The end of a lookup shows only in the log of the DHT.
STARTED = re.compile(r"\[(\d+)\] NEW target: ([0-9a-f]{40})")
COMPLETED = re.compile(r"\[(\d+)\] COMPLETED ")

STATE_FILE = "session_state"

POLL = 0.005  # seconds between two looks at what libtorrent reports


class Refused(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Adapter:
    def __init__(self, out):
        self.out = out
        self.lock = threading.Lock()
        self.session = None
        self.stopping = False
        self.dir = "."
        self.starting = None    # msg_id of the start that waits for its socket
        self.port = 0
        self.torrents = {}      # info-hash -> handle
        self.lookups = {}       # log id of a lookup -> [(target, the command that began it)]
        self.peers = {}         # info-hash -> peers seen since the last get_peers
        self.waiting = {}       # (what, key) -> [(msg_id, reply type)]

    # The conversation.

    def reply(self, msg_id, kind, **fields):
        body = {"type": kind, "in_reply_to": msg_id, **fields}
        with self.lock:
            self.out.write(json.dumps({"src": "n0", "dest": "c0", "body": body}) + "\n")
            self.out.flush()

    def error(self, msg_id, code, text):
        self.reply(msg_id, "error", code=code, text=text)

    def serve(self, lines):
        for line in lines:
            try:
                body = json.loads(line)["body"]
                msg_id, verb = body["msg_id"], body["type"]
            except (ValueError, KeyError, TypeError) as e:
                print(f"not a command: {e!r}: {line!r}", file=sys.stderr)
                continue
            if verb == "stop":
                self.stop()
                self.reply(msg_id, "stop_ok")
                return
            try:
                self.command(verb, msg_id, body)
            except Refused as e:
                self.error(msg_id, e.code, str(e))
            except (KeyError, TypeError, ValueError) as e:
                self.error(msg_id, MALFORMED, f"{verb}: {e!r}")
        self.stop()

    def command(self, verb, msg_id, body):
        if verb == "hello":
            self.reply(msg_id, "hello_ok", name="libtorrent", version=lt.__version__,
                       capabilities=CAPABILITIES)
            return
        handler = {
            "start": self.start, "bootstrap": self.bootstrap, "get_peers": self.get_peers,
            "announce": self.announce, "get": self.get, "put": self.put,
            "put_mutable": self.put_mutable, "sample": self.sample,
        }.get(verb)
        if handler is None:
            raise Refused(NOT_SUPPORTED, f"unknown command {verb}")
        if self.session is None and verb != "start":
            raise Refused(UNAVAILABLE, f"{verb} before start")
        handler(msg_id, body)

    # Commands, in the order of the table above.

    def start(self, msg_id, body):
        if self.session is not None:
            raise Refused(MALFORMED, "already started")
        self.dir = body.get("dir") or "."
        self.port = body["port"]
        listen = [f"{body['ip']}:{self.port}"]
        if body.get("ipv6"):
            listen.append(f"[::1]:{self.port}")
        params = self.saved()
        params.settings = {
            "listen_interfaces": ",".join(listen),
            "dht_bootstrap_nodes": ",".join(body.get("bootstrap") or []),
            "dht_read_only": bool(body.get("read_only")),
            "enable_dht": True,
            "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
            # The default of 8000 bytes a second makes a node go silent under a suite.
            "dht_upload_rate_limit": 10_000_000,
            "alert_mask": (lt.alert.category_t.error_notification
                           | lt.alert.category_t.status_notification
                           | lt.alert.category_t.dht_notification
                           | lt.alert.category_t.dht_log_notification
                           | lt.alert.category_t.dht_operation_notification),
            "alert_queue_size": 100_000,
        }
        self.starting = (msg_id, len(listen), {})
        self.session = lt.session(params)
        threading.Thread(target=self.pump, daemon=True).start()

    def bootstrap(self, msg_id, body):
        self.session.add_dht_node(endpoint(body["addr"]))
        self.reply(msg_id, "bootstrap_ok")

    def get_peers(self, msg_id, body):
        info_hash = body["info_hash"]
        self.peers[info_hash] = {}
        self.wait("lookup", info_hash, msg_id, "get_peers_ok")
        self.session.dht_get_peers(sha1_hash(info_hash))

    def announce(self, msg_id, body):
        """The Python binding cannot call dht_announce: its flags have no converter
        (2.0.8, bindings/python/src/converters.cpp). A torrent announces instead, as
        libtorrent itself decides: on the port it listens on, which the reply names."""
        if body.get("seed"):
            raise Refused(NOT_SUPPORTED, "a torrent without its data is not announced as a seed")
        self.session.apply_settings({"enable_incoming_utp": bool(body.get("implied_port"))})
        info_hash = body["info_hash"]
        sha1_hash(info_hash)
        self.wait("lookup", info_hash, msg_id, "announce_ok")
        if info_hash in self.torrents:
            self.torrents[info_hash].force_dht_announce()
            return
        params = lt.parse_magnet_uri(f"magnet:?xt=urn:btih:{info_hash}")
        params.save_path = self.dir
        params.flags &= ~(lt.torrent_flags.paused | lt.torrent_flags.auto_managed)
        self.torrents[info_hash] = self.session.add_torrent(params)

    def get(self, msg_id, body):
        if body.get("k"):
            k, salt = bytes.fromhex(body["k"]), bytes.fromhex(body.get("salt") or "")
            self.wait("mutable", (k, salt), msg_id, "get_ok")
            self.session.dht_get_mutable_item(k, salt)
        else:
            self.wait("immutable", body["target"], msg_id, "get_ok")
            self.session.dht_get_immutable_item(sha1_hash(body["target"]))

    def put(self, msg_id, body):
        v = bytes.fromhex(body["v"])
        target = hashlib.sha1(v).hexdigest()
        self.wait("put", target, msg_id, "put_ok")
        self.session.dht_put_immutable_item(lt.bdecode(v))

    def put_mutable(self, msg_id, body):
        v = lt.bdecode(bytes.fromhex(body["v"]))
        if not isinstance(v, bytes):
            raise Refused(NOT_SUPPORTED, "the Python binding puts mutable strings only")
        if body.get("cas") is not None:
            raise Refused(NOT_SUPPORTED, "the Python binding has no cas")
        secret, public = keys(bytes.fromhex(body["secret"]))
        salt = bytes.fromhex(body.get("salt") or "")
        self.wait("put_mutable", (public, salt), msg_id, "put_mutable_ok")
        self.session.dht_put_mutable_item(secret, public, v, salt)

    def sample(self, msg_id, body):
        addr = endpoint(body["addr"])
        self.wait("sample", addr, msg_id, "sample_ok")
        self.session.dht_sample_infohashes(addr, lt.sha1_hash(os.urandom(20)))

    def stop(self):
        if self.session is None:
            return
        self.stopping = True
        state = self.session.save_state(lt.save_state_flags_t.save_dht_state)
        with open(os.path.join(self.dir, STATE_FILE), "wb") as f:
            f.write(lt.bencode(state))

    # What libtorrent reports.

    def pump(self):
        try:
            while not self.stopping:
                # Not wait_for_alert: the alert that it returns lies in a queue that
                # libtorrent's own thread may move before the binding has read it.
                time.sleep(POLL)
                for alert in self.session.pop_alerts():
                    self.on_alert(alert)
        except Exception:  # without its alerts the adapter could answer nothing
            traceback.print_exc()
            os._exit(1)

    def on_alert(self, a):
        if isinstance(a, lt.dht_log_alert):
            self.on_log(a.log_message())
        elif isinstance(a, lt.listen_succeeded_alert):
            self.on_listening(a)
        elif isinstance(a, lt.listen_failed_alert):
            msg_id, self.starting = self.starting[0], None
            self.error(msg_id, UNAVAILABLE, a.message())
        elif isinstance(a, lt.dht_get_peers_reply_alert):
            self.peers.setdefault(str(a.info_hash), {}).update(dict.fromkeys(
                f"{ip}:{port}" for ip, port in a.peers()))
        elif isinstance(a, lt.dht_immutable_item_alert):
            self.on_item("immutable", str(a.target), a)
        elif isinstance(a, lt.dht_mutable_item_alert):
            if a.authoritative:
                self.on_item("mutable", (bytes(a.key), as_bytes(a.salt)), a,
                             seq=a.seq, k=bytes(a.key).hex(), sig=bytes(a.signature).hex())
        elif isinstance(a, lt.dht_put_alert):
            self.on_put(a)
        elif isinstance(a, lt.dht_sample_infohashes_alert):
            self.finish("sample", a.endpoint, samples=[str(s) for s in a.samples],
                        num=a.num_infohashes, interval=seconds(a.interval))
        elif isinstance(a, lt.alerts_dropped_alert):
            print("alerts were dropped", file=sys.stderr)

    def on_log(self, text):
        if m := STARTED.search(text):
            begun = self.waiting.get(("lookup", m[2]))
            self.lookups.setdefault(m[1], []).append((m[2], begun.pop(0) if begun else None))
        elif m := COMPLETED.search(text):
            open_ = self.lookups.get(m[1])
            target, command = open_.pop(0) if open_ else (None, None)
            if command is None:
                return
            if command[1] == "announce_ok":
                self.reply(*command, port=self.port)
            else:
                self.reply(*command, peers=list(self.peers.get(target, {})))

    def on_listening(self, a):
        if self.starting is None or a.socket_type == lt.socket_type_t.tcp:
            return
        msg_id, wanted, bound = self.starting
        bound["addr6" if ":" in a.address else "addr"] = host_port(a.address, a.port)
        if len(bound) == wanted:
            self.starting = None
            self.reply(msg_id, "start_ok", **bound)

    def on_item(self, what, key, alert, **signed):
        try:
            v = lt.bencode(alert.item["value"]).hex()
        except RuntimeError:  # how the binding says that nothing was found
            for msg_id, _ in self.waiting.pop((what, key), []):
                self.error(msg_id, NO_SUCH_KEY, "no node of the lookup had a valid value")
        else:
            self.finish(what, key, v=v, **signed)

    def on_put(self, a):
        public = bytes(a.public_key)
        if any(public):
            salt = as_bytes(a.salt)
            target = hashlib.sha1(public + salt).hexdigest()
            self.finish("put_mutable", (public, salt), target=target, seq=a.seq,
                        stored=a.num_success)
        else:
            self.finish("put", str(a.target), target=str(a.target), stored=a.num_success)

    def wait(self, what, key, msg_id, kind):
        self.waiting.setdefault((what, key), []).append((msg_id, kind))

    def finish(self, what, key, **fields):
        for msg_id, kind in self.waiting.pop((what, key), []):
            self.reply(msg_id, kind, **fields)

    def saved(self):
        try:
            with open(os.path.join(self.dir, STATE_FILE), "rb") as f:
                return lt.read_session_params(f.read())
        except FileNotFoundError:
            return lt.session_params()


def sha1_hash(text):
    raw = bytes.fromhex(text)
    if len(raw) != 20:
        raise ValueError(f"{text!r} is not 20 bytes in hex")
    return lt.sha1_hash(raw)


def endpoint(addr):
    ip, _, port = addr.rpartition(":")
    return ip.strip("[]"), int(port)


def host_port(ip, port):
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def as_bytes(s):
    return s if isinstance(s, bytes) else s.encode("utf-8", "surrogateescape")


def seconds(interval):
    return int(interval.total_seconds()) if hasattr(interval, "total_seconds") else int(interval)


# Ed25519 (RFC 8032 §5.1.5): libtorrent takes the expanded secret and the public
# key, and its Python binding derives neither.

P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P
BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202


def keys(seed):
    if len(seed) != 32:
        raise ValueError("secret is not 32 bytes in hex")
    h = bytearray(hashlib.sha512(seed).digest())
    h[0] &= 248
    h[31] = h[31] & 63 | 64
    point, double = (0, 1), (BASE_X, BASE_Y)
    scalar = int.from_bytes(h[:32], "little")
    while scalar:
        if scalar & 1:
            point = edwards_add(point, double)
        double = edwards_add(double, double)
        scalar >>= 1
    x, y = point
    return bytes(h), (y | (x & 1) << 255).to_bytes(32, "little")


def edwards_add(a, b):
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + t, P - 2, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - t, P - 2, P)
    return x % P, y % P


if __name__ == "__main__":
    faulthandler.enable()  # says where libtorrent or its binding crashed
    Adapter(sys.stdout).serve(sys.stdin)
    sys.stdout.flush()
    os._exit(0)  # libtorrent's destructor would wait for trackers
