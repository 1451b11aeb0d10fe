package conformance

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/transport/stdio"
)

// CommandTarget is a program that we start from a command line, whose words in
// braces are filled in as docs/adapter.md says. It cannot be commanded once it
// runs.
type CommandTarget struct {
	Name, Version string
	Argv          []string
	Sources       *Sources
	IP            netip.Addr    // where the program is told to listen; zero is 127.0.0.1
	Ready         time.Duration // how long it may take to answer; zero is DefaultReady
	Roles         []Role        // that it is judged in; none leaves that to the command line
	Peers         PeerSource    // of a leecher; empty leaves that to the command line
	Lacks         []Need        // what the program cannot meet, whatever the command line says
}

// DefaultReady is how long a program may take until it answers its first probe.
const DefaultReady = 20 * time.Second

// Identity names the program.
func (c *CommandTarget) Identity() Identity {
	return Identity{Name: c.Name, Version: c.Version, How: "exec"}
}

// PerCase is false: starting a program has a cost.
func (c *CommandTarget) PerCase() bool { return false }

// Learns is how its leecher finds peers: as Peers says, or else by {peer} where
// the command line has that.
func (c *CommandTarget) Learns() PeerSource {
	switch {
	case c.Peers != "":
		return c.Peers
	case c.has("{peer}"):
		return FromCommand
	default:
		return FromTracker
	}
}

// Plays says which roles the command line has the words for.
func (c *CommandTarget) Plays(r Role) (bool, string) {
	if len(c.Roles) > 0 && !slices.Contains(c.Roles, r) {
		return false, "the target is not judged as a " + string(r)
	}
	content := c.has("{torrent}") || c.has("{magnet}")
	switch r {
	case Seeder:
		return c.lacksNone("{torrent}", "{dir}", "{port}")
	case Leecher:
		if !content {
			return false, "the command line has neither {torrent} nor {magnet}"
		}
		return c.lacksNone("{dir}")
	case Parser:
		if !content {
			return false, "the command line has neither {torrent} nor {magnet}"
		}
		return !c.has("{dir}") && !c.has("{port}"), "a command line with {dir} or {port} is a peer's"
	case Tracker:
		return c.has("{port}") && !content, "the command line is not a tracker's: that has {port}, and no {torrent}"
	case Member:
		return false, "a member speaks on stdin and stdout: its command line has no {port}, {torrent} or {magnet}"
	default:
		return c.lacksNone("{port}")
	}
}

func (c *CommandTarget) lacksNone(words ...string) (bool, string) {
	for _, w := range words {
		if !c.has(w) {
			return false, "the command line has no " + w
		}
	}
	return true, ""
}

// Can says what the command line leaves room for.
func (c *CommandTarget) Can(n Need) (bool, string) {
	switch {
	case slices.Contains(c.Lacks, n):
		return false, "the client is described as one without " + string(n)
	case n == NeedFresh, n == NeedV2:
		return true, ""
	case n == NeedBootstrap:
		return c.has("{bootstrap}") || c.has("{peer}"), "the command line has neither {bootstrap} nor {peer}"
	case n == NeedRestart, n == NeedFiles:
		return c.lacksNone("{dir}")
	case n == NeedMagnet:
		return c.lacksNone("{magnet}")
	case n == NeedEncryption:
		return c.lacksNone("{encryption}")
	case n == NeedMaxPeers:
		return c.lacksNone("{max_peers}")
	case n == NeedLabel:
		return c.lacksNone("{label}")
	case n == NeedKey:
		return c.lacksNone("{key}")
	case n == NeedAddresses:
		return c.Sources.Many()
	case n == NeedNeighbours:
		return c.Sources.Near()
	case n == NeedClock:
		return false, "the case waits for minutes: add --slow"
	case n == NeedVerb(parse):
		ok, _ := c.Plays(Parser)
		return ok, "the command line is not a parser's"
	case n.verb() != "":
		return false, "a plain command cannot be told to " + n.verb() + ": write an adapter"
	default:
		return false, "a plain command listens on one address"
	}
}

