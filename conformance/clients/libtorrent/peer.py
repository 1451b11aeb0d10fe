"""peer.py IP PORT DIR ENCRYPTION TORRENT|MAGNET [PEER...]: libtorrent as one peer of one torrent on IP:PORT.

It checks what is in DIR, fetches what is missing, says "done" and goes on seeding until SIGTERM.
Settings are the defaults, but for what would look beyond the torrent's own trackers and the given
peers, and for uTP. The variable MAX_PEERS may say how many connections it has at most.
"""
import os
import signal
import sys

import libtorrent as lt

ip, port, folder, encryption, torrent, *peers = sys.argv[1:]
settings = {
    'listen_interfaces': f'{ip}:{port}', 'outgoing_interfaces': ip,
    'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
    'enable_incoming_utp': False, 'enable_outgoing_utp': False,
    # The harness's connections may share an address.
    'allow_multiple_connections_per_ip': True,
    'alert_mask': lt.alert.category_t.error_notification | lt.alert.category_t.status_notification,
}
if encryption:
    policy = {
        'plaintext': lt.enc_policy.disabled, 'preferred': lt.enc_policy.enabled, 'required': lt.enc_policy.forced,
    }[encryption]
    settings.update({'in_enc_policy': policy, 'out_enc_policy': policy})
if encryption == 'required':
    settings['allowed_enc_level'] = lt.enc_level.rc4
session = lt.session(settings)
# It would unchoke whoever has an address of a local network, and count no slot for it.
session.set_peer_class_filter(lt.ip_filter())

if torrent.startswith('magnet:'):
    params = lt.parse_magnet_uri(torrent)
else:
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(torrent)
params.save_path = folder
# Of the queue's management a single torrent has nothing but delay.
params.flags &= ~lt.torrent_flags.auto_managed & ~lt.torrent_flags.paused
handle = session.add_torrent(params)
if os.environ.get('MAX_PEERS'):
    handle.set_max_connections(int(os.environ['MAX_PEERS']))
for peer in peers:
    host, number = peer.rsplit(':', 1)
    handle.connect_peer((host, int(number)))

running = True


def end(*_):
    """Leave the loop, so that the session ends as it would by itself: with its last announce."""
    global running
    running = False


signal.signal(signal.SIGTERM, end)
while running:
    session.wait_for_alert(200)
    for alert in session.pop_alerts():
        if isinstance(alert, lt.torrent_finished_alert):
            print('done', flush=True)
        elif alert.category() & lt.alert.category_t.error_notification:
            print(alert.message(), file=sys.stderr, flush=True)
del session
