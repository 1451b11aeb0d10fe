package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/mse"
	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/torrent"
)

// torrentFlags say how a torrent is shared.
type torrentFlags struct {
	dir, listen, encryption   string
	trackers, peers, contacts []string
	dht                       bool
}

func (f *torrentFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.dir, "dir", ".", "folder in which the torrent's files lie")
	fl.StringVar(&f.listen, "listen", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	fl.StringArrayVar(&f.trackers, "tracker", nil,
		"tracker's URL, beside those of the torrent; may be repeated")
	fl.StringArrayVar(&f.peers, "peer", nil, "address of a peer, as IP:PORT; may be repeated")
	fl.StringVar(&f.encryption, "encryption", "allow",
		"off, allow (plain streams to others, both from them), prefer or require")
	fl.BoolVar(&f.dht, "dht", true, "take part in the DHT, unless the torrent is private")
	fl.StringArrayVar(&f.contacts, "bootstrap", nil,
		"first contact in the DHT, as IP:PORT; may be repeated")
}

// config reads the flags and the torrent that they are about.
func (f *torrentFlags) config(source string) (cfg torrent.Config, err error) {
	cfg = torrent.Config{Dir: f.dir, Trackers: f.trackers, DHT: f.dht}
	if cfg.Torrent, cfg.Magnet, err = readTorrent(source); err != nil {
		return cfg, err
	}
	if cfg.Listen, err = parseAddr("--listen", f.listen); err != nil {
		return cfg, err
	}
	if cfg.Peers, err = parseAddrs("--peer", f.peers); err != nil {
		return cfg, err
	}
	if cfg.Bootstrap, err = parseAddrs("--bootstrap", f.contacts); err != nil {
		return cfg, err
	}
	policy, ok := map[string]mse.Policy{
		"off": mse.Disabled, "allow": mse.Allowed, "prefer": mse.Preferred, "require": mse.Required,
	}[f.encryption]
	if !ok {
		return cfg, usagef("--encryption %q: write off, allow, prefer or require", f.encryption)
	}
	cfg.Encryption = policy
	return cfg, nil
}

