package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/conformance/broadcast"
	"github.com/p2pspec/p2pspec/conformance/chord"
	"github.com/p2pspec/p2pspec/conformance/kademlia"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
)

func (a *app) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve NODE",
		Short: "Run a reference node on real sockets, for others to test against",
		RunE: func(*cobra.Command, []string) error {
			return usagef("serve: name a node; there are: dht, seeder, leecher, tracker, swim, gnutella, napster, " +
				"chord, kademlia, broadcast, g-set, g-counter, pn-counter, echo, unique-ids, lin-kv")
		},
	}
	var f serveFlags
	dht := &cobra.Command{
		Use:   "dht",
		Short: "Run a node of the Mainline DHT until it is interrupted",
		Long: `Run a node of the Mainline DHT (BEP 5, 32, 33, 42, 43, 44 and 51) on a UDP socket
until SIGINT or SIGTERM. It prints what it does. With --state its id and its
contacts survive a restart.`,
		Example: `  p2pspec serve dht --listen 127.0.0.1:6881
  p2pspec serve dht --listen 127.0.0.1:6882 --bootstrap 127.0.0.1:6881 --state node.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serveDHT(cmd.Context(), f) },
	}
	fl := dht.Flags()
	fl.StringVar(&f.listen, "listen", "127.0.0.1:6881",
		"address to listen on; port 0 takes a free one")
	fl.StringArrayVar(&f.bootstrap, "bootstrap", nil,
		"first contacts, as IP:PORT with blanks between; may be repeated")
	fl.StringVar(&f.state, "state", "", "file that keeps the id and the contacts")
	cmd.AddCommand(dht, a.seederCommand(), a.leecherCommand(), a.trackerCommand(),
		a.swimCommand(), a.serventCommand(), a.napsterCommand(),
		a.overlayCommand("chord", chord.NewNode), a.overlayCommand("kademlia", kademlia.NewNode))
	for _, w := range broadcast.Workloads() {
		cmd.AddCommand(a.overlayCommand(w.Name, w.NewNode))
	}
	return cmd
}

type serveFlags struct {
	listen    string
	bootstrap []string
	state     string
}

// statsEvery is the pause between two lines of counters.
const statsEvery = 10 * time.Second

func (a *app) serveDHT(ctx context.Context, f serveFlags) error {
	listen, bootstrap, err := f.addresses()
	if err != nil {
		return err
	}
	saved, err := loadState(f.state)
	if err != nil {
		return err
	}
	cfg := mainline.Config{ID: saved.ID, Contacts: saved.Contacts, Families: family(listen.Addr())}
	if _, err := rand.Read(cfg.Seed[:]); err != nil {
		return &fault{err}
	}
	node, err := mainline.New(cfg, 0)
	if err != nil {
		return &fault{err}
	}
	j := &journal{w: a.out, drops: map[string]int{}}
	id := node.ID()
	socket, err := transport.ListenUDP(listen, transport.UDPConfig{
		Machine: node, Codec: mainline.Codec{}, Observe: j.observe,
	})
	if err != nil {
		return usagef("serve: %v; choose another --listen", err)
	}
	j.printf("node %v listens on %v\n", id, socket.LocalAddr())
	if len(saved.Contacts) > 0 {
		j.printf("restored %d contacts from %s\n", len(saved.Contacts), f.state)
	}
	if len(bootstrap)+len(saved.Contacts) > 0 {
		if err := socket.Do(mainline.Bootstrap{Op: 1, Nodes: bootstrap}); err != nil {
			return &fault{err}
		}
	}
	return a.serveUntil(ctx, socket, j, f.state)
}

// serveUntil prints counters until the context or the socket ends, and then
// saves the state.
func (a *app) serveUntil(
	ctx context.Context, socket *transport.UDP, j *journal, state string,
) error {
	tick := time.NewTicker(statsEvery)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-ctx.Done():
			running = false
		case <-socket.Ended():
			running = false
		case <-tick.C:
			j.stats(socket.Stats())
		}
	}
	failed := socket.Close()
	j.stats(socket.Stats())
	machine, _ := socket.Snapshot()
	node := machine.(*mainline.Node)
	if state != "" {
		if err := saveState(state, savedState{ID: node.ID(), Contacts: node.Contacts()}); err != nil {
			return &fault{err}
		}
		j.printf("saved %d contacts to %s\n", len(node.Contacts()), state)
	}
	return asFault(failed)
}

func (f *serveFlags) addresses() (listen netip.AddrPort, bootstrap []netip.AddrPort, err error) {
	if listen, err = parseAddr("--listen", f.listen); err != nil {
		return listen, nil, err
	}
	contacts := strings.Fields(strings.Join(f.bootstrap, " "))
	if len(contacts) > mainline.MaxBootstrap {
		return listen, nil, usagef("--bootstrap: %d addresses, and at most %d can be asked at once",
			len(contacts), mainline.MaxBootstrap)
	}
	for _, text := range contacts {
		addr, err := parseAddr("--bootstrap", text)
		if err != nil {
			return listen, nil, err
		}
		bootstrap = append(bootstrap, addr)
	}
	return listen, bootstrap, nil
}

// family is what a socket at the address carries.
func family(addr netip.Addr) mainline.Families {
	switch {
	case addr.Is4():
		return mainline.IPv4
	case addr.IsUnspecified():
		return mainline.IPv4 | mainline.IPv6
	default:
		return mainline.IPv6
	}
}

// journal prints what a node does. Single drops are counted, not printed, so
// that nobody fills a disk by sending nonsense.
type journal struct {
	mu    sync.Mutex
	w     io.Writer
	drops map[string]int // by clause; the clauses are ours, hence few
	last  transport.UDPStats
}

func (j *journal) printf(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	// A reader that went away is no reason to stop serving.
	_, _ = fmt.Fprintf(j.w, format, args...)
}

func (j *journal) observe(now time.Duration, e spec.Effect) {
	at := now.Round(time.Millisecond)
	switch e := e.(type) {
	case spec.Done:
		switch result := e.Result.(type) {
		case mainline.Bootstrapped:
			j.printf("%v bootstrapped: %d contacts\n", at, result.Contacts)
		default:
			j.printf("%v done: %v\n", at, e.Err)
		}
	case spec.Notify:
		if changed, ok := e.Event.(mainline.IDChanged); ok {
			j.printf("%v the id changed to %v: our address is %v\n", at, changed.New, changed.ExternalIP)
		}
	case spec.Drop:
		j.drop(e)
	}
}

func (j *journal) drop(d spec.Drop) {
	j.mu.Lock()
	j.drops[d.Clause]++
	j.mu.Unlock()
}

// stats prints the counters if they changed.
func (j *journal) stats(s transport.UDPStats) {
	j.mu.Lock()
	changed := s != j.last
	j.last = s
	j.mu.Unlock()
	if changed {
		j.printf("received %d messages (%d bytes), sent %d (%d bytes)%s\n",
			s.Received, s.ReceivedBytes, s.Sent, s.SentBytes, j.dropped())
	}
}

// dropped says how many messages were refused, by clause.
func (j *journal) dropped() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var drops []string
	for _, clause := range slices.Sorted(maps.Keys(j.drops)) {
		name := clause
		if name == "" {
			name = "unreadable or unsent"
		}
		drops = append(drops, fmt.Sprintf("%s %d", name, j.drops[clause]))
	}
	if len(drops) == 0 {
		return ""
	}
	return "; dropped: " + strings.Join(drops, ", ")
}
