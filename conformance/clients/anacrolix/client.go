package main

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/anacrolix/dht/v2"
	"github.com/anacrolix/dht/v2/bep44"
	"github.com/anacrolix/dht/v2/exts/getput"
	"github.com/anacrolix/dht/v2/krpc"
	"github.com/anacrolix/dht/v2/traversal"
	"github.com/anacrolix/torrent/bencode"
	"golang.org/x/time/rate"
)

var capabilities = []string{
	"bootstrap", "get_peers", "announce", "get", "put", "put_mutable", "sample",
	"read_only", "ipv6", "restart",
}

// lookupLimit ends a command whose lookup does not end by itself.
const lookupLimit = time.Minute

// nodesFile keeps the routing table between two starts with the same folder.
const nodesFile = "nodes"

// client is the DHT as anacrolix/torrent runs it: one server an address, with
// its table maintained.
type client struct {
	dir     string
	servers []*dht.Server
	starts  []dht.Addr
}

// arguments holds the fields of every command; byte strings are in hex.
type arguments struct {
	IP          string   `json:"ip"`
	Port        int      `json:"port"`
	Bootstrap   []string `json:"bootstrap"`
	Dir         string   `json:"dir"`
	ReadOnly    bool     `json:"read_only"`
	IPv6        bool     `json:"ipv6"`
	Addr        string   `json:"addr"`
	InfoHash    string   `json:"info_hash"`
	ImpliedPort bool     `json:"implied_port"`
	Seed        bool     `json:"seed"`
	Target      string   `json:"target"`
	V           string   `json:"v"`
	Secret      string   `json:"secret"`
	Salt        string   `json:"salt"`
	Seq         int64    `json:"seq"`
	Cas         int64    `json:"cas"`
}

func (c *client) run(verb string, line []byte) (map[string]any, error) {
	var env struct {
		Body arguments `json:"body"`
	}
	if err := json.Unmarshal(line, &env); err != nil {
		return nil, refuse(malformed, "%s: %v", verb, err)
	}
	a := env.Body
	handlers := map[string]func(arguments) (map[string]any, error){
		"hello": c.hello, "start": c.start, "bootstrap": c.bootstrap, "get_peers": c.getPeers,
		"announce": c.announce, "get": c.get, "put": c.put, "put_mutable": c.putMutable,
		"sample": c.sample,
	}
	handler, ok := handlers[verb]
	switch {
	case !ok:
		return nil, refuse(notSupported, "unknown command %s", verb)
	case c.servers == nil && verb != "hello" && verb != "start":
		return nil, refuse(unavailable, "%s before start", verb)
	}
	return handler(a)
}

func (c *client) hello(arguments) (map[string]any, error) {
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/anacrolix/dht/v2" {
				version = m.Version
			}
		}
	}
	return map[string]any{"name": "anacrolix", "version": version, "capabilities": capabilities}, nil
}

func (c *client) start(a arguments) (map[string]any, error) {
	if c.servers != nil {
		return nil, refuse(malformed, "already started")
	}
	c.dir = a.Dir
	for _, b := range a.Bootstrap {
		to, err := udpAddr(b)
		if err != nil {
			return nil, err
		}
		c.starts = append(c.starts, dht.NewAddr(to))
	}
	first, err := c.listen(net.JoinHostPort(a.IP, strconv.Itoa(a.Port)), a.ReadOnly)
	if err != nil {
		return nil, err
	}
	reply := map[string]any{"addr": first}
	if a.IPv6 {
		if reply["addr6"], err = c.listen(net.JoinHostPort("::1", strconv.Itoa(a.Port)), a.ReadOnly); err != nil {
			return nil, err
		}
	}
	return reply, nil
}

// listen starts one server with the settings of anacrolix/torrent, except that
// its send limit would make it fall silent under a suite.
func (c *client) listen(at string, readOnly bool) (string, error) {
	conn, err := net.ListenPacket("udp", at)
	if err != nil {
		return "", refuse(unavailable, "%v", err)
	}
	cfg := dht.NewDefaultServerConfig()
	cfg.Conn = conn
	cfg.NoSecurity = false
	cfg.Passive = readOnly
	cfg.PeerStore = &peerStore{}
	cfg.SendLimiter = rate.NewLimiter(rate.Inf, 0)
	cfg.StartingNodes = func() ([]dht.Addr, error) { return c.starts, nil }
	s, err := dht.NewServer(cfg)
	if err != nil {
		return "", refuse(unavailable, "%v", err)
	}
	if _, err := s.AddNodesFromFile(c.file()); err != nil && !os.IsNotExist(err) {
		return "", err
	}
	go s.TableMaintainer()
	c.servers = append(c.servers, s)
	return s.Addr().String(), nil
}

func (c *client) bootstrap(a arguments) (map[string]any, error) {
	to, err := udpAddr(a.Addr)
	if err != nil {
		return nil, err
	}
	s := c.servers[0]
	if to.IP.To4() == nil {
		s = c.servers[len(c.servers)-1]
	}
	return nil, s.AddNode(krpc.NodeInfo{Addr: krpc.NodeAddr{IP: to.IP, Port: to.Port}})
}

func (c *client) getPeers(a arguments) (map[string]any, error) {
	peers, err := c.lookup(a.InfoHash)
	return map[string]any{"peers": peers}, err
}

