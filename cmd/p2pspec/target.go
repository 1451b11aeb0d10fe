package main

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/clients"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/conformance/suites"
)

// targetFlags say who is judged.
type targetFlags struct {
	target, exec, client string
	tape                 string
	tapes                *conformance.Tapes // of the file that tape names
	torrent, role        string
	allowRemote          bool
}

// roles are what --role may say.
var roles = []conformance.Role{
	conformance.Responder, conformance.Querier, conformance.Seeder, conformance.Leecher,
	conformance.Tracker, conformance.Parser, conformance.Member,
	conformance.Servent, conformance.Ultrapeer, conformance.Leaf, conformance.Index,
}

func (f *targetFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.target, "target", "", "address of a running client, as IP:PORT; of a tracker also\n"+
		"as http://IP:PORT/announce or udp://IP:PORT")
	fl.StringVar(&f.exec, "exec", "",
		"command that starts a client; {ip} {port} {dir} {bootstrap} {torrent} {magnet}\n"+
			"{tracker} {peer} {infohash} {encryption} {max_peers} are filled in. Without\n"+
			"{port}, {torrent} and {magnet} it speaks on stdin and stdout: the adapter protocol,\n"+
			"or for an overlay that of its nodes")
	fl.BoolVar(&f.allowRemote, "allow-remote", false,
		"allow a --target that is not on this machine: only with its owner's consent")
	fl.StringVar(&f.torrent, "torrent", "", "metainfo file of what the target has, which is\na seeder then")
	fl.StringVar(&f.role, "role", "",
		"judge the target in this role alone: "+joinRoles(roles, ", "))
	fl.StringVar(&f.client, "client", "", "described client: "+strings.Join(clients.Names(), ", ")+
		",\nor a file that ends in .toml")
	fl.StringVar(&f.tape, "tape", "", "file of --record: judge again what the target did then, without it")
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
	case f.tape != "":
		w = append(w, "--tape", f.tape)
	}
	if f.torrent != "" {
		w = append(w, "--torrent", f.torrent)
	}
	if f.role != "" {
		w = append(w, "--role", f.role)
	}
	if f.allowRemote {
		w = append(w, "--allow-remote")
	}
	return w
}

// open returns the target for the selected cases. One that cannot be started is
// still a target: the run then ends as unreachable, with a report.
func (f *targetFlags) open(ctx context.Context, selected []conformance.Selected) (conformance.Target, error) {
	if err := f.validate(); err != nil {
		return nil, err
	}
	target, err := f.make(ctx, selected)
	if err != nil {
		return nil, err
	}
	if _, ok := target.(absent); ok {
		return target, nil
	}
	return target, f.suits(target, selected)
}

func (f *targetFlags) validate() error {
	given := f.target + f.exec + f.client
	switch {
	case f.target != "" && f.exec+f.client != "", f.exec != "" && f.client != "", f.tape != "" && given != "":
		return usagef("a run has one target: give one of --target, --exec, --client and --tape")
	case f.torrent != "" && f.target == "":
		return usagef("--torrent goes with --target: a program that we start is given a torrent of ours")
	case f.role != "" && !slices.Contains(roles, conformance.Role(f.role)):
		return usagef("--role %q: use %s", f.role, joinRoles(roles, ", "))
	case f.role != "" && given == "":
		return usagef("--role goes with --target, --exec or --client: the built-in nodes play all roles")
	}
	return nil
}

func joinRoles(roles []conformance.Role, sep string) string {
	words := make([]string, len(roles))
	for i, r := range roles {
		words[i] = string(r)
	}
	return strings.Join(words, sep)
}

func (f *targetFlags) make(ctx context.Context, selected []conformance.Selected) (conformance.Target, error) {
	switch {
	case f.target != "":
		return f.live()
	case f.exec != "":
		return f.command(ctx, selected)
	case f.client != "":
		return f.described(ctx, selected)
	case f.tape != "":
		return conformance.NewTapeTarget(f.tapes), nil
	default:
		return reference()
	}
}

// reference is the built-in nodes.
func reference() (conformance.Target, error) {
	sources, err := conformance.SourcesToward(conformance.LoopbackAddr())
	if err != nil {
		return nil, &fault{err}
	}
	return suites.BuiltIn(sources), nil
}

// suits reports why the target can play none of the selected cases, or the cases
// of several families where it is one program, or that nobody has said whether it
// is a seeder.
func (f *targetFlags) suits(target conformance.Target, selected []conformance.Selected) error {
	var families []string
	why, seeding := "", false
	for _, s := range selected {
		ok, reason := conformance.Plays(target, s)
		switch {
		case ok && !slices.Contains(families, s.Suite.Family):
			families = append(families, s.Suite.Family)
		case !ok && (why == "" || s.Case.Role == conformance.Seeder):
			why = reason // what a seeder lacks is easiest to give
		}
		seeding = seeding || s.Case.Role == conformance.Seeder
	}
	unknown := f.target != "" && f.torrent == "" && f.role == "" && seeding
	switch {
	case len(families) == 0:
		return usagef("none of the %d cases named can be played: %s", len(selected), why)
	case unknown:
		return usagef("the cases named are also for a seeder, and what the target seeds is not known: add --torrent, "+
			"or name %s, or give --role", oneOf(families))
	case len(families) > 1 && f.target+f.exec != "":
		return usagef("the target is one program, and the cases named are for several: name %s, or give --role",
			oneOf(families))
	}
	return nil
}

