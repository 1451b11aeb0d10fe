"""A libtorrent DHT node without its limits on packets, until stdin ends."""
import sys

import libtorrent as lt

session = lt.session({
    "listen_interfaces": "127.0.0.1:0", "enable_dht": True, "dht_bootstrap_nodes": "",
    "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
    "dht_block_ratelimit": 10**6, "dht_upload_rate_limit": 10**8,
    "alert_mask": lt.alert.category_t.status_notification,
})
while True:
    session.wait_for_alert(10_000)
    for a in session.pop_alerts():
        if isinstance(a, lt.listen_succeeded_alert) and "[TCP]" not in a.message():
            print(f"127.0.0.1:{a.port}", flush=True)
            sys.stdin.read()
            sys.exit()
