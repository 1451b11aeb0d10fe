package gnutella

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/napster"
	"github.com/p2pspec/p2pspec/spec"
)

// A script has a line for each input: a character for the type, one for the stream,
// and the text. These are the characters of the types in napsterType.
const napsterTypes = "LNCSUFGABPWwDdRrIiOoTEMxyzefghk"

// noSum is the sum of a file that nobody hashed.
const noSum = "00000000000000000000000000000000"

// aSum is the sum of one that somebody did.
const aSum = "01000000000000000000000000000000"

func napsterType(c byte) napster.Type {
	types := [...]napster.Type{
		napster.TypeLogin, napster.TypeNewUser, napster.TypeNickCheck, napster.TypeShare, napster.TypeUnshare,
		napster.TypeSearch, napster.TypeGet, napster.TypeUploadAck, napster.TypeBrowse, napster.TypePush,
		napster.TypeWhois, napster.TypeWhoisAck, napster.TypeDownStart, napster.TypeDownEnd, napster.TypeResult,
		napster.TypeResultEnd, napster.TypePing, napster.TypePong, napster.TypeBrowseItem, napster.TypeBrowseEnd,
		napster.TypeStats, napster.TypeError, napster.TypeLoginAck, napster.TypeGetAck, napster.TypePushAck,
		napster.TypeUpload, napster.TypeResume, napster.TypeResumeMatch, napster.TypeResumeEnd, napster.TypeSpeed,
		napster.TypeSpeedAck,
	}
	return types[max(0, strings.IndexByte(napsterTypes, c))]
}

// play hands a machine the lines of a script, and holds it to its bounds and
// invariants. A plus opens the stream, a minus closes it, and an empty line lets time
// pass.
func play(t *testing.T, m spec.Machine, bound int, script string, conn func(line byte) spec.Conn) {
	now := time.Duration(0)
	for _, line := range strings.Split(script, "\n") {
		if len(line) < 2 {
			now += 7 * time.Second
			line = "??"
		}
		c := conn(line[1])
		var in spec.Input = spec.Wake{}
		switch line[0] {
		case '?':
		case '+':
			in = spec.Opened{Conn: c, Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, line[1]}), 1)}
		case '-':
			in = spec.Closed{Conn: c}
		default:
			msg := napster.Message{Type: napsterType(line[0]), Text: line[2:]}
			if _, err := (napster.Codec{}).AppendMessage(nil, msg); err != nil {
				continue // it would not get here
			}
			in = spec.Got{Conn: c, Msg: msg}
		}
		effects := m.Step(now, in, nil)
		if len(effects) > bound {
			t.Fatalf("%d effects of %q, at most %d", len(effects), line, bound)
		}
		if err := m.Check(); err != nil {
			t.Fatalf("after %q: %v", line, err)
		}
		if at, ok := m.Deadline(); ok && at <= now {
			t.Fatalf("after %q: the deadline %v is not after %v", line, at, now)
		}
		for _, e := range effects {
			if w, ok := e.(spec.Write); ok {
				if _, err := (napster.Codec{}).AppendMessage(nil, w.Msg); err != nil {
					t.Fatalf("after %q: %v", line, err)
				}
			}
		}
	}
}

// FuzzNapsterServer: no messages of clients make the server panic, break an
// invariant or exceed its bounds.
func FuzzNapsterServer(f *testing.F) {
	f.Add(strings.Join([]string{
		`+a`, `Lafoo pw 1 "nap" 3`, `+b`, `Nbbar pw 0 "nap" 9 a@b`, `Sb"a song" ` + noSum + ` 5 128 44100 60`,
		`FaFILENAME CONTAINS "song"`, `Gabar "a song"`, `Pabar "a song"`, `Abfoo "a song"`, `Babar`, `Wafoo`,
		`Iabar`, `Da`, `da`, `hafoo`, `Sb"b" ` + aSum + ` 5 128 44100 60`, `ea` + aSum + ` 5`, `-b`, `Wabar`, ``,
	}, "\n"))
	f.Add("+a\n\n\n\n\n+b\nCbfoo\nSa\nLbx")
	cfg := napster.ServerConfig{MaxLinks: 4, MaxAccounts: 2, MaxFiles: 5, MaxUserFiles: 3, MaxGets: 2}
	bound, err := cfg.MaxEffects()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, script string) {
		s, err := napster.NewServer(cfg, 0)
		if err != nil {
			t.Fatal(err)
		}
		play(t, s, bound, script, func(c byte) spec.Conn { return -spec.Conn(c) - 1 })
	})
}

// FuzzNapsterClient: no messages of a server make a client that waits for all kinds
// of answers panic, break an invariant or exceed its bounds.
func FuzzNapsterClient(f *testing.F) {
	f.Add(strings.Join([]string{
		`R "a" ` + noSum + ` 5 128 44100 60 bar 16777343 3`, `r `, `O bar "a" ` + noSum + ` 1 2 3 4`, `o bar`,
		`x bar 16777343 0 "a" firewallerror 3`, `w bar "User" 1 "" "Active" 0 0 0 3 "nap"`, `z bar "mine"`,
		`y bar 1 1 "mine" ` + noSum + ` 1`, `f bar 1 1 "b" ` + aSum + ` 5 1`,
		`g `, `k bar 9`, `i bar`, `I bar`, `T 1 2 3`, `E oops`, ``, ``,
	}, "\n"))
	cfg := napster.ClientConfig{
		Server: netip.MustParseAddrPort("192.0.2.1:8888"), MaxListing: 2,
		User: napster.NewUser{Login: napster.Login{Nick: "foo", Password: "pw", Port: 1, Client: "nap"}},
	}
	bound, err := cfg.MaxEffects()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, script string) {
		c, err := napster.NewClient(cfg, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range []spec.Input{
			napster.Enter{Op: 1}, spec.Opened{Conn: 1},
			spec.Got{Conn: 1, Msg: napster.Message{Type: napster.TypeLoginAck, Text: "a@b"}},
			napster.Share{Op: 2, File: napster.File{Name: "mine"}}, napster.Find{Op: 3, Search: napster.Search{Words: "a"}},
			napster.Browse{Op: 4, Nick: "bar"}, napster.Get{Op: 5, Request: napster.Request{Nick: "bar", Name: "a"}},
			napster.Identify{Op: 6, Nick: "bar"}, napster.Ping{Op: 7, Nick: "bar"}, napster.AskSpeed{Op: 8, Nick: "bar"},
			napster.FindSame{Op: 9, Resume: napster.Resume{MD5: napster.MD5{1}, Size: 5}},
		} {
			c.Step(0, in, nil)
		}
		play(t, c, bound, script, func(byte) spec.Conn { return 1 })
	})
}
