package conformance

import (
	"context"
	"errors"
	"fmt"
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
func (c *CommandTarget) Network() (Network, error) { return NewUDPNetwork(c.Sources), nil }

// Start runs the program and waits until it answers the probe.
func (c *CommandTarget) Start(ctx context.Context, n Network, opt StartOptions) (Instance, error) {
	if opt.Probe == nil {
		return nil, errors.New("the suite has no probe that tells when a program is ready")
	}
	dir, made, err := stateDir(opt.Dir)
	if err != nil {
		return nil, err
	}
	at, err := freePort(c.IP)
	if err != nil {
		return nil, err
	}
	p, _, _, err := startProcess(c.fill(at, opt.Bootstrap, dir), dir, nil, false)
	if err != nil {
		made.remove()
		return nil, err
	}
	inst := &commandInstance{process: p, addr: at, dir: made}
	if err := c.await(ctx, n, inst, opt.Probe); err != nil {
		return nil, errors.Join(err, inst.Stop())
	}
	return inst, nil
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

// probeEvery is the pause between two probes of a program that is starting.
const probeEvery = 200 * time.Millisecond

func (c *CommandTarget) await(ctx context.Context, n Network, inst *commandInstance, probe *Probe) error {
	ready := c.Ready
	if ready == 0 {
		ready = DefaultReady
	}
	from, err := n.Open(netip.AddrPort{})
	if err != nil {
		return err
	}
	defer n.Close(from)
	for limit := n.Now() + ready; n.Now() < limit; {
		if err := inst.Exited(); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := n.Send(from, inst.addr, probe.Payload); err != nil {
			return err
		}
		for again := n.Now() + probeEvery; n.Now() < again; {
			if d, ok := n.Recv(again); ok && d.From == inst.addr && probe.Answers(d.Data) {
				return nil
			}
		}
	}
	return fmt.Errorf("no answer within %v%s", ready, inst.process.words.quoted())
}

type commandInstance struct {
	process *process
	addr    netip.AddrPort
	dir     tempDir
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
