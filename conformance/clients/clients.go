// Package clients describes real programs that the conformance suites judge:
// where they come from, how they are started, stopped and talked to, and what
// a reader of their reports should know about them.
//
// A description is a TOML file beside this one, or anywhere else. The programs
// themselves are not part of this module: interop/setup installs them.
package clients

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// Kind says how a client is driven.
type Kind string

const (
	Adapter Kind = "adapter" // it speaks the adapter protocol on stdin and stdout
	Command Kind = "command" // it runs until it is stopped and cannot be told anything
)

// Client is one described program, or the several that a project has: those of
// its DHT node at the top level, and those of the other roles in tables of their
// own.
type Client struct {
	Name     string `toml:"name"`
	Version  string `toml:"version"`  // that the committed reports were made with
	Homepage string `toml:"homepage"` // of the project
	Source   string `toml:"source"`   // its repository
	Install  string `toml:"install"`  // how to get it, for a person

	Kind Kind `toml:"kind"`
	// Program is the command line. {clients} is the folder of the adapters;
	// the words of docs/adapter.md are left for the runner, in the plain kind.
	Program []string `toml:"program"`
	// Files must exist beneath {clients} before Program can run.
	Files []string `toml:"files"`
	// VersionFrom is a command whose output holds the installed version, with
	// {clients} as in Program. An adapter tells it in its hello_ok.
	VersionFrom []string `toml:"version_from"`
	// Ready bounds the time until start_ok or until the suite's probe is answered.
	Ready Duration `toml:"ready"`
	// Stop is the signal that ends it, or "stop", the adapter's verb.
	Stop string `toml:"stop"`

	Roles        []string `toml:"roles"`        // of Program: "responder", "querier"
	Family       string   `toml:"family"`       // of suites for a responder; empty is "dht"
	Capabilities []string `toml:"capabilities"` // as in hello_ok

	// Lacks are needs of cases that it does not meet: "v2", a peer of version 1
	// alone. An adapter lists what it can do instead.
	Lacks []string `toml:"lacks"`

	// IP is where it has to listen; the zero value leaves the choice to the runner.
	IP netip.Addr `toml:"ip"`
	// Sources are the addresses that it accepts datagrams from; the zero value
	// is any.
	Sources netip.Prefix `toml:"sources"`
	// Pacing is how many packets one source address may send within 10 seconds;
	// zero is no limit.
	Pacing int `toml:"pacing"`
	// Searches is the info-hash, in hex, that it looks up and announces by itself.
	Searches string `toml:"searches"`
	// Quirks are sentences for the reader of a report.
	Quirks []string `toml:"quirks"`

	// Peers is how the leecher finds the peers of the harness: "tracker",
	// "command" ({peer}, or an adapter's start), or "dial" where it believes
	// nobody and they have to dial it.
	Peers string `toml:"peers"`

	Seeder  *Part `toml:"seeder"`
	Leecher *Part `toml:"leecher"`
	Tracker *Part `toml:"tracker"`
	Parser  *Part `toml:"parser"`

	Ultrapeer *Part `toml:"ultrapeer"`
	Leaf      *Part `toml:"leaf"`

	folder string // {clients}
}

// Part is the program of one role. What it leaves out is as at the top level.
type Part struct {
	Kind    Kind         `toml:"kind"`
	Program []string     `toml:"program"`
	Files   []string     `toml:"files"`
	Ready   Duration     `toml:"ready"`
	Stop    string       `toml:"stop"`
	IP      netip.Addr   `toml:"ip"`
	Sources netip.Prefix `toml:"sources"`
	Peers   string       `toml:"peers"`
	Quirks  []string     `toml:"quirks"`
}

// As returns the client as it plays a role, with Program and all that belongs to
// it; ok is false when it does not.
func (c Client) As(role string) (as Client, ok bool) {
	part := c.part(role)
	if part == nil {
		return c, slices.Contains(c.Roles, role) && len(c.Program) > 0
	}
	c.Roles = []string{role}
	if part.Quirks != nil {
		c.Quirks = part.Quirks
	}
	if len(part.Program) > 0 {
		c.Program, c.Files = part.Program, part.Files
	}
	c.Kind, c.Stop = cmp.Or(part.Kind, c.Kind), cmp.Or(part.Stop, c.Stop)
	c.Ready, c.Peers = cmp.Or(part.Ready, c.Ready), cmp.Or(part.Peers, c.Peers)
	c.IP, c.Sources = cmp.Or(part.IP, c.IP), cmp.Or(part.Sources, c.Sources)
	return c, true
}

func (c Client) part(role string) *Part {
	switch role {
	case "seeder":
		return c.Seeder
	case "leecher":
		return c.Leecher
	case "tracker":
		return c.Tracker
	case "parser":
		return c.Parser
	case "ultrapeer":
		return c.Ultrapeer
	case "leaf":
		return c.Leaf
	}
	return nil
}

