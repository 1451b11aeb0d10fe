package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/napster"
	"github.com/p2pspec/p2pspec/spec"
	transportnapster "github.com/p2pspec/p2pspec/transport/napster"
)

// napsterClientFlags are those that a server does not have.
type napsterClientFlags struct {
	connect, nick, share, search, download string
	firewalled                             bool
}

const defaultNick = "p2pspec"

func (f *napsterClientFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.connect, "connect", "", "address of a server, as IP:PORT: be its client")
	fl.StringVar(&f.nick, "nick", defaultNick, "the client's name there")
	fl.StringVar(&f.share, "share", "", "folder whose files the client shares, with those below it")
	fl.BoolVar(&f.firewalled, "firewalled", false, "accept nobody, as behind a firewall")
	fl.StringVar(&f.search, "search", "", "words to search for")
	fl.StringVar(&f.download, "download", "", "folder for the file that --search finds")
}

func (f *napsterFlags) clientConfig() (cfg transportnapster.ClientConfig, err error) {
	c := f.client
	if c.download != "" && c.search == "" {
		return cfg, usagef("--download: --search has to say what")
	}
	if len(f.motd) > 0 {
		return cfg, usagef("--motd: a server has one")
	}
	cfg = transportnapster.ClientConfig{Share: c.share, Downloads: c.download}
	cfg.Client.User = napster.NewUser{Login: napster.Login{Nick: c.nick, Password: "none", Client: "p2pspec"}}
	if cfg.Client.Server, err = parseAddr("--connect", c.connect); err != nil {
		return cfg, err
	}
	if !c.firewalled {
		cfg.Listen, err = parseAddr("--listen", f.listen)
	}
	return cfg, err
}

// The commands of a client.
const (
	opEnter spec.OpID = iota + 1
	opFind
	opGet
)

// napsterStory prints what a client sees.
type napsterStory struct {
	*transportnapster.Client
	journal

	found   chan napster.Result // the first of each search
	fetched chan bool           // whether it was good
	ended   chan error          // the login failed, or the server has gone
}

func (a *app) serveNapsterClient(ctx context.Context, f napsterFlags) error {
	cfg, err := f.clientConfig()
	if err != nil {
		return err
	}
	s := &napsterStory{
		journal: journal{w: a.out, drops: map[string]int{}},
		found:   make(chan napster.Result, 1), fetched: make(chan bool, 1), ended: make(chan error, 1),
	}
	cfg.Observe = s.observe
	if s.Client, err = transportnapster.NewClient(cfg); err != nil {
		return usagef("serve: %v", err)
	}
	s.printf("ready %s %v\n", f.client.nick, s.DataAddr())
	for _, why := range s.Skipped() {
		s.printf("skipped %v\n", why)
	}
	err = s.Do(napster.Enter{Op: opEnter})
	if err == nil {
		err = a.beClient(ctx, s, f.client)
	}
	return asFault(errors.Join(err, s.Close()))
}

// beClient searches if that is wanted, until what was found is fetched, or until the
// end.
func (a *app) beClient(ctx context.Context, s *napsterStory, f napsterClientFlags) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	if f.search == "" {
		tick.Stop()
	}
	for busy := false; ; {
		select {
		case <-ctx.Done():
			if f.download != "" {
				a.exit = conformance.ExitUnmet
			}
			return nil
		case err := <-s.ended:
			return err
		case <-tick.C:
			err := s.Do(napster.Find{Op: opFind, Search: napster.Search{Words: f.search}})
			if err != nil {
				return err
			}
		case r := <-s.found:
			if f.download == "" || busy {
				continue
			}
			busy = true
			s.printf("fetching %s %q\n", r.Nick, r.Name)
			if err := s.Fetch(opGet, r); err != nil {
				return err
			}
		case good := <-s.fetched:
			if good {
				return nil
			}
			busy = false
		}
	}
}

// observe shows what the client tells.
func (s *napsterStory) observe(_ time.Duration, e spec.Effect) {
	switch e := e.(type) {
	case spec.Done:
		s.done(e)
	case spec.Notify:
		s.notice(e.Event)
	case spec.Drop:
		s.drop(e)
	}
}

func (s *napsterStory) done(d spec.Done) {
	switch result := d.Result.(type) {
	case napster.Entered:
		s.printf("entered\n")
	case napster.Found:
		for _, r := range result.Results {
			s.printf("hit %s %d %q %v\n", r.Nick, r.Size, r.Name, r.MD5)
		}
		if len(result.Results) > 0 {
			offerTo(s.found, result.Results[0])
		}
	}
	switch {
	case d.Err == nil:
	case d.Op == opEnter:
		offerTo(s.ended, d.Err)
	case d.Op == opGet:
		s.printf("error fetch %v\n", d.Err)
		offerTo(s.fetched, false)
	}
}

func (s *napsterStory) notice(e spec.Event) {
	switch e := e.(type) {
	case napster.Said:
		s.printf("said %q\n", e.Text)
	case napster.Left:
		s.printf("left %v\n", e.Err)
		offerTo(s.ended, e.Err)
	case transportnapster.Fetched:
		switch {
		case e.Err != nil:
			s.printf("error fetch %v\n", e.Err)
		case e.Verified:
			s.printf("saved %q %d\n", e.Name, e.Size)
		default:
			s.printf("saved %q %d unverified\n", e.Name, e.Size)
		}
		offerTo(s.fetched, e.Err == nil)
	case transportnapster.Served:
		if e.Err != nil {
			s.printf("error serve %s %q %v\n", e.Nick, e.Name, e.Err)
		} else {
			s.printf("served %s %q\n", e.Nick, e.Name)
		}
	}
}

// offerTo hands a value over if there is room for it.
func offerTo[T any](to chan T, v T) {
	select {
	case to <- v:
	default: // nobody looks
	}
}
