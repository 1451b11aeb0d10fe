// Command peer is anacrolix/torrent as one peer of one torrent, over TCP:
//
//	peer IP PORT DIR ENCRYPTION TORRENT|MAGNET [PEER...]
//	peer parse TORRENT|MAGNET
//
// It checks what is in DIR, fetches what is missing, says "done" and goes on
// seeding until SIGTERM. The configuration is the default, but for what would
// look beyond the torrent's own trackers, web seeds and the given peers, and
// for uTP. The variable MAX_PEERS may say how many connections it has at most.
package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"syscall"

	"github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/storage"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println(version())
		return
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

// version is that of the judged module.
func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		if m.Path == "github.com/anacrolix/torrent" {
			return m.Version
		}
	}
	return "unknown"
}

func run(args []string) error {
	if len(args) == 2 && args[0] == "parse" {
		return parse(args[1])
	}
	if len(args) < 5 {
		return errors.New("usage: peer IP PORT DIR ENCRYPTION TORRENT|MAGNET [PEER...]")
	}
	port, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	client, err := torrent.NewClient(config(args[0], port, args[2], args[3]))
	if err != nil {
		return err
	}
	defer client.Close()
	// Others know it by the address that it listens at.
	client.AddDialer(torrent.NetworkDialer{
		Network: "tcp", Dialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(args[0])}},
	})
	t, err := add(client, args[4])
	if err != nil {
		return err
	}
	for _, peer := range args[5:] {
		addr, err := net.ResolveTCPAddr("tcp", peer)
		if err != nil {
			return err
		}
		t.AddPeers([]torrent.PeerInfo{{Addr: addr, Source: torrent.PeerSourceDirect, Trusted: true}})
	}
	go func() {
		<-t.GotInfo()
		t.DownloadAll() // who wants nothing accepts no connections
		if err := t.VerifyData(); err != nil {
			slog.Error("what is in the folder cannot be checked", "error", err)
		}
		<-t.Complete().On()
		fmt.Println("done")
	}()
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
	return nil
}

func config(ip string, port int, dir, encryption string) *torrent.ClientConfig {
	c := torrent.NewDefaultClientConfig()
	c.Slogger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	c.ListenHost = func(string) string { return ip }
	c.ListenPort = port
	c.Seed = true
	c.NoDHT, c.DisableUTP, c.DisableIPv6, c.DisableWebtorrent = true, true, true, true
	c.NoDefaultPortForwarding = true
	c.DialForPeerConns = false // its own dialer leaves the address to the system
	if n, err := strconv.Atoi(os.Getenv("MAX_PEERS")); err == nil {
		c.EstablishedConnsPerTorrent = n
	}
	if encryption != "" {
		c.HeaderObfuscationPolicy = torrent.HeaderObfuscationPolicy{
			Preferred: encryption != "plaintext", RequirePreferred: encryption != "preferred",
		}
	}
	c.DefaultStorage = storage.NewFileOpts(storage.NewFileClientOpts{
		ClientBaseDir: dir, PieceCompletion: storage.NewMapPieceCompletion(),
	})
	return c
}

func add(client *torrent.Client, what string) (*torrent.Torrent, error) {
	spec, err := specOf(what)
	if err != nil {
		return nil, err
	}
	t, _, err := client.AddTorrentSpec(spec)
	return t, err
}
