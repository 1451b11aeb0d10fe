package main

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/clients"
	"github.com/p2pspec/p2pspec/conformance/dht"
)

// targetFlags say who is judged.
type targetFlags struct {
	target, exec, client string
	allowRemote          bool
}

func (f *targetFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.target, "target", "", "address of a running client, as IP:PORT")
	fl.StringVar(&f.exec, "exec", "",
		"command that starts a client; {ip} {port} {bootstrap} {dir} are filled in.\n"+
			"Without {port} it speaks the adapter protocol on stdin and stdout")
	fl.BoolVar(&f.allowRemote, "allow-remote", false,
		"allow a --target that is not on this machine: only with its owner's consent")
	fl.StringVar(&f.client, "client", "", "described client: "+strings.Join(clients.Names(), ", ")+
		",\nor a file that ends in .toml")
}

// words are the flags as a command line has them.
func (f *targetFlags) words() []string {
	var w []string
	switch {
	case f.target != "":
		w = append(w, "--target", f.target)
	case f.exec != "":
		w = append(w, "--exec", f.exec)
	case f.client != "":
		w = append(w, "--client", f.client)
	}
	if f.allowRemote {
		w = append(w, "--allow-remote")
	}
	return w
}

// open returns the target. One that cannot be started is still a target: the
// run then ends as unreachable, with a report.
func (f *targetFlags) open(ctx context.Context, family string) (conformance.Target, error) {
	switch {
	case f.target != "" && f.exec+f.client != "", f.exec != "" && f.client != "":
		return nil, usagef("a run has one target: give one of --target, --exec and --client")
	case f.target != "":
		return f.live()
	case f.exec != "":
		return f.command(ctx, family)
	case f.client != "":
		return f.described(ctx, family)
	default:
		return reference()
	}
}

// reference is the built-in node.
func reference() (conformance.Target, error) {
	sources, err := conformance.SourcesToward(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	if err != nil {
		return nil, &fault{err}
	}
	return dht.Reference{Loopback: dht.Loopback{Sources: sources}}, nil
}

func (f *targetFlags) live() (conformance.Target, error) {
	addr, err := parseAddr("--target", f.target)
	if err != nil {
		return nil, err
	}
	if !addr.Addr().Is4() {
		return nil, usagef("--target %v: a running client is judged at its IPv4 address; what it does "+
			"over IPv6 is judged with --exec or --client", addr)
	}
	if !addr.Addr().IsLoopback() && !f.allowRemote {
		return nil, usagef("--target %v is not on this machine: add --allow-remote if its owner "+
			"agrees to being tested", addr)
	}
	sources, err := conformance.SourcesToward(addr.Addr())
	if err != nil {
		id := conformance.Identity{Name: addr.String(), How: "live", Address: addr.String()}
		return absent{id, err}, nil
	}
	return conformance.NewLiveTarget(addr, sources), nil
}

// parseAddr reads IP:PORT; "localhost" is 127.0.0.1. Other names are refused:
// a suite must not depend on what a resolver says today.
func parseAddr(flag, text string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return netip.AddrPort{}, usagef("%s %q: write IP:PORT, such as 127.0.0.1:6881", flag, text)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, usagef("%s %q: %q is not an IP address; names are not looked up",
			flag, text, host)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, usagef("%s %q: the port is a number up to 65535", flag, text)
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(n)), nil
}

func (f *targetFlags) command(ctx context.Context, family string) (conformance.Target, error) {
	argv, err := splitWords(f.exec)
	if err != nil {
		return nil, err
	}
	id := conformance.Identity{Name: filepath.Base(argv[0]), How: "exec"}
	sources, err := conformance.SourcesToward(loopback())
	if err != nil {
		return absent{id, err}, nil
	}
	if strings.Contains(f.exec, "{port}") {
		return &conformance.CommandTarget{Name: id.Name, Argv: argv, Sources: sources}, nil
	}
	here, err := os.Getwd()
	if err != nil {
		return nil, &fault{err}
	}
	adapter, err := conformance.NewAdapterTarget(ctx, argv,
		conformance.AdapterOptions{Suite: family, Dir: here, Sources: sources})
	if err != nil {
		return absent{id, err}, nil
	}
	return adapter, nil
}

// described is a client of package clients, or of a file.
func (f *targetFlags) described(ctx context.Context, family string) (conformance.Target, error) {
	c, err := clients.Load(f.client)
	if err == nil {
		_, err = c.Argv() // tells what is not installed, and how to get it
	}
	if err != nil {
		return nil, usagef("--client: %v", err)
	}
	target, err := conformance.NewClientTarget(ctx, c, family)
	if err != nil {
		return absent{conformance.Identity{Name: c.Name, How: "client"}, err}, nil
	}
	return target, nil
}

func loopback() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

// absent is a target that could not be made ready.
type absent struct {
	id  conformance.Identity
	why error
}

func (a absent) Identity() conformance.Identity        { return a.id }
func (a absent) Can(conformance.Need) (bool, string)   { return true, "" }
func (a absent) PerCase() bool                         { return false }
func (a absent) Network() (conformance.Network, error) { return nil, a.why }
func (a absent) Start(context.Context, conformance.Network,
	conformance.StartOptions) (conformance.Instance, error) {
	return nil, a.why
}

// splitWords splits a command line at blanks, as a shell does: quotes keep
// blanks, and a backslash outside single quotes keeps the next character.
// Nothing is expanded.
func splitWords(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quoted := false, rune(0)
	escaped := false
	for _, c := range s {
		switch {
		case escaped:
			word.WriteRune(c)
			escaped = false
		case c == '\\' && quoted != '\'':
			inWord, escaped = true, true
		case quoted != 0 && c == quoted:
			quoted = 0
		case quoted != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			inWord, quoted = true, c
		case c == ' ' || c == '\t' || c == '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			inWord = true
			word.WriteRune(c)
		}
	}
	switch {
	case quoted != 0 || escaped:
		return nil, usagef("--exec %q: a quote is not closed", s)
	case inWord:
		words = append(words, word.String())
	}
	if len(words) == 0 || words[0] == "" {
		return nil, usagef("--exec: the command is empty")
	}
	return words, nil
}

// quote makes s one word of a shell.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("-_./:,=[]+@%", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
