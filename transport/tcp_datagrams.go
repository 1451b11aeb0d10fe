package transport

import (
	"errors"
	"net"
	"time"
)

// listen is the goroutine that reads datagrams. It reads on when the machine has
// taken the last one: what comes faster waits with the system, or is lost there.
func (t *TCP) listen() {
	buf := make([]byte, maxDatagram)
	for {
		k, from, err := t.packets.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(acceptPause) // where the system reports what became of an earlier send
			continue
		}
		got, drop := t.packets.parse(unmap(from), buf[:k])
		t.post(tcpEvent{kind: datagram, in: got, drop: drop})
		select {
		case <-t.resume:
		case <-t.ctx.Done():
			return
		}
	}
}
