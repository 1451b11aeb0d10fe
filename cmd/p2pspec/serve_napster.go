package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/gnutella/napster"
	transportnapster "github.com/p2pspec/p2pspec/transport/napster"
)

type napsterFlags struct {
	listen string
	motd   []string
	client napsterClientFlags
}

func (a *app) napsterCommand() *cobra.Command {
	var f napsterFlags
	cmd := &cobra.Command{
		Use:   "napster",
		Short: "Run a Napster server, or with --connect a client of one",
		Long: `Run a Napster server, as OpenNap is one, until SIGINT or SIGTERM: an index of the files
of all who log in.

With --connect it is a client that shares the files of a folder. With --search it
searches again and again, and with --download as well it fetches the first file that
it found, and ends: exit code 0 if the file has the size that the index has promised,
and the sum, if the index has one; 1 if it was interrupted before. The sum is that of
the first 299008 bytes alone: nothing vouches for what follows them.

The client prints what it sees, a line each, with texts quoted as in Go:

  ready joe 127.0.0.1:6699                  its nick, and where others connect to
  skipped REASON                            what of the folder is not shared
  entered                                   it has logged in
  said "welcome"                            the server
  hit ann 300000 "a song.mp3" MD5           who has what
  fetching ann "a song.mp3"
  saved "a song.mp3" 300000                 or: error fetch REASON
  saved "a song.mp3" 300000 unverified      the index had no sum to compare
  served bob "a song.mp3"                   or: error serve bob "a song.mp3" REASON
  left REASON                               the server is gone`,
		Example: `  p2pspec serve napster --listen 127.0.0.1:8888 --motd "Welcome."
  p2pspec serve napster --connect 127.0.0.1:8888 --nick joe --share ./songs --listen 127.0.0.1:6699
  p2pspec serve napster --connect 127.0.0.1:8888 --nick ann --search "a song" --download .`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.client.connect != "" {
				return a.serveNapsterClient(cmd.Context(), f)
			}
			return a.serveNapster(cmd.Context(), f)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.listen, "listen", "127.0.0.1:0",
		"address to listen on, a client's for transfers; port 0 takes a free one")
	fl.StringArrayVar(&f.motd, "motd", nil, "line of the message of the day; may be repeated")
	f.client.add(cmd)
	return cmd
}

func (a *app) serveNapster(ctx context.Context, f napsterFlags) error {
	if f.client != (napsterClientFlags{nick: defaultNick}) {
		return usagef("serve: --nick, --share, --firewalled, --search and --download are a client's: --connect " +
			"makes one")
	}
	listen, err := parseAddr("--listen", f.listen)
	if err != nil {
		return err
	}
	j := &journal{w: a.out, drops: map[string]int{}}
	server, err := transportnapster.Serve(transportnapster.ServerConfig{
		Listen: listen, Observe: j.observe,
		Server: napster.ServerConfig{MOTD: f.motd, Epoch: time.Now().Unix()},
	})
	if err != nil {
		return usagef("serve: %v", err)
	}
	j.printf("ready %v\n", server.LocalAddr())
	<-ctx.Done()
	server.Close()
	n := server.Stats()
	j.printf("accepted %d streams, received %d messages (%d bytes), sent %d bytes%s\n",
		n.Accepted, n.Received, n.ReceivedBytes, n.SentBytes, j.dropped())
	return nil
}
