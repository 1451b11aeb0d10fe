package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	core "github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/tracker"
)

type trackerFlags struct {
	listen   string
	interval time.Duration
	torrents []string
}

func (a *app) trackerCommand() *cobra.Command {
	var f trackerFlags
	cmd := &cobra.Command{
		Use:   "tracker",
		Short: "Run a BitTorrent tracker until it is interrupted",
		Long: `Run a BitTorrent tracker (BEP 3, 7, 15, 23, 24, 31, 41 and 48) over HTTP and UDP
at one port until SIGINT or SIGTERM. It prints how many torrents and peers it has. With
--torrent it serves the torrents that are named alone.`,
		Example: `  p2pspec serve tracker --listen 127.0.0.1:6969
  p2pspec serve tracker --interval 2m --torrent 0123456789abcdef0123456789abcdef01234567`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serveTracker(cmd.Context(), f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.listen, "listen", "127.0.0.1:6969",
		"address to listen on, for HTTP and UDP; port 0 takes a free one")
	fl.DurationVar(&f.interval, "interval", 30*time.Minute, "time between the announces of a peer")
	fl.StringArrayVar(&f.torrents, "torrent", nil,
		"info-hash in hexadecimal digits of a torrent to serve; may be repeated")
	return cmd
}

func (a *app) serveTracker(ctx context.Context, f trackerFlags) error {
	listen, err := parseAddr("--listen", f.listen)
	if err != nil {
		return err
	}
	cfg, err := f.config()
	if err != nil {
		return err
	}
	machine, err := core.NewServer(cfg, 0)
	if err != nil {
		return usagef("serve: %v", err)
	}
	j := &journal{w: a.out, drops: map[string]int{}}
	server, err := tracker.Listen(listen, tracker.ServerConfig{Machine: machine, Observe: j.observe})
	if err != nil {
		return usagef("serve: %v; choose another --listen", err)
	}
	j.printf("tracker listens on %v: http://%v/announce and udp://%v\n", server.Addr(), server.Addr(), server.Addr())
	tick := time.NewTicker(statsEvery)
	defer tick.Stop()
	last := ""
	for {
		select {
		case <-ctx.Done():
		case <-server.Ended():
		case <-tick.C:
			last = j.totals(server.Snapshot(), last)
			continue
		}
		failed := server.Close()
		j.totals(server.Snapshot(), last)
		j.stats(server.Stats())
		return asFault(failed)
	}
}

func (f *trackerFlags) config() (core.ServerConfig, error) {
	cfg := core.ServerConfig{Interval: f.interval}
	for _, text := range f.torrents {
		b, err := hex.DecodeString(text)
		if err != nil || len(b) != len(core.Hash{}) {
			return cfg, usagef("--torrent %q: an info-hash has 40 hexadecimal digits", text)
		}
		cfg.Whitelist = append(cfg.Whitelist, core.Hash(b))
	}
	if _, err := rand.Read(cfg.Seed[:]); err != nil {
		return cfg, &fault{err}
	}
	return cfg, nil
}

// totals prints what the tracker holds if it differs from the last line.
func (j *journal) totals(m spec.Machine, last string) string {
	swarms, peers := m.(*core.Server).Totals()
	line := fmt.Sprintf("%d torrents, %d peers", swarms, peers)
	if line != last {
		j.printf("%s\n", line)
	}
	return line
}
