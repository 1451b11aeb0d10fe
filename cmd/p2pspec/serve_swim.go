package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/gossip/swim"
	"github.com/p2pspec/p2pspec/gossip/wire"
	transportswim "github.com/p2pspec/p2pspec/transport/swim"
)

type swimFlags struct {
	listen, name, label, profile, meta, delegate string
	join, keys                                   []string
	compress                                     bool
}

func (a *app) swimCommand() *cobra.Command {
	var f swimFlags
	cmd := &cobra.Command{
		Use:   "swim",
		Short: "Run a member of a SWIM cluster, as memberlist has them, until it is interrupted",
		Long: `Run a member of a SWIM cluster over UDP and TCP, in the format of memberlist v0.7,
which Consul, Serf and Nomad speak. SIGINT and SIGTERM make it leave and end.

It prints what it sees, a line each, with texts quoted as in Go:

  ready "n1" 127.0.0.1:7946             joined "n2" 127.0.0.2:7946 "metadata"
  updated "n2" 127.0.0.2:7946 "new"     suspected "n2" "n3"    whom, and by whom
  failed "n2" "n1"   whom, and by whom  left "n2"
  refuted 3          its incarnation    conflict "n2" 127.0.0.9:7946
  user "a user message"                 merged "the application's state of another"

Lines on stdin are commands, each answered by "ok COMMAND" or "error COMMAND REASON".
A TEXT in double quotes is read as in Go, so that it can hold any bytes:

  join ADDRESS...     members        meta TEXT              broadcast TEXT, by gossip
  send ADDRESS TEXT, in a packet     stream ADDRESS TEXT    share TEXT, the own state
  leave`,
		Example: `  p2pspec serve swim --name n1 --listen 127.0.0.1:7946
  p2pspec serve swim --name n2 --listen 127.0.0.2:7946 --join 127.0.0.1:7946 --profile local
  p2pspec serve swim --join 127.0.0.1:7946 --label blue --key 00112233445566778899aabbccddeeff`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serveSwim(cmd.Context(), f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.listen, "listen", "127.0.0.1:7946",
		"address to listen on, for UDP and TCP, and to announce; port 0 takes a free one")
	fl.StringVar(&f.name, "name", "p2pspec", "name, which nobody else in the cluster has")
	fl.StringArrayVar(&f.join, "join", nil, "address of a member to join, as IP:PORT; may be repeated")
	fl.StringVar(&f.profile, "profile", "lan",
		"timing of memberlist's default configurations: lan, wan or local")
	fl.StringVar(&f.meta, "meta", "", "metadata")
	fl.StringVar(&f.label, "label", "", "label that the cluster puts on packets and streams")
	fl.StringArrayVar(&f.keys, "key", nil,
		"secret key of the cluster, in hexadecimal digits; the first encrypts; may be repeated")
	fl.BoolVar(&f.compress, "compress", true, "compress what gets shorter by it")
	fl.StringVar(&f.delegate, "delegate", "0-0",
		"versions of the application's protocol to announce; serf, for one, takes in nobody without its own, 2-5")
	return cmd
}

// config reads the flags.
func (f *swimFlags) config() (cfg transportswim.Config, err error) {
	profiles := map[string]func() swim.Config{"lan": swim.LAN, "wan": swim.WAN, "local": swim.Local}
	profile, ok := profiles[f.profile]
	if !ok {
		return cfg, usagef("--profile %q: write lan, wan or local", f.profile)
	}
	cfg.Node = profile()
	cfg.Node.Name = f.name
	if cfg.Node.Meta, err = readText(f.meta); err != nil {
		return cfg, usagef("--meta: %v", err)
	}
	// Protocol 2 of 1 to 5 is what memberlist announces.
	v := wire.Versions{ProtocolMin: 1, ProtocolMax: 5, Protocol: 2}
	if _, err := fmt.Sscanf(f.delegate+"\n", "%d-%d\n", &v.DelegateMin, &v.DelegateMax); err != nil {
		return cfg, usagef("--delegate %q: write MIN-MAX, such as 2-5", f.delegate)
	}
	v.Delegate = v.DelegateMax
	cfg.Node.Versions = v
	if cfg.Listen, err = parseAddr("--listen", f.listen); err != nil {
		return cfg, err
	}
	if _, err = parseAddrs("--join", f.join); err != nil {
		return cfg, err
	}
	cfg.Format = wire.Format{Label: f.label, Compress: f.compress, Version: 1}
	for _, text := range f.keys {
		key, err := hex.DecodeString(text)
		if err != nil {
			return cfg, usagef("--key: %v", err)
		}
		cfg.Format.Keys = append(cfg.Format.Keys, key)
	}
	return cfg, nil
}

func (a *app) serveSwim(ctx context.Context, f swimFlags) error {
	cfg, err := f.config()
	if err != nil {
		return err
	}
	m := newSwimMember(a.out)
	cfg.Observe = m.observe
	if m.Member, err = transportswim.Listen(cfg); err != nil {
		return usagef("serve: %v", err)
	}
	m.printf("ready %q %v\n", f.name, m.LocalAddr())
	if len(f.join) > 0 {
		m.do("join", strings.Join(f.join, " "))
	}
	go m.read(a.in)
	tick := time.NewTicker(statsEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.stats(m.Stats().Datagrams)
		case <-ctx.Done():
			m.leave()
			m.Close()
			m.stats(m.Stats().Datagrams)
			return nil
		}
	}
}
