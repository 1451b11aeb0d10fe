// Command member is one member of github.com/hashicorp/memberlist:
//
//	member --name n1 --ip 127.0.0.1 --port 7946 [--join "127.0.0.2:7946"] ...
//
// It prints what it sees, one line each; texts are quoted as in Go:
//
//	ready "n1" 127.0.0.1:7946
//	joined "n2" 127.0.0.2:7946 "its metadata"
//	updated "n2" 127.0.0.2:7946 "its metadata"
//	gone "n2"          it has failed or left: the library does not say which
//	user "bytes of a user message"
//	merged "the application's state of another member"
//
// Each line on stdin is a command, which is answered by "ok COMMAND ..." or by
// "error COMMAND ...":
//
//	join ADDRESS...
//	members            answered by the name of each that is not gone
//	meta TEXT
//	broadcast TEXT     by gossip
//	send NAME TEXT     in one packet
//	stream NAME TEXT   over TCP
//	leave              the process goes on
//
// SIGINT and SIGTERM make it leave and end. Logs are on stderr.
package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
)

// patience bounds how long a broadcast of our own may take to go out: less than
// a harness waits for a program to end.
const patience = 2 * time.Second

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println(version())
		return
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "member:", err)
		os.Exit(1)
	}
}

// version is that of the judged module.
func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		if m.Path == "github.com/hashicorp/memberlist" {
			return m.Version
		}
	}
	return "unknown"
}

func run() error {
	cfg, app, join, err := configure()
	if err != nil {
		return err
	}
	list, err := memberlist.Create(cfg)
	if err != nil {
		return err
	}
	app.queue.NumNodes = list.NumMembers
	app.printf("ready %q %v", cfg.Name, list.LocalNode().Address())
	if len(join) > 0 {
		if _, err := list.Join(join); err != nil {
			return err
		}
	}
	commands := make(chan string)
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			commands <- lines.Text()
		}
	}()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	for {
		select {
		case line := <-commands:
			verb, rest, _ := strings.Cut(line, " ")
			if answer, err := app.command(list, verb, rest); err != nil {
				app.printf("error %s %v", verb, err)
			} else {
				app.printf("%s", strings.TrimSpace("ok "+verb+" "+answer))
			}
		case <-signals:
			return errors.Join(list.Leave(patience), list.Shutdown())
		}
	}
}

// configure reads the command line. Each setting that it leaves out is as in the
// profile, and an empty one is one left out.
func configure() (*memberlist.Config, *application, []string, error) {
	name := flag.String("name", "target", "the member's name")
	ip := flag.String("ip", "127.0.0.1", "where it listens")
	port := flag.Int("port", 7946, "where it listens, for UDP and TCP")
	join := flag.String("join", "", "members to join, with blanks between")
	profile := flag.String("profile", "local", "lan, wan or local")
	keys := flag.String("key", "", "secret keys in hex, with blanks between; the first encrypts")
	label := flag.String("label", "", "label of packets and streams")
	compress := flag.Bool("compress", true, "compress what it sends")
	protocol := flag.Int("protocol", 0, "protocol version to speak; 0 is the profile's")
	meta := flag.String("meta", "", "metadata")
	forward := flag.Bool("forward", false, "broadcast each user message that is new, once")
	state := flag.String("state", "", "the application's state, which push/pull carries")
	flag.Parse()
	if flag.NArg() > 0 {
		return nil, nil, nil, fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	profiles := map[string]func() *memberlist.Config{
		"lan": memberlist.DefaultLANConfig, "wan": memberlist.DefaultWANConfig,
		"local": memberlist.DefaultLocalConfig, "": memberlist.DefaultLocalConfig,
	}
	base := profiles[*profile]
	if base == nil {
		return nil, nil, nil, fmt.Errorf("profile %q: it is lan, wan or local", *profile)
	}
	cfg := base()
	app := newApplication(*forward, *state)
	app.setMeta(*meta)
	cfg.Name, cfg.Label, cfg.EnableCompression = *name, *label, *compress
	cfg.BindAddr, cfg.BindPort, cfg.AdvertisePort = *ip, *port, *port
	cfg.Delegate, cfg.Events = app, events{app}
	if *protocol != 0 {
		cfg.ProtocolVersion = uint8(*protocol)
	}
	ring, err := keyring(strings.Fields(*keys))
	if err != nil {
		return nil, nil, nil, err
	}
	cfg.Keyring = ring
	return cfg, app, strings.Fields(*join), nil
}

// keyring is nil without keys.
func keyring(texts []string) (*memberlist.Keyring, error) {
	var keys [][]byte
	for _, text := range texts {
		key, err := hex.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", text, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, nil
	}
	return memberlist.NewKeyring(keys, keys[0])
}
