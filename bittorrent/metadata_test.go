package bittorrent

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// metadataInfo is an info dictionary of three pieces and three blocks.
func metadataInfo(t *testing.T, private int) *metainfo.Info {
	raw := fmt.Appendf(nil, "d6:lengthi%de4:name1:a12:piece lengthi16384e6:pieces60:%060d"+
		"7:privatei%de6:source40000:%040000de", 3<<14-7, 0, private, 0)
	info, err := metainfo.ParseInfo(raw, metainfo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// magnetSwarm has seeds with the metadata and one peer without.
func magnetSwarm(t *testing.T, info *metainfo.Info, seeds int) (*swarm, *member) {
	s := newSwarm(t, 5, 3, 1<<14)
	s.layout = LayoutOf(info)
	s.data[2] = make([]byte, s.layout.Size(2))
	for range seeds {
		s.join(Config{Info: info, BlockSize: 1 << 14}, nil)
	}
	magnet := s.join(Config{InfoHash: info.Hash20(), BlockSize: 1 << 14}, nil)
	return s, magnet
}

func TestMetadataFromPeers(t *testing.T) {
	info := metadataInfo(t, 0)
	s, magnet := magnetSwarm(t, info, 2)
	s.connect(magnet, s.peers[:2]...)
	if !s.run(time.Minute, s.allComplete) {
		t.Fatalf("%d pieces, dropped %v", magnet.Held(), magnet.drops)
	}
	if got := magnet.notes[0].(MetadataReceived); !bytes.Equal(got.Info, info.Raw()) || got.Private {
		t.Errorf("received %d bytes, private %v", len(got.Info), got.Private)
	}
	third := s.join(Config{InfoHash: info.Hash20(), BlockSize: 1 << 14}, nil)
	s.connect(third, magnet)
	if !s.run(time.Minute, s.allComplete) {
		t.Errorf("the metadata went no further: %v", third.drops)
	}
}

// TestMetadataOfLiars has peers who name other sizes, refuse, stay silent and
// send rubbish, and one who is honest. BEP09-META-008, BEP09-META-010,
// BEP09-META-011
func TestMetadataOfLiars(t *testing.T) {
	info := metadataInfo(t, 0)
	for name, lie := range map[string]func(m *wire.Message) *wire.Message{
		"size": func(m *wire.Message) *wire.Message {
			h, err := wire.ParseExtensionHandshake(m.Data)
			if m.ExtID == 0 && err == nil {
				h.MetadataSize = MaxMetadata
				m.Data = h.Append(nil)
			}
			return m
		},
		"refusal": func(m *wire.Message) *wire.Message {
			if d, err := wire.ParseMetadata(m.Data); m.ExtID != 0 && err == nil {
				d.Type = wire.MetadataReject
				m.Data = d.Append(nil)
			}
			return m
		},
		"silence": func(m *wire.Message) *wire.Message {
			if m.ExtID != 0 {
				return nil
			}
			return m
		},
		"rubbish": func(m *wire.Message) *wire.Message {
			if m.ExtID != 0 {
				m.Data[len(m.Data)-1] ^= 1
			}
			return m
		},
	} {
		s, magnet := magnetSwarm(t, info, 4)
		s.tamper = func(from, _ *member, msg spec.Message) spec.Message {
			m, ok := msg.(*wire.Message)
			if !ok || m.Type != wire.Extended || !slices.Contains(s.peers[:3], from) {
				return msg
			}
			c := *m
			c.Data = bytes.Clone(m.Data)
			if l := lie(&c); l != nil {
				return l
			}
			return nil
		}
		s.connect(magnet, s.peers[:4]...)
		if !s.run(10*time.Minute, s.allComplete) {
			t.Errorf("%s: no metadata; attempt of %d bytes; dropped %v", name, magnet.meta.size, magnet.drops)
		}
		if honest := contributor(s.peers[3].addr); slices.Contains(magnet.known.banned, honest) {
			t.Errorf("%s: the honest peer was banned", name)
		}
	}
}

// TestPrivateMagnet leaves peers of other sources when the metadata shows that
// the torrent is private. BEP27-PRIV-006
func TestPrivateMagnet(t *testing.T) {
	s, magnet := magnetSwarm(t, metadataInfo(t, 1), 2)
	s.step(magnet, AddPeers{Source: FromTracker, Addrs: addrs(s.peers[0])})
	s.step(magnet, AddPeers{Source: FromDHT, Addrs: addrs(s.peers[1])})
	if !s.run(time.Minute, s.allComplete) {
		t.Fatal("incomplete")
	}
	if !magnet.Layout().Private || magnet.Conns() != 1 || len(magnet.known.addrs) != 1 {
		t.Errorf("private %v, %d connections", magnet.Layout().Private, magnet.Conns())
	}
}
