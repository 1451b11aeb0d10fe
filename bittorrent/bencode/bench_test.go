package bencode_test

import (
	"crypto/sha1"
	"testing"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

// getPeersReply is a reply with eight compact nodes, eight peers and the keys
// that deployed nodes add.
func getPeersReply() []byte {
	peers := make([]any, 8)
	for i := range peers {
		peers[i] = string([]byte{10, 0, 0, byte(i), 0x1a, 0xe1})
	}
	return bencode.MustAppend(nil, map[string]any{
		"ip": "\x7f\x00\x00\x01\x1a\xe1",
		"r": map[string]any{
			"id":     "abcdefghij0123456789",
			"nodes":  make([]byte, 8*26),
			"p":      6881,
			"token":  "aoeusnth",
			"values": peers,
		},
		"t": "aa", "v": "LT\x02\x00", "y": "r",
	})
}

func BenchmarkParseFindNode(b *testing.B) {
	query := []byte(findNode)
	for name, opt := range map[string]bencode.Options{"strict": strict, "lenient": lenient} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(query)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bencode.Parse(query, opt); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseFindNodeAndGet(b *testing.B) {
	query := []byte(findNode)
	b.SetBytes(int64(len(query)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, ok := readFindNode(query, strict); !ok {
			b.Fatal("not read")
		}
	}
}

func BenchmarkParseGetPeersReply(b *testing.B) {
	reply := getPeersReply()
	b.SetBytes(int64(len(reply)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bencode.Parse(reply, strict); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseTorrent(b *testing.B) {
	torrent := torrentFile(1000)
	b.SetBytes(int64(len(torrent)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bencode.Parse(torrent, strict); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseTorrentTokens has no long strings to jump over.
func BenchmarkParseTorrentTokens(b *testing.B) {
	v, err := bencode.Parse(torrentFile(1000), strict)
	if err != nil {
		b.Fatal(err)
	}
	info, _ := v.Get("info")
	files, _ := info.Get("files")
	b.SetBytes(int64(len(files.Raw())))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bencode.Parse(files.Raw(), strict); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInfoHash(b *testing.B) {
	torrent := torrentFile(1000)
	b.SetBytes(int64(len(torrent)))
	b.ReportAllocs()
	for b.Loop() {
		v, _ := bencode.Parse(torrent, strict)
		info, _ := v.Get("info")
		sha1.Sum(info.Raw())
	}
}

func BenchmarkAppendFindNode(b *testing.B) {
	buf := make([]byte, 0, 256)
	b.SetBytes(int64(len(findNode)))
	b.ReportAllocs()
	for b.Loop() {
		appendFindNode(buf)
	}
}

func BenchmarkAppendAnyFindNode(b *testing.B) {
	v, err := bencode.Parse([]byte(findNode), strict)
	if err != nil {
		b.Fatal(err)
	}
	query := v.Any()
	buf := make([]byte, 0, 256)
	b.SetBytes(int64(len(findNode)))
	b.ReportAllocs()
	for b.Loop() {
		bencode.MustAppend(buf, query)
	}
}
