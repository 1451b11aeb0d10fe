package conformance

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// CommandTarget is a program that we start from a command line. The words
// {ip}, {port}, {bootstrap} and {dir} in it are filled in; it cannot be
// commanded once it runs.
type CommandTarget struct {
	Name, Version string
	Argv          []string
	Sources       *Sources
	IP            netip.Addr    // where the program is told to listen; zero is 127.0.0.1
	Ready         time.Duration // how long it may take to answer; zero is DefaultReady
}

// DefaultReady is how long a program may take until it answers its first probe.
const DefaultReady = 20 * time.Second

// Identity names the program.
func (c *CommandTarget) Identity() Identity {
	return Identity{Name: c.Name, Version: c.Version, How: "exec"}
}

// PerCase is false: starting a program has a cost.
func (c *CommandTarget) PerCase() bool { return false }

// Can says what the command line leaves room for.
func (c *CommandTarget) Can(n Need) (bool, string) {
	switch {
	case n == NeedFresh:
		return true, ""
	case n == NeedBootstrap:
		return c.has("{bootstrap}"), "the command line has no {bootstrap}"
	case n == NeedRestart:
		return c.has("{dir}"), "the command line has no {dir}"
	case n == NeedAddresses:
		return c.Sources.Many()
	case n == NeedClock:
		return false, "the case waits for minutes: add --slow"
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
func (c *CommandTarget) Start(_ context.Context, _ Network, opt StartOptions) (Instance, error) {
	dir, made, err := stateDir(opt.Dir)
	if err != nil {
		return nil, err
	}
	at, err := freePort(c.IP)
	if err != nil {
		return nil, err
	}
	p, _, _, err := startProcess(c.fill(at, opt.Bootstrap, dir), "", false)
	if err != nil {
		made.remove()
		return nil, err
	}
	ready := c.Ready
	if ready == 0 {
		ready = DefaultReady
	}
	return &commandInstance{process: p, addr: at, dir: made, ready: ready}, nil
}

func (c *CommandTarget) fill(at netip.AddrPort, bootstrap []netip.AddrPort, dir string) []string {
	boot := make([]string, len(bootstrap))
	for i, b := range bootstrap {
		boot[i] = b.String()
	}
	r := strings.NewReplacer("{ip}", at.Addr().String(), "{port}", strconv.Itoa(int(at.Port())),
		"{bootstrap}", strings.Join(boot, " "), "{dir}", dir)
	argv := make([]string, len(c.Argv))
	for i, word := range c.Argv {
		argv[i] = r.Replace(word)
	}
	return argv
}

type commandInstance struct {
	process *process
	addr    netip.AddrPort
	dir     tempDir
	ready   time.Duration
}

// warmUp is how long the program may take to answer its first probe.
func (i *commandInstance) warmUp() (time.Duration, string) {
	return i.ready, i.process.words.quoted()
}

func (i *commandInstance) Addr() netip.AddrPort         { return i.addr }
func (i *commandInstance) Addr6() netip.AddrPort        { return netip.AddrPort{} }
func (i *commandInstance) Do(Command) (*Pending, error) { return nil, ErrUnsupported }
func (i *commandInstance) Exited() error                { return i.process.exited() }

func (i *commandInstance) Stop() error {
	defer i.dir.remove()
	return i.process.stop()
}

// tempDir is a state folder that we made, or "" for one that we were given.
type tempDir string

func (d tempDir) remove() {
	if d != "" {
		_ = os.RemoveAll(string(d)) // a left-over folder harms nobody
	}
}

func stateDir(given string) (dir string, made tempDir, err error) {
	if given != "" {
		return given, "", nil
	}
	dir, err = os.MkdirTemp("", "p2pspec-target-")
	return dir, tempDir(dir), err
}

// freePort finds a UDP port that is free now. The program binds it a moment
// later; should another take it meanwhile, the start fails and says so.
func freePort(ip netip.Addr) (netip.AddrPort, error) {
	if !ip.IsValid() {
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer c.Close()
	return netip.AddrPortFrom(ip, c.LocalAddr().(*net.UDPAddr).AddrPort().Port()), nil
}
