package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/conformance"
)

// threeFamilies are suites of a node, of a peer and of a tracker; the last two
// share a document.
func threeFamilies() []conformance.Suite {
	suite := func(name, family string, cases ...conformance.Case) conformance.Suite {
		for i := range cases {
			cases[i].Rev, cases[i].Level = 1, conformance.Must
			cases[i].Run = func(t *conformance.T) { t.Target(); t.Earn() }
		}
		return conformance.Suite{
			Name: name, Family: family, Cases: cases, Control: func(t *conformance.T) { t.Earn() },
		}
	}
	return []conformance.Suite{
		suite("bep5", "dht", conformance.Case{ID: "bep5/ping/x", Role: conformance.Responder}),
		suite("bep3", "bittorrent",
			conformance.Case{ID: "bep3/seed/x", Role: conformance.Seeder},
			conformance.Case{ID: "bep3/leech/x", Role: conformance.Leecher}),
		suite("bep3", "tracker", conformance.Case{ID: "bep3/server/x", Role: conformance.Tracker}),
		suite("bep15", "bittorrent", conformance.Case{ID: "bep15/client/x", Role: conformance.Leecher}),
		suite("bep15", "tracker", conformance.Case{ID: "bep15/server/x", Role: conformance.Tracker}),
	}
}

func checkThree(t *testing.T, args ...string) (out, errs string, code conformance.ExitCode) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &stdout, err: &stderr, suites: threeFamilies()}
	code = a.run(t.Context(), append([]string{"check"}, args...))
	return stdout.String(), stderr.String(), code
}

// aTorrent writes a metainfo file of one empty piece's worth of content.
func aTorrent(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.torrent")
	text := "d4:infod6:lengthi1e4:name1:x12:piece lengthi16384e6:pieces20:" + strings.Repeat("h", 20) + "ee"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTargetFlagsThatDoNotSuit(t *testing.T) {
	torrent := aTorrent(t)
	broken := filepath.Join(t.TempDir(), "broken.torrent")
	if err := os.WriteFile(broken, []byte("d4:infoi1ee"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, says string }{
		{"bittorrent --target 127.0.0.1:9", "add --torrent"},
		{"bep3 --target 127.0.0.1:9", "add --torrent, or name tracker, or give --role"},
		{"bep3/leech --target 127.0.0.1:9", "a leecher has to be started"},
		{"--target 127.0.0.1:9", "name one of dht, tracker, or give --role"},
		{"dht --target 127.0.0.1:9 --torrent " + torrent, "judged as a seeder"},
		{"--exec prog\\ {port}", "name one of dht, tracker, or give --role"},
		{"bep3 --torrent " + torrent, "--torrent goes with --target"},
		{"bep3 --target 127.0.0.1:9 --torrent " + broken, "broken.torrent: "},
		{"bep3 --target 127.0.0.1:9 --torrent nosuch.torrent", "nosuch.torrent"},
		{"bep3 --role seeder", "--role goes with"},
		{"bep3 --role peer --target 127.0.0.1:9", "use responder, querier, seeder, leecher, tracker, parser"},
		{"bittorrent --role tracker --target 127.0.0.1:9", "add --torrent"},
		{"bep5 --role tracker --target 127.0.0.1:9", "judged as a tracker"},
		{"bittorrent --exec true\\ {port}", "the command line has no {torrent}"},
		{"bep3 --client libtorrent --role tracker", "no case named is for that"},
		{"bep15 --client libtorrent --role tracker", "libtorrent"},
	} {
		args := strings.Split(c.args, " ")
		for i := 0; i < len(args); i++ {
			if strings.HasSuffix(args[i], "\\") {
				args[i] = strings.TrimSuffix(args[i], "\\") + " " + args[i+1]
				args = append(args[:i+1], args[i+2:]...)
			}
		}
		_, errs, code := checkThree(t, args...)
		if code != conformance.ExitUsage || !strings.Contains(errs, c.says) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%q: exit %d, %q; want exit 2 and %q", c.args, code, errs, c.says)
		}
	}
}

// A live target is judged in the roles that it can play, and the others are
// skipped with the reason; the command that repeats a case says all that is needed.
func TestLiveTargetIsJudgedInItsRole(t *testing.T) {
	torrent := aTorrent(t)
	for _, c := range []struct {
		args []string
		want map[string]conformance.Verdict
	}{
		{[]string{"bep3", "--torrent", torrent}, map[string]conformance.Verdict{
			"bep3/seed/x": conformance.Pass, "bep3/leech/x": conformance.Skipped, "bep3/server/x": conformance.Skipped,
		}},
		{[]string{"bep3", "--role", "tracker"}, map[string]conformance.Verdict{
			"bep3/seed/x": conformance.Skipped, "bep3/leech/x": conformance.Skipped, "bep3/server/x": conformance.Pass,
		}},
		{[]string{"bep15"}, map[string]conformance.Verdict{
			"bep15/server/x": conformance.Pass, "bep15/client/x": conformance.Skipped,
		}},
		{[]string{"--role", "tracker"}, map[string]conformance.Verdict{
			"bep15/server/x": conformance.Pass, "bep5/ping/x": conformance.Skipped,
		}},
	} {
		file := filepath.Join(t.TempDir(), "report.json")
		args := append(c.args, "--target", "127.0.0.1:9", "-o", file)
		if out, errs, code := checkThree(t, args...); code != conformance.ExitMet {
			t.Fatalf("%q: exit %d\n%s%s", c.args, code, out, errs)
		}
		for _, res := range readReport(t, file).Results {
			if want, ok := c.want[res.Case]; ok && res.Verdict != want {
				t.Errorf("%q: %s is %s (%s)", c.args, res.Case, res.Verdict, res.Reason)
			}
			for _, flag := range c.args {
				if strings.HasPrefix(flag, "--") && !strings.Contains(res.Repeat, flag) {
					t.Errorf("%q does not repeat %s", res.Repeat, flag)
				}
			}
		}
	}
}
