package wire_test

import (
	"fmt"
	"net/netip"

	"github.com/p2pspec/p2pspec/gossip/wire"
)

// A ping with a rumour beside it, in the cluster "blue".
func ExampleFormat() {
	format := &wire.Format{Label: "blue"}
	datagram, err := format.AppendMessage(nil, wire.Packet{Parts: []wire.Message{
		wire.Ping{SeqNo: 7, Node: "n2"},
		wire.Alive{Incarnation: 1, Node: "n3", Addr: netip.MustParseAddrPort("10.0.0.3:7946")},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := format.ParseMessage(datagram)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, part := range m.(wire.Packet).Parts {
		fmt.Println(part.Type(), wire.BodySize(part), "bytes")
	}
	_, err = format.ParseMessage(datagram[6:])
	fmt.Println(err)
	// Output:
	// ping 17 bytes
	// alive 52 bytes
	// wire: label, byte 0: of another cluster (GO-WF-15)
}
