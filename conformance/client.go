package conformance

import (
	"context"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance/clients"
)

// NewClientTarget returns the target that a description describes, in the given
// roles; none means all that it plays. An adapter is asked for the family of
// suites. The error says what is not installed and how to get it.
func NewClientTarget(ctx context.Context, c clients.Client, family string, roles ...Role) (Target, error) {
	if len(roles) == 0 {
		for _, role := range c.Plays() {
			roles = append(roles, Role(role))
		}
	}
	t := &clientTarget{name: c.Name, parts: map[Role]Target{}}
	for _, role := range roles {
		as, ok := c.As(string(role))
		if !ok || t.parts[role] != nil {
			continue
		}
		part, err := newPart(ctx, as, family)
		if err != nil {
			return nil, err
		}
		for _, played := range as.Roles { // a DHT node plays two
			t.parts[Role(played)] = part
		}
		t.describe(part.Identity().Version, as.Quirks)
	}
	return t, nil
}

// newPart is the target that plays one role, or those of a DHT node.
func newPart(ctx context.Context, c clients.Client, family string) (Target, error) {
	argv, err := c.Argv()
	if err != nil {
		return nil, err
	}
	sources, err := clientSources(c)
	if err != nil {
		return nil, err
	}
	var roles []Role
	for _, role := range c.Roles {
		roles = append(roles, Role(role))
	}
	if c.Kind == clients.Adapter {
		return NewAdapterTarget(ctx, argv, AdapterOptions{
			Suite: family, Roles: roles, Peers: PeerSource(c.Peers), Sources: sources, IP: c.IP,
		})
	}
	version, err := c.Installed(ctx)
	if err != nil {
		return nil, err
	}
	var lacks []Need
	for _, need := range c.Lacks {
		lacks = append(lacks, Need(need))
	}
	return &CommandTarget{
		Name: c.Name, Version: version, Argv: argv, Sources: sources, IP: c.IP, Ready: time.Duration(c.Ready),
		Roles: roles, Peers: PeerSource(c.Peers), Lacks: lacks,
	}, nil
}

// clientTarget is a described client: a program for each role.
type clientTarget struct {
	name, version string
	quirks        []string
	parts         map[Role]Target
}

func (t *clientTarget) describe(version string, quirks []string) {
	if t.version == "" {
		t.version = version
	}
	for _, q := range quirks {
		if !slices.Contains(t.quirks, q) {
			t.quirks = append(t.quirks, q)
		}
	}
}

// For picks the program of the role, or the client itself to say that it has none.
func (t *clientTarget) For(_ *Suite, c *Case) Target {
	if part := t.parts[c.Role]; part != nil {
		return part
	}
	return t
}

// Identity is the description's.
func (t *clientTarget) Identity() Identity {
	return Identity{Name: t.name, Version: t.version, How: "client", Quirks: t.quirks}
}

// Plays consults the description.
func (t *clientTarget) Plays(r Role) (bool, string) {
	return t.parts[r] != nil, "the client is not described as a " + string(r) + ", or not judged as one"
}

func (t *clientTarget) Can(Need) (bool, string)   { return false, ErrUnsupported.Error() }
func (t *clientTarget) PerCase() bool             { return false }
func (t *clientTarget) Network() (Network, error) { return nil, ErrUnsupported }

func (t *clientTarget) Start(context.Context, Network, StartOptions) (Instance, error) {
	return nil, ErrUnsupported
}

func clientSources(c clients.Client) (sources *Sources, err error) {
	if c.Sources.IsValid() {
		sources = SourcesIn(c.Sources)
	} else {
		ip := c.IP
		if !ip.IsValid() {
			ip = LoopbackAddr()
		}
		if sources, err = SourcesToward(ip); err != nil {
			return nil, err
		}
	}
	if c.Pacing > 0 {
		sources.Pace = c.Pacing
	}
	return sources, nil
}