func (c *CommandTarget) has(word string) bool {
	return strings.Contains(strings.Join(c.Argv, "\x00"), word)
}

// Network opens real sockets.
func (c *CommandTarget) Network() (Network, error) { return NewSocketNetwork(c.Sources), nil }

// Start runs the program, which has yet to get ready.
func (c *CommandTarget) Start(_ context.Context, n Network, opt StartOptions) (Instance, error) {
	if opt.Role == Parser {
		return &parserInstance{target: c, wake: n.Wake}, nil
	}
	w, err := newWorkplace(opt)
	if err != nil {
		return nil, err
	}
	at, err := freePort(c.IP)
	if err != nil {
		w.remove()
		return nil, err
	}
	p, _, _, err := stdio.Start(c.fill(at, opt, w), stdio.ProcessOptions{Ended: n.Wake})
	if err != nil {
		w.remove()
		return nil, err
	}
	ready := c.Ready
	if ready == 0 {
		ready = DefaultReady
	}
	return &commandInstance{process: p, addr: at, workplace: w, ready: ready, mayEnd: opt.Role == Leecher}, nil
}

// fill replaces the words in braces. A word of the command line that is nothing
// but {torrent} or {magnet} is left out when there is none.
func (c *CommandTarget) fill(at netip.AddrPort, opt StartOptions, w *workplace) []string {
	tracker, maxPeers := "", ""
	if len(opt.Trackers) > 0 {
		tracker = opt.Trackers[0]
	}
	if opt.MaxPeers > 0 {
		maxPeers = strconv.Itoa(opt.MaxPeers)
	}
	r := strings.NewReplacer("{ip}", at.Addr().String(), "{port}", strconv.Itoa(int(at.Port())),
		"{bootstrap}", spaced(opt.Bootstrap), "{dir}", w.dir,
		"{torrent}", w.torrent, "{magnet}", opt.Magnet, "{tracker}", tracker, "{peer}", spaced(opt.Peers),
		"{infohash}", strings.Join(opt.InfoHashes, " "), "{encryption}", string(opt.Encryption),
		"{max_peers}", maxPeers, "{label}", opt.Label, "{key}", hex.EncodeToString(opt.Key))
	var argv []string
	for _, word := range c.Argv {
		if word == "{torrent}" && w.torrent == "" || word == "{magnet}" && opt.Magnet == "" {
			continue
		}
		argv = append(argv, r.Replace(word))
	}
	return argv
}

func spaced(addrs []netip.AddrPort) string { return strings.Join(texts(addrs), " ") }

func texts(addrs []netip.AddrPort) []string {
	s := make([]string, len(addrs))
	for i, a := range addrs {
		s[i] = a.String()
	}
	return s
}

type commandInstance struct {
	*workplace
	process *stdio.Process
	addr    netip.AddrPort
	ready   time.Duration
	mayEnd  bool // in good order, by itself
}

// warmUp is how long the program may take to answer its first probe.
func (i *commandInstance) warmUp() (time.Duration, string) {
	return i.ready, i.process.LastWords()
}

func (i *commandInstance) Addr() netip.AddrPort         { return i.addr }
func (i *commandInstance) Addr6() netip.AddrPort        { return netip.AddrPort{} }
func (i *commandInstance) Do(Command) (*Pending, error) { return nil, ErrUnsupported }

func (i *commandInstance) Exited() error {
	if i.Finished() {
		return nil
	}
	return i.process.Err()
}

// Finished tells a leecher's own end with exit status 0 from a crash.
func (i *commandInstance) Finished() bool { return i.mayEnd && i.process.Succeeded() }

// Quit asks the program to end.
func (i *commandInstance) Quit() error {
	i.process.Quit()
	return nil
}

func (i *commandInstance) Stop() error {
	defer i.workplace.remove()
	if err := i.process.Stop(); err != nil {
		return fmt.Errorf("stopping the program: %w", err)
	}
	return nil
}
