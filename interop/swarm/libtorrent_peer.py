#!/usr/bin/python3
"""libtorrent_peer.py TORRENT DIR IP PORT [PEER...]: libtorrent as one peer of one torrent, over TCP.

It checks what is in DIR, serves it and fetches what is missing, until it is ended. The
variable ENCRYPTION may be "require".
"""
import os
import signal
import sys

import libtorrent as lt

torrent, path, ip, port, *peers = sys.argv[1:]
settings = {
    'listen_interfaces': f'{ip}:{port}', 'outgoing_interfaces': ip,
    'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
    'enable_incoming_utp': False, 'enable_outgoing_utp': False,
    'allow_multiple_connections_per_ip': True,
    'alert_mask': lt.alert.category_t.status_notification | lt.alert.category_t.error_notification,
}
if os.environ.get('ENCRYPTION') == 'require':
    settings.update({
        'out_enc_policy': lt.enc_policy.forced, 'in_enc_policy': lt.enc_policy.forced,
        'allowed_enc_level': lt.enc_level.rc4,
    })
session = lt.session(settings)
params = lt.add_torrent_params()
params.ti = lt.torrent_info(torrent)
params.save_path = path
params.flags &= ~lt.torrent_flags.auto_managed & ~lt.torrent_flags.paused
handle = session.add_torrent(params)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

ready = done = False
while True:
    session.wait_for_alert(50)
    for alert in session.pop_alerts():
        if alert.category() & lt.alert.category_t.error_notification:
            print(alert.message(), flush=True)
    state = handle.status().state
    if not done and state in (lt.torrent_status.seeding, lt.torrent_status.finished):
        done = True
        print('done', flush=True)
    if not ready and state in (lt.torrent_status.downloading, lt.torrent_status.seeding, lt.torrent_status.finished):
        ready = True
        print('ready', flush=True)
        for peer in peers:
            host, number = peer.rsplit(':', 1)
            handle.connect_peer((host, int(number)))
