package main

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/spec"
	transportgnutella "github.com/p2pspec/p2pspec/transport/gnutella"
)

type gnutellaFlags struct {
	listen, mode, share, search, download string
	connect                               []string
	firewalled, noDeflate                 bool
	maintain                              time.Duration
}

func (a *app) serventCommand() *cobra.Command {
	var f gnutellaFlags
	cmd := &cobra.Command{
		Use:   "gnutella",
		Short: "Run a Gnutella servent until it is interrupted, or until it has fetched a file",
		Long: `Run a Gnutella servent, of protocol 0.6 and 0.4, that shares the files of a folder.
SIGINT and SIGTERM make it say Bye and end.

With --search it is a leaf, if --mode says nothing else, which searches again and
again; with --download as well it fetches a file that it found and that has a urn,
and ends: exit code 0 if the file has the hash of that urn, 1 if it was interrupted
before.

It prints what it sees, a line each, with texts quoted as in Go:

  ready 127.0.0.1:6346 leaf                      its address and mode
  shared 0 300000 "a song.mp3" urn:sha1:…        index, size, name
  skipped REASON                                 what of the folder is not shared
  connected 127.0.0.1:6347 ultrapeer "p2pspec"   whom to, its mode and program
  disconnected 127.0.0.1:6347 200                the code of its Bye, or 0
  refused 127.0.0.1:6348 503 "Busy"
  mode leaf                                      an ultrapeer became one, or one again
  hit 127.0.0.1:6349 push 0 300000 "a song.mp3" urn:sha1:…    push or open
  fetching urn:sha1:…                            and how the fetch goes:
  receiving 127.0.0.1:6349 0                     from whom, and from which byte on
  corrupted                                      it had another hash, and begins anew
  saved "a song.mp3" 300000 urn:sha1:…           or: error fetch REASON
  uploaded 127.0.0.1:40000 0 0 300000            to whom, index, first byte, behind the last`,
		Example: `  p2pspec serve gnutella --listen 127.0.0.1:6346
  p2pspec serve gnutella --listen 127.0.0.2:6346 --mode leaf --firewalled --share ./songs --connect 127.0.0.1:6346
  p2pspec serve gnutella --listen 127.0.0.3:6346 --connect 127.0.0.1:6346 --search "a song" --download .`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serveGnutella(cmd.Context(), f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.listen, "listen", "127.0.0.1:6346",
		"IPv4 address to listen on, to announce and to dial from; port 0 takes a free one")
	fl.StringVar(&f.mode, "mode", "", "flat, leaf or ultrapeer (default ultrapeer, with --search leaf)")
	fl.StringArrayVar(&f.connect, "connect", nil, "address of a servent, as IP:PORT; may be repeated")
	fl.StringVar(&f.share, "share", "", "folder whose files are shared, with those below it")
	fl.BoolVar(&f.firewalled, "firewalled", false, "accept nobody, as behind a firewall: files are pushed")
	fl.BoolVar(&f.noDeflate, "no-deflate", false, "do not offer to compress connections")
	fl.StringVar(&f.search, "search", "", "words to search for")
	fl.StringVar(&f.download, "download", "", "folder for the file that --search finds")
	fl.DurationVar(&f.maintain, "maintain", 30*time.Second,
		"pause between two rounds of pings, dials and updates of query routing tables")
	return cmd
}

// config reads the flags.
func (f *gnutellaFlags) config() (cfg transportgnutella.Config, err error) {
	modes := map[string]gnutella.Mode{
		"flat": gnutella.Flat, "leaf": gnutella.Leaf, "ultrapeer": gnutella.Ultrapeer, "": gnutella.Ultrapeer,
	}
	if f.search != "" {
		modes[""] = gnutella.Leaf
	}
	mode, ok := modes[f.mode]
	switch {
	case !ok:
		return cfg, usagef("--mode %q: write flat, leaf or ultrapeer", f.mode)
	case f.download != "" && f.search == "":
		return cfg, usagef("--download: --search has to say what")
	}
	cfg = transportgnutella.Config{Share: f.share, Downloads: f.download, Node: gnutella.Config{
		Mode: mode, Firewalled: f.firewalled, Deflate: !f.noDeflate, Maintain: f.maintain,
	}}
	cfg.Listen, err = parseAddr("--listen", f.listen)
	return cfg, err
}

const (
	// searchEvery is the pause between two searches: servents pass over a neighbour
	// that asks the same too often.
	searchEvery = 5 * time.Second
	// retryConnect is the pause between two tries while there is nobody to ask.
	retryConnect = 250 * time.Millisecond
	// maxHits bounds the answers that wait to be looked at; those beyond are lost.
	maxHits = 64
)

func (a *app) serveGnutella(ctx context.Context, f gnutellaFlags) error {
	cfg, err := f.config()
	if err != nil {
		return err
	}
	addrs, err := parseAddrs("--connect", f.connect)
	if err != nil {
		return err
	}
	v := newServentStory(a.out)
	cfg.Observe = v.observe
	if v.Servent, err = transportgnutella.Listen(cfg); err != nil {
		return usagef("serve: %v", err)
	}
	v.begin(cfg.Node.Mode)
	if len(addrs) > 0 {
		if err := v.Do(gnutella.Connect{Op: opConnect, Addrs: addrs}); err != nil {
			return &fault{errors.Join(err, v.Close())}
		}
	}
	if f.search != "" {
		err = a.find(ctx, v, f)
	} else {
		<-ctx.Done()
	}
	// The others hear a Bye, if there is still room for the command.
	_ = v.Do(gnutella.Shutdown{Op: opShutdown})
	err = errors.Join(err, v.Close())
	v.count()
	return asFault(err)
}

// find searches, and fetches what it finds, until that is done or ctx is.
func (a *app) find(ctx context.Context, v *serventStory, f gnutellaFlags) error {
	s := &seeker{serventStory: v, tried: map[sought]bool{}}
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			if f.download != "" {
				a.exit = conformance.ExitUnmet
			}
			return nil
		case <-next.C:
			s.again()
			if err := v.Do(gnutella.Search{Op: opSearch, Text: f.search}); err != nil {
				return err
			}
			next.Reset(searchEvery)
		case err := <-v.searched:
			switch {
			case errors.Is(err, gnutella.ErrNotConnected):
				next.Reset(retryConnect)
			case err != nil:
				return usagef("--search: %v", err)
			}
		case hit := <-v.hits:
			if f.download != "" {
				s.hear(hit)
			}
		case err := <-v.fetched:
			if err == nil {
				return nil
			}
			s.failed(err)
		}
	}
}

