// Command peer is anacrolix/torrent as one peer of one torrent, over TCP:
//
//	peer TORRENT DIR PORT [PEER...]
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
	if len(args) < 3 {
		return fmt.Errorf("usage: peer TORRENT DIR PORT [PEER...]")
	}
	port, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	c := torrent.NewDefaultClientConfig()
	c.Slogger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	c.ListenHost = func(string) string { return "127.0.0.1" }
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
	client, err := torrent.NewClient(c)
	if err != nil {
		return err
	}
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
	for _, peer := range args[3:] {
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