func (c *client) announce(a arguments) (map[string]any, error) {
	if a.Seed {
		return nil, refuse(notSupported, "anacrolix/dht does not announce seeds")
	}
	_, err := c.lookup(a.InfoHash, dht.AnnouncePeer(dht.AnnouncePeerOpts{
		Port: a.Port, ImpliedPort: a.ImpliedPort,
	}))
	return nil, err
}

// lookup runs on every server in turn until it ends or has no node to ask.
func (c *client) lookup(infoHash string, opts ...dht.AnnounceOpt) ([]string, error) {
	hash, err := id(infoHash)
	if err != nil {
		return nil, err
	}
	peers := []string{}
	seen := map[string]bool{}
	for _, s := range c.servers {
		a, err := s.AnnounceTraversal(hash, opts...)
		if err != nil {
			fmt.Fprintln(os.Stderr, "lookup:", err) // "no initial nodes"
			continue
		}
		for values := range a.Peers {
			for _, p := range values.Peers {
				if text := p.String(); !seen[text] {
					seen[text] = true
					peers = append(peers, text)
				}
			}
		}
		<-a.Finished()
	}
	return peers, nil
}

func (c *client) get(a arguments) (map[string]any, error) {
	target, err := id(a.Target)
	if err != nil {
		return nil, err
	}
	salt, err := hex.DecodeString(a.Salt)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupLimit)
	defer cancel()
	var found getput.GetResult
	err = settled(func() (stats *traversal.Stats, err error) {
		found, stats, err = getput.Get(ctx, target, c.servers[0], nil, salt)
		return stats, err
	})
	if err != nil {
		return nil, refuse(noSuchKey, "%v", err)
	}
	reply := map[string]any{"v": hex.EncodeToString(found.V)}
	if found.Mutable {
		reply["seq"] = found.Seq
		reply["sig"] = hex.EncodeToString(found.Sig[:])
	}
	return reply, nil
}

func (c *client) put(a arguments) (map[string]any, error) {
	v, err := hex.DecodeString(a.V)
	if err != nil {
		return nil, err
	}
	return c.store(bep44.Put{V: bencode.Bytes(v)}, func(put *bep44.Put) {})
}

func (c *client) putMutable(a arguments) (map[string]any, error) {
	v, err := hex.DecodeString(a.V)
	if err != nil {
		return nil, err
	}
	seed, err := hex.DecodeString(a.Secret)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, refuse(malformed, "secret is not %d bytes in hex", ed25519.SeedSize)
	}
	salt, err := hex.DecodeString(a.Salt)
	if err != nil {
		return nil, err
	}
	secret := ed25519.NewKeyFromSeed(seed)
	public := [32]byte(secret.Public().(ed25519.PublicKey))
	put := bep44.Put{V: bencode.Bytes(v), K: &public, Salt: salt, Seq: a.Seq, Cas: a.Cas}
	return c.store(put, func(put *bep44.Put) { put.Sign(secret) })
}

func (c *client) store(put bep44.Put, sign func(*bep44.Put)) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupLimit)
	defer cancel()
	target := put.Target()
	err := settled(func() (*traversal.Stats, error) {
		return getput.Put(ctx, target, c.servers[0], put.Salt, func(int64) bep44.Put {
			sign(&put)
			return put
		})
	})
	return map[string]any{"target": hex.EncodeToString(target[:])}, err
}

// settled begins a traversal again that ended before any node could answer. It
// counts as stalled until its first nodes are added, which getput does only
// after it was begun, and now and then getput sees that.
func settled(traverse func() (*traversal.Stats, error)) (err error) {
	for range 8 {
		var stats *traversal.Stats
		began := time.Now()
		stats, err = traverse()
		if stats == nil || stats.NumResponses > 0 || time.Since(began) > tooSoon {
			break
		}
	}
	return err
}

// tooSoon is less than any node takes that does not answer.
const tooSoon = 100 * time.Millisecond

func (c *client) sample(a arguments) (map[string]any, error) {
	to, err := udpAddr(a.Addr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupLimit)
	defer cancel()
	query := dht.QueryInput{MsgArgs: krpc.MsgArgs{Target: krpc.RandomNodeID()}}
	res := c.servers[0].Query(ctx, dht.NewAddr(to), "sample_infohashes", query)
	if err := res.ToError(); err != nil {
		return nil, refuse(noSuchKey, "%v", err)
	}
	r := res.Reply.R
	reply := map[string]any{"samples": []string{}, "num": r.Num, "interval": r.Interval}
	if r.Samples != nil {
		hashes := make([]string, len(*r.Samples))
		for k, h := range *r.Samples {
			hashes[k] = hex.EncodeToString(h[:])
		}
		reply["samples"] = hashes
	}
	return reply, nil
}

// stop saves the routing table.
func (c *client) stop() error {
	if c.servers == nil {
		return nil
	}
	err := dht.WriteNodesToFile(c.servers[0].Nodes(), c.file())
	for _, s := range c.servers {
		s.Close()
	}
	return err
}

func (c *client) file() string { return filepath.Join(c.dir, nodesFile) }

func udpAddr(text string) (*net.UDPAddr, error) {
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return nil, refuse(malformed, "%v", err)
	}
	return net.UDPAddrFromAddrPort(at), nil
}

func id(text string) (h [20]byte, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(h) {
		return h, refuse(malformed, "%q is not %d bytes in hex", text, len(h))
	}
	return [20]byte(raw), nil
}
