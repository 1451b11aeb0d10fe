package napster

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// ClientConfig describes a client. Zero fields take the defaults.
type ClientConfig struct {
	Server netip.AddrPort // required
	User   NewUser        // required: Nick, Password and Client; Email to register with

	MaxShared  int // files, 1…65536; default 5000
	MaxListing int // files that are taken of one browse, 1…65536; default 65536
	MaxOps     int // commands under way, 1…1024; default 64

	Patience time.Duration // with the answer to a command; default 1 min
}

func (c ClientConfig) withDefaults() (ClientConfig, error) {
	c.MaxShared = cmp.Or(c.MaxShared, 5000)
	c.MaxListing = cmp.Or(c.MaxListing, 1<<16)
	c.MaxOps = cmp.Or(c.MaxOps, 64)
	c.Patience = cmp.Or(c.Patience, time.Minute)
	for _, l := range []struct {
		name    string
		v, high int
	}{{"MaxShared", c.MaxShared, 1 << 16}, {"MaxListing", c.MaxListing, 1 << 16}, {"MaxOps", c.MaxOps, 1024}} {
		if l.v < 1 || l.v > l.high {
			return c, fmt.Errorf("napster: ClientConfig.%s is %d, want 1 to %d", l.name, l.v, l.high)
		}
	}
	if err := checkTimeout("ClientConfig.Patience", c.Patience); err != nil {
		return c, err
	}
	if !c.Server.IsValid() || c.Server.Port() == 0 {
		return c, fmt.Errorf("napster: ClientConfig.Server is %v: no stream can be dialled there", c.Server)
	}
	if _, err := c.User.Login.Message(); err != nil {
		return c, fmt.Errorf("napster: ClientConfig.User: %w", err)
	}
	return c, nil
}

// MaxEffects bounds the effects of one Step: the end of every command, and what one
// input causes besides.
func (c ClientConfig) MaxEffects() (int, error) {
	c, err := c.withDefaults()
	const besides = 8
	return c.MaxOps + besides, err
}

// Enter dials the server and logs in. Result: [Entered].
type Enter struct {
	Op       spec.OpID
	Register bool // the nick, with the Email of the configuration
}

// Quit leaves the server. Result: none.
type Quit struct{ Op spec.OpID }

// Share offers a file to everybody. The server does not answer. Result: none. Errors:
// [ErrRoom], or that of [CheckFileName] or [File.Message]; the file is not shared then.
type Share struct {
	Op   spec.OpID
	File File
}

// Unshare takes an offer back. Result: none.
type Unshare struct {
	Op   spec.OpID
	Name string
}

// Find searches. One search goes at a time: answers do not say what they answer.
// Result: [Found].
type Find struct {
	Op     spec.OpID
	Search Search
}

// Browse asks for the files of a user. Result: [Browsed].
type Browse struct {
	Op   spec.OpID
	Nick string
}

// Get asks to download a file. Result: [Ready].
type Get struct {
	Op      spec.OpID
	Request Request
}

// Identify asks who somebody is. Result: [Identified].
type Identify struct {
	Op   spec.OpID
	Nick string
}

// AskSpeed asks how fast somebody's line is. Result: [Gauged].
type AskSpeed struct {
	Op   spec.OpID
	Nick string
}

// FindSame asks who has a file of the same sum and size, to resume its download. One
// such question goes at a time. Result: [Matched].
type FindSame struct {
	Op     spec.OpID
	Resume Resume
}

// Ping asks whether somebody's client answers. Result: [Answered].
type Ping struct {
	Op   spec.OpID
	Nick string
}

// Report tells the server that a transfer began or ended. Result: none.
type Report struct {
	Op             spec.OpID
	Upload, Begins bool
}

func (Enter) IsInput()    {}
func (Quit) IsInput()     {}
func (Share) IsInput()    {}
func (Unshare) IsInput()  {}
func (Find) IsInput()     {}
func (Browse) IsInput()   {}
func (Get) IsInput()      {}
func (Identify) IsInput() {}
func (AskSpeed) IsInput() {}
func (FindSame) IsInput() {}
func (Ping) IsInput()     {}
func (Report) IsInput()   {}

// Entered is the login's result: the address that the server has of the user.
type Entered struct{ Email string }

// Found is the result of a search.
type Found struct{ Results []Result }

// Browsed is somebody's list of files.
type Browsed struct {
	Nick  string
	Files []File
}

// Ready says how a file comes: connect to Ack.Addr and send [Download]; or, with
// Push, wait for the uploader to connect and send [Upload].
type Ready struct {
	Ack  Ack
	Push bool
}

// Identified says who somebody is, or, if he is not there, was.
type Identified struct {
	There bool
	Is    Whois
	Was   Whowas
}

// Gauged is how fast somebody's line is.
type Gauged struct{ Speed Speed }

// Matched is the result of [FindSame].
type Matched struct{ Matches []Match }

// Answered is the answer to a ping.
type Answered struct{ Nick string }

// Said notifies of text for the user: the message of the day, or an error of the
// server that belongs to no command for certain.
type Said struct {
	Type Type
	Text string
}

// Counted notifies of the server's statistics.
type Counted struct{ Stats Stats }

// Wanted notifies that somebody was granted a file. He connects, or, if this client is
// behind a firewall, a [PushTo] follows.
type Wanted struct{ Request Request }

// PushTo notifies that somebody waits for a file: connect to Ack.Addr and send
// [Upload].
type PushTo struct{ Ack Ack }

// Left notifies that the server is gone.
type Left struct{ Err error }

func (Entered) IsEvent()    {}
func (Found) IsEvent()      {}
func (Browsed) IsEvent()    {}
func (Ready) IsEvent()      {}
func (Identified) IsEvent() {}
func (Gauged) IsEvent()     {}
func (Matched) IsEvent()    {}
func (Answered) IsEvent()   {}
func (Said) IsEvent()       {}
func (Counted) IsEvent()    {}
func (Wanted) IsEvent()     {}
func (PushTo) IsEvent()     {}
func (Left) IsEvent()       {}
