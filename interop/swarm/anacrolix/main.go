// Command peer is anacrolix/torrent as one peer of one torrent, over TCP:
//
//	peer TORRENT DIR IP PORT [PEER...]
//
// It checks what is in DIR, serves it and fetches what is missing, until it is
// ended.
package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"

	"github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/metainfo"
	"github.com/anacrolix/torrent/storage"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 4 {
		return fmt.Errorf("usage: peer TORRENT DIR IP PORT [PEER...]")
	}
	port, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	c := torrent.NewDefaultClientConfig()
	c.Slogger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	c.ListenHost = func(string) string { return args[2] }
	c.ListenPort = port
	c.Seed = true
	c.NoDHT, c.DisableUTP, c.DisableIPv6, c.DisableWebtorrent, c.DisableWebseeds = true, true, true, true, true
	c.NoDefaultPortForwarding = true
	c.HeaderObfuscationPolicy = torrent.HeaderObfuscationPolicy{
		Preferred: os.Getenv("ENCRYPTION") == "require", RequirePreferred: os.Getenv("ENCRYPTION") == "require",
	}
	c.DefaultStorage = storage.NewFileOpts(storage.NewFileClientOpts{
		ClientBaseDir: args[1], PieceCompletion: storage.NewMapPieceCompletion(),
	})
	c.DialForPeerConns = false // the dialer below has the address
	client, err := torrent.NewClient(c)
	if err != nil {
		return err
	}
	client.AddDialer(torrent.NetworkDialer{
		Network: "tcp", Dialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(args[2])}},
	})
	meta, err := metainfo.LoadFromFile(args[0])
	if err != nil {
		return err
	}
	t, err := client.AddTorrent(meta)
	if err != nil {
		return err
	}
	if err := t.VerifyData(); err != nil {
		return err
	}
	for _, peer := range args[4:] {
		addr, err := net.ResolveTCPAddr("tcp", peer)
		if err != nil {
			return err
		}
		t.AddPeers([]torrent.PeerInfo{{Addr: addr, Source: torrent.PeerSourceDirect, Trusted: true}})
	}
	t.DownloadAll()
	fmt.Println("ready")
	<-t.Complete().On()
	fmt.Println("done")
	select {}
}