// Plays lists the roles of the client.
func (c Client) Plays() []string {
	roles := slices.Clone(c.Roles)
	for _, role := range []string{"seeder", "leecher", "tracker", "parser", "ultrapeer", "leaf"} {
		if c.part(role) != nil && !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return roles
}

// Duration is a time.Duration that TOML writes as "10s".
type Duration time.Duration

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// FolderVariable names the environment variable that says where the adapters are.
const FolderVariable = "P2PSPEC_CLIENTS"

const extension = ".toml"

//go:embed *.toml */*.py */*.sh */*.java
var embedded embed.FS

// Names lists the clients that are described here, in alphabetical order.
func Names() []string {
	files, err := fs.Glob(embedded, "*"+extension)
	if err != nil {
		return nil // the pattern is constant and well-formed
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(f, extension)
	}
	slices.Sort(files)
	return files
}

// Load reads a description: one of [Names], or a file whose name ends in .toml.
// A file's {clients} is the folder that it lies in.
func Load(nameOrFile string) (Client, error) {
	if strings.HasSuffix(nameOrFile, extension) {
		text, err := os.ReadFile(nameOrFile)
		if err != nil {
			return Client{}, fmt.Errorf("client description: %w", err)
		}
		folder, err := filepath.Abs(filepath.Dir(nameOrFile))
		if err != nil {
			return Client{}, err
		}
		return parse(nameOrFile, text, folder)
	}
	if !slices.Contains(Names(), nameOrFile) {
		return Client{}, fmt.Errorf("no client is called %q; there are %s, or give a file that ends in %s",
			nameOrFile, strings.Join(Names(), ", "), extension)
	}
	text, err := embedded.ReadFile(nameOrFile + extension)
	if err != nil {
		return Client{}, err
	}
	folder, err := folder()
	if err != nil {
		return Client{}, err
	}
	return parse(nameOrFile+extension, text, folder)
}

// Argv is the command line with {clients} filled in. The error says which
// program or file is missing and how to get it.
func (c Client) Argv() ([]string, error) {
	for _, f := range c.Files {
		if _, err := os.Stat(filepath.Join(c.folder, filepath.FromSlash(f))); err != nil {
			return nil, fmt.Errorf("client %s is not installed: %w\nIt comes from %s. "+
				"In a clone of the repository, interop/setup gets what packages have; elsewhere, point %s at its "+
				"conformance/clients",
				c.Name, err, c.Install, FolderVariable)
		}
	}
	argv := c.filled(c.Program)
	if _, err := exec.LookPath(argv[0]); err != nil {
		return nil, fmt.Errorf("client %s is not installed: %w\nIt comes from %s", c.Name, err, c.Install)
	}
	return argv, nil
}

// filled is a command line with {clients} filled in.
func (c Client) filled(words []string) []string {
	argv := make([]string, len(words))
	for i, word := range words {
		argv[i] = strings.ReplaceAll(word, "{clients}", c.folder)
	}
	return argv
}

// versionPattern finds the number in "aria2 version 1.36.0" and the like.
var versionPattern = regexp.MustCompile(`\d+(\.\d+)+`)

// Installed is the version of the program on this machine, as VersionFrom
// tells it; it is empty for a client that tells it another way.
func (c Client) Installed(ctx context.Context) (string, error) {
	if len(c.VersionFrom) == 0 {
		return "", nil
	}
	argv := c.filled(c.VersionFrom)
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("client %s is not installed: %w\nIt comes from %s", c.Name, err, c.Install)
	}
	version := versionPattern.Find(out)
	if version == nil {
		return "", fmt.Errorf("client %s: no version in the output of %q", c.Name, c.VersionFrom)
	}
	return string(version), nil
}

func parse(file string, text []byte, folder string) (Client, error) {
	c := Client{folder: folder}
	d := toml.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return Client{}, located(file, err)
	}
	if err := c.validate(); err != nil {
		return Client{}, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// located names the file and the line of each mistake.
func located(file string, err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) {
		var all []error
		for _, e := range strict.Errors {
			line, _ := e.Position()
			all = append(all, fmt.Errorf("%s:%d: unknown key %s", file, line, strings.Join(e.Key(), ".")))
		}
		return errors.Join(all...)
	}
	var e *toml.DecodeError
	if errors.As(err, &e) {
		line, column := e.Position()
		return fmt.Errorf("%s:%d:%d: %w", file, line, column, err)
	}
	return fmt.Errorf("%s: %w", file, err)
}

// validate checks the program of each role.
func (c Client) validate() error {
	if c.Name == "" {
		return errors.New("name is missing")
	}
	if len(c.Plays()) == 0 || len(c.Program) > 0 {
		if err := c.validateProgram(); err != nil {
			return err
		}
	}
	for _, role := range c.Plays() {
		as, _ := c.As(role)
		if err := as.validateProgram(); err != nil {
			return fmt.Errorf("as a %s: %w", role, err)
		}
	}
	return nil
}

func (c Client) validateProgram() error {
	switch {
	case c.Kind != Adapter && c.Kind != Command:
		return fmt.Errorf("kind must be %q or %q, not %q", Adapter, Command, c.Kind)
	case len(c.Program) == 0:
		return errors.New("program is missing")
	case c.Ready <= 0:
		return errors.New(`ready is missing or not positive; write it like "10s"`)
	case c.Kind == Adapter && c.Stop != "stop":
		return fmt.Errorf(`stop must be "stop" for an adapter, not %q`, c.Stop)
	case c.Kind == Command && c.Stop != "SIGTERM":
		return fmt.Errorf(`stop must be "SIGTERM", not %q`, c.Stop)
	case c.Pacing < 0:
		return fmt.Errorf("pacing must not be negative, and is %d", c.Pacing)
	case !slices.Contains([]string{"", "tracker", "command", "dial"}, c.Peers):
		return fmt.Errorf(`peers must be "tracker", "command" or "dial", not %q`, c.Peers)
	case c.Sources.IsValid() && !c.IP.IsValid():
		return errors.New("sources without ip: a client that is picky about addresses must be told its own")
	case c.Sources.IsValid() && c.Sources.Contains(c.IP):
		return fmt.Errorf("sources %v must not contain the client's own ip %v", c.Sources, c.IP)
	}
	return nil
}