func oneOf(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return "one of " + strings.Join(names, ", ")
}

func (f *targetFlags) live() (conformance.Target, error) {
	text, announce, err := f.announceURL()
	if err != nil {
		return nil, err
	}
	addr, err := parseAddr("--target", text)
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
	content, err := f.content()
	if err != nil {
		return nil, err
	}
	sources, err := conformance.SourcesToward(addr.Addr())
	if err != nil {
		id := conformance.Identity{Name: addr.String(), How: "live", Address: addr.String()}
		return absent{id, err}, nil
	}
	live := conformance.NewLiveTarget(addr, sources)
	if content != nil {
		f.role = cmp.Or(f.role, string(conformance.Seeder))
	}
	live.Role, live.Content, live.Announce = conformance.Role(f.role), content, announce
	return live, nil
}

// announceURL is the address in --target, and the path and query where it is a
// tracker's URL.
func (f *targetFlags) announceURL() (addr, path string, err error) {
	if !strings.Contains(f.target, "://") {
		return f.target, "", nil
	}
	u, err := tracker.ParseURL(f.target)
	if err != nil || u.Scheme == "https" {
		return "", "", usagef("--target %q: write http://IP:PORT/announce or udp://IP:PORT for a tracker", f.target)
	}
	if u.Port == 0 {
		u.Port = 80
	}
	if path = u.Path; u.Scheme == "udp" {
		path = "" // what a URL of UDP has behind its port is told by BEP 41, if at all
	}
	f.role = cmp.Or(f.role, string(conformance.Tracker))
	return net.JoinHostPort(u.Host, strconv.Itoa(int(u.Port))), path, nil
}

// torrentLimit bounds --torrent: the metainfo of a terabyte in pieces of 256 KiB
// has 80 MB, and no larger one is in use.
const torrentLimit = 100 << 20

// content is the metainfo file that --torrent names, or nil.
func (f *targetFlags) content() ([]byte, error) {
	if f.torrent == "" {
		return nil, nil
	}
	info, err := os.Stat(f.torrent)
	if err == nil && info.Size() > torrentLimit {
		return nil, usagef("--torrent %s: %d bytes are no metainfo file", f.torrent, info.Size())
	}
	b, err := os.ReadFile(f.torrent)
	if err != nil {
		return nil, usagef("--torrent: %v", err)
	}
	if _, err := metainfo.Parse(b, metainfo.Options{Lenient: true}); err != nil {
		return nil, usagef("--torrent %s: %v", f.torrent, err)
	}
	return b, nil
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

func (f *targetFlags) command(ctx context.Context, selected []conformance.Selected) (conformance.Target, error) {
	argv, err := splitWords(f.exec)
	if err != nil {
		return nil, err
	}
	alone := func(s conformance.Selected) bool { return s.Case.Role != conformance.Member }
	if !slices.ContainsFunc(selected, alone) {
		return cluster.NewProgram(argv), nil
	}
	id := conformance.Identity{Name: filepath.Base(argv[0]), How: "exec"}
	sources, err := conformance.SourcesToward(conformance.LoopbackAddr())
	if err != nil {
		return absent{id, err}, nil
	}
	var judged []conformance.Role
	if f.role != "" {
		judged = []conformance.Role{conformance.Role(f.role)}
	}
	for _, word := range []string{"{port}", "{torrent}", "{magnet}"} {
		if strings.Contains(f.exec, word) {
			return &conformance.CommandTarget{Name: id.Name, Argv: argv, Sources: sources, Roles: judged}, nil
		}
	}
	here, err := os.Getwd()
	if err != nil {
		return nil, &fault{err}
	}
	adapter, err := conformance.NewAdapterTarget(ctx, argv, conformance.AdapterOptions{
		Suite: selected[0].Suite.Family, Dir: here, Sources: sources, Roles: judged,
	})
	if err != nil {
		return absent{id, err}, nil
	}
	return adapter, nil
}

// described is a client of package clients, or of a file, in the roles that the
// selected cases need.
func (f *targetFlags) described(
	ctx context.Context, selected []conformance.Selected,
) (conformance.Target, error) {
	c, err := clients.Load(f.client)
	if err != nil {
		return nil, usagef("--client: %v", err)
	}
	var needed []conformance.Role
	for _, s := range selected {
		role := s.Case.Role
		as, ok := c.As(string(role))
		if !ok || slices.Contains(needed, role) || f.role != "" && string(role) != f.role {
			continue
		}
		if _, err := as.Argv(); err != nil { // tells what is not installed, and how to get it
			return nil, usagef("--client: %v", err)
		}
		needed = append(needed, role)
	}
	if len(needed) == 0 {
		return nil, usagef("--client %s: it is described as %s, and no case named is for that in the role asked for",
			f.client, strings.Join(c.Plays(), ", "))
	}
	target, err := conformance.NewClientTarget(ctx, c, selected[0].Suite.Family, needed...)
	if err != nil {
		return absent{conformance.Identity{Name: c.Name, How: "client"}, err}, nil
	}
	return target, nil
}

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
