package conformance

import (
	"context"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/conformance/clients"
)

// NewClientTarget returns the target that a description describes. The suite
// family is what an adapter is asked for. The error says what is not installed
// and how to get it.
func NewClientTarget(ctx context.Context, c clients.Client, family string) (Target, error) {
	argv, err := c.Argv()
	if err != nil {
		return nil, err
	}
	sources, err := clientSources(c)
	if err != nil {
		return nil, err
	}
	if c.Kind == clients.Adapter {
		a, err := NewAdapterTarget(ctx, argv, AdapterOptions{Suite: family, Sources: sources, IP: c.IP})
		if err != nil {
			return nil, err
		}
		a.identity.Name, a.identity.How, a.identity.Quirks = c.Name, "client", c.Quirks
		return a, nil
	}
	version, err := c.Installed(ctx)
	if err != nil {
		return nil, err
	}
	return clientCommand{&CommandTarget{
		Name: c.Name, Version: version, Argv: argv, Sources: sources, IP: c.IP, Ready: time.Duration(c.Ready),
	}, c}, nil
}

// clientCommand is a command with a description.
type clientCommand struct {
	*CommandTarget
	client clients.Client
}

// Identity adds the description's words.
func (c clientCommand) Identity() Identity {
	id := c.CommandTarget.Identity()
	id.How, id.Quirks = "client", c.client.Quirks
	return id
}

func clientSources(c clients.Client) (sources *Sources, err error) {
	if c.Sources.IsValid() {
		sources = SourcesIn(c.Sources)
	} else {
		ip := c.IP
		if !ip.IsValid() {
			ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
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