func parseAddrs(flag string, texts []string) (addrs []netip.AddrPort, err error) {
	for _, text := range texts {
		addr, err := parseAddr(flag, text)
		if err != nil {
			return nil, err
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

// maxTorrent bounds the torrent files that are read, in bytes.
const maxTorrent = 64 << 20

// readTorrent reads a torrent file or a magnet link.
func readTorrent(source string) (*metainfo.Torrent, *metainfo.Magnet, error) {
	if strings.HasPrefix(strings.ToLower(source), "magnet:") {
		m, err := metainfo.ParseMagnet(source)
		if err != nil {
			return nil, nil, usagef("the magnet link: %v", err)
		}
		return nil, m, nil
	}
	file, err := os.Open(source)
	if err != nil {
		return nil, nil, usagef("the torrent: %v", err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxTorrent+1))
	if err != nil {
		return nil, nil, &fault{err}
	}
	if len(b) > maxTorrent {
		return nil, nil, usagef("%s has more than %d bytes", source, maxTorrent)
	}
	t, err := metainfo.Parse(b, metainfo.Options{Lenient: true})
	if err != nil {
		return nil, nil, usagef("%s: %v", source, err)
	}
	return t, nil, nil
}

func (a *app) seederCommand() *cobra.Command {
	var f torrentFlags
	cmd := &cobra.Command{
		Use:   "seeder TORRENT",
		Short: "Seed a torrent whose content is there",
		Long: `Seed a torrent whose content is in --dir until SIGINT or SIGTERM. The files are
checked first, and are not written to.`,
		Example: `  p2pspec serve seeder x.torrent --dir ./content --listen 127.0.0.1:6881
  p2pspec serve seeder x.torrent --dir ./content --tracker http://127.0.0.1:6969/announce`,
		Args: oneTorrent,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := f.config(args[0])
			if err != nil {
				return err
			}
			if cfg.Torrent == nil {
				return usagef("serve seeder: a magnet link does not say what the content is; give the torrent")
			}
			return a.seed(cmd.Context(), cfg)
		},
	}
	f.add(cmd)
	return cmd
}

// oneTorrent is the rule for the arguments of seeder and leecher.
func oneTorrent(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("%s: give one torrent; see `%s --help`", cmd.Name(), cmd.CommandPath())
	}
	return nil
}

func (a *app) seed(ctx context.Context, cfg torrent.Config) error {
	cfg.UploadOnly = true
	story := &story{w: a.out}
	incomplete := make(chan torrent.Ready, 1)
	cfg.Observe = func(e spec.Event) {
		story.observe(e)
		if r, ok := e.(torrent.Ready); ok && int(r.Held) < r.Info.Pieces() {
			incomplete <- r
		}
	}
	t, err := torrent.Start(cfg)
	if err != nil {
		return usagef("serve: %v; choose another --listen", err)
	}
	defer story.end()
	defer t.Close()
	story.printf("%s listens on %v\n", cfg.Torrent.Info.Name, t.LocalAddr())
	tick := time.NewTicker(statsEvery)
	defer tick.Stop()
	var last torrent.Status
	for {
		select {
		case <-ctx.Done():
			t.Close()
			return nil
		case <-t.Failed():
			return &fault{t.Err()}
		case r := <-incomplete:
			return usagef("%s has %d of the torrent's %d pieces; a seeder needs all of them",
				cfg.Dir, r.Held, r.Info.Pieces())
		case <-tick.C:
			if s := t.Status(); s.Sent != last.Sent || s.Conns != last.Conns {
				story.printf("%d streams, sent %s\n", s.Conns, size(s.Sent))
				last = s
			}
		}
	}
}

// story prints what happens to a torrent, for a person to follow.
type story struct {
	mu     sync.Mutex
	w      io.Writer
	others int // peers that a tracker named last; of the tracker's goroutine

	refused map[string]int // by clause; the clauses are ours, hence few
}

// refuse counts what peers sent and should not have. It is not printed one by
// one, so that nobody fills a disk by sending nonsense.
func (s *story) refuse(clause string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused == nil {
		s.refused = make(map[string]int)
	}
	if clause == "" {
		clause = "unsent"
	}
	s.refused[clause]++
}

// end prints what was refused.
func (s *story) end() {
	s.mu.Lock()
	var counts []string
	for _, clause := range slices.Sorted(maps.Keys(s.refused)) {
		counts = append(counts, fmt.Sprintf("%s %d", clause, s.refused[clause]))
	}
	s.mu.Unlock()
	if len(counts) > 0 {
		s.printf("refused: %s\n", strings.Join(counts, ", "))
	}
}

func (s *story) printf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A reader that went away is no reason to stop sharing.
	_, _ = fmt.Fprintf(s.w, format, args...)
}

func (s *story) observe(e spec.Event) {
	switch e := e.(type) {
	case torrent.Refused:
		s.refuse(e.Clause)
	case torrent.Ready:
		s.printf("%s: %d of %d pieces are there, %s\n", e.Info.Name, e.Held, e.Info.Pieces(),
			size(uint64(e.Info.ContentLength())))
	case torrent.NoDHT:
		s.printf("without the DHT: %v\n", e.Err)
	case tracker.Failed:
		s.printf("tracker %s: %v\n", e.Tracker, e.Err)
	case tracker.Announced:
		if n := len(e.Response.Peers); n != s.others {
			s.others = n
			s.printf("tracker %s knows %d other peers\n", e.Tracker, n)
		}
	case bittorrent.PeerBanned:
		s.printf("%v is banned: %v\n", e.Addr, e.Reason)
	case bittorrent.PieceFailed:
		s.printf("piece %d did not have its hash\n", e.Piece)
	}
}

// size is a number of bytes as people read it.
func size(n uint64) string {
	const units = "KMGTPE"
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	i, v := 0, float64(n)/(1<<10)
	for ; v >= 1<<10 && i < len(units)-1; i++ {
		v /= 1 << 10
	}
	return fmt.Sprintf("%.1f %ciB", v, units[i])
}