// seeker fetches one file after another until one is good.
type seeker struct {
	*serventStory
	found []gnutella.Hit
	tried map[sought]bool // whether it may be tried again, at the next search
	now   sought          // what is being fetched
	busy  bool
	last  spec.OpID
}

// sought is a file: what one hit says of the size of a hash does not hold for others.
type sought struct {
	hash urn.SHA1
	size uint32
}

// failed goes on to the next file. One that was not damaged may have failed for want of
// a source, and is tried again in time.
func (s *seeker) failed(why error) {
	s.tried[s.now] = !errors.Is(why, transfer.ErrCorrupt)
	s.busy = false
	s.fetch()
}

// again tries what has failed, unless what came was something else.
func (s *seeker) again() {
	maps.DeleteFunc(s.tried, func(_ sought, retry bool) bool { return retry })
	s.fetch()
}

// hear remembers a hit, for as long as there is room, and begins to fetch if nothing
// is under way.
func (s *seeker) hear(h gnutella.Hit) {
	if len(s.found) == maxHits {
		s.found = s.found[1:]
	}
	s.found = append(s.found, h)
	s.fetch()
}

// fetch begins with the first file that was not tried, from all who have it.
func (s *seeker) fetch() {
	if s.busy {
		return
	}
	for _, h := range s.found {
		for _, want := range h.Results {
			key := sought{want.SHA1, want.Size}
			if _, known := s.tried[key]; known || want.SHA1 == (urn.SHA1{}) {
				continue
			}
			s.tried[key], s.now = false, key
			s.last++
			s.printf("fetching %v\n", want.SHA1)
			s.want(want)
			if err := s.Fetch(opFetch+s.last, want, s.found); err != nil {
				s.printf("error fetch %v\n", err)
				continue
			}
			s.busy = true
			return
		}
	}
}
