package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/null"
	"github.com/p2pspec/p2pspec/conformance/report"
	"github.com/p2pspec/p2pspec/conformance/suites"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
)

// p2pspec runs one command line in this process.
func p2pspec(t *testing.T, args ...string) (out, errs string, code conformance.ExitCode) {
	t.Helper()
	return p2pspecIn(t, "", args...)
}

func p2pspecIn(
	t *testing.T, in string, args ...string,
) (out, errs string, code conformance.ExitCode) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	a := &app{in: strings.NewReader(in), out: &stdout, err: &stderr, suites: suites.All()}
	code = a.run(t.Context(), args)
	return stdout.String(), stderr.String(), code
}

// aNode is a reference node on a real socket.
func aNode(t *testing.T) string {
	t.Helper()
	return serveNode(t, mainline.Codec{})
}

func serveNode(t *testing.T, codec spec.Codec) string {
	t.Helper()
	node, err := mainline.New(mainline.Config{Seed: [32]byte{1}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	u, err := transport.ListenUDP(netip.MustParseAddrPort("127.0.0.1:0"),
		transport.UDPConfig{Machine: node, Codec: codec})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close() })
	return u.LocalAddr().String()
}

// fast are cases that a healthy node answers at once.
var fast = []string{"bep5/ping", "bep44/immutable/stored-under-its-hash"}

func check(args ...string) []string { return append(append([]string{"check"}, fast...), args...) }

func TestUsageErrors(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.txt")
	if err := os.WriteFile(broken, []byte("bep5/ping fail\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	stranger := filepath.Join(dir, "stranger.txt")
	text := "bep5/ping/no-such-case fail rev=1 # why\n"
	if err := os.WriteFile(stranger, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	target := []string{"--target", "127.0.0.1:9"}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"chek"}, `unknown command "chek"`},
		{[]string{"check", "--colour"}, "see `p2pspec check --help`"},
		{[]string{"check", "nosuchcase"}, `is named "nosuchcase"; nearest: `},
		{append(check("--level", "shall"), target...), "must, should, defacto, may"},
		{append(check("--format", "yaml"), target...), "junit"},
		{append(check("-o", "report.pdf"), target...), ".html"},
		{append(check("-o", filepath.Join(dir, "no", "r.json")), target...), "cannot be written"},
		{append(check("--baseline", filepath.Join(dir, "missing")), target...),
			"--write-baseline makes one"},
		{append(check("--baseline", broken), target...), "broken.txt:1: bep5/ping lacks rev=N"},
		{append(check("--baseline", stranger), target...), "stranger.txt:1: no case is named"},
		{append(check("--write-baseline", broken), target...), "broken.txt:1: "},
		{append(check("--repeat", "0"), target...), "--repeat 0"},
		{append(check("--jobs", "-1"), target...), "--jobs -1"},
		{append(check("--timeout", "soon"), target...), "--timeout"},
		{check("--target", "127.0.0.1"), "write IP:PORT"},
		{check("--target", "example.org:6881"), "names are not looked up"},
		{check("--target", "127.0.0.1:70000"), "up to 65535"},
		{check("--target", "192.0.2.1:6881"), "--allow-remote"},
		{check("--target", "[::1]:6881"), "judged at its IPv4 address"},
		{check("--target", "127.0.0.1:9", "--exec", "x"), "a run has one target"},
		{check("--target", "127.0.0.1:9", "--tape", "x"), "a run has one target"},
		{check("--tape", filepath.Join(dir, "missing")), "--tape: open "},
		{check("--tape", broken), "broken.txt: no tape: "},
		{append(check("--record", filepath.Join(dir, "no", "x.tape")), target...), "cannot be written"},
		{append(check("--record", filepath.Join(dir, "x.tape"), "--repeat", "2"), target...), "one run of each case"},
		{check("--record", "x.tape", "--tape", "x.tape"), "the same tape"},
		{check("--timeout", "3s", "--tape", "x.tape"), "that of its run"},
		{check("--exec", "node 'open"), "a quote is not closed"},
		{check("--exec", " "), "the command is empty"},
		{check("--client", "nosuchclient"), "libtorrent"},
		{[]string{"list", "nosuchcase"}, "nosuchcase"},
		{[]string{"list", "--format", "xml"}, "text, json or md"},
		{[]string{"explain"}, "name a case or a requirement"},
		{[]string{"explain", "BEP05-RPC-999"}, "a requirement is written like"},
		{[]string{"decode"}, "there are: bittorrent, dht, gnutella, napster, swim"},
		{[]string{"decode", "gopher"}, "there are: bittorrent, dht, gnutella, napster, swim"},
		{[]string{"decode", "dht", "xyz"}, "not hexadecimal"},
		{[]string{"decode", "dht", "6869"}, "not a KRPC message"},
		{[]string{"vectors", "nosuchproto"}, "krpc"},
		{[]string{"vectors", "--format", "xml"}, "text or json"},
		{[]string{"sim"}, "there are: chord, chord-balance"},
		{[]string{"sim", "nosuchexperiment"}, "kademlia-churn"},
		{[]string{"sim", "kademlia", "--nodes", "1"}, "1 nodes"},
		{[]string{"serve"}, "there are: dht"},
		{[]string{"serve", "dht", "--listen", "here"}, "write IP:PORT"},
		{[]string{"serve", "dht", "--state", broken}, "remove it to begin anew"},
	} {
		out, errs, code := p2pspec(t, c.args...)
		if code != conformance.ExitUsage || !strings.Contains(errs, c.says) {
			t.Errorf("%q: exit %d, %q; want exit 2 and %q", c.args, code, errs, c.says)
		}
		if out != "" {
			t.Errorf("%q: a usage error printed %q", c.args, out)
		}
		if strings.Count(errs, "\n") != 1 {
			t.Errorf("%q: %q is not one sentence on one line", c.args, errs)
		}
	}
}

func TestCheckMeetsTheReferenceNode(t *testing.T) {
	out, errs, code := p2pspec(t, check("--target", aNode(t))...)
	if code != conformance.ExitMet || errs != "" {
		t.Fatalf("exit %d, %q\n%s", code, errs, out)
	}
	if !strings.Contains(out, "✓ pass") || !strings.HasSuffix(out, "met: every judged case held\n") {
		t.Errorf("the table or the outcome is missing:\n%s", out)
	}
}

// A target that shows nothing earns nothing, ends soon, and still gets its
// report.
func TestNullTargets(t *testing.T) {
	for _, kind := range null.Datagram() {
		if !slices.Contains([]string{"closed", "sink", "echo", "random"}, kind.Name) {
			continue // the suites' own tests have them all
		}
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			addr, stop, err := null.Listen(kind)
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			file := filepath.Join(t.TempDir(), "report.json")
			began := time.Now()
			out, _, code := p2pspec(t, "check", "dht", "--target", addr.String(), "-o", file)
			if code == conformance.ExitMet || code == conformance.ExitHarness {
				t.Errorf("exit %d:\n%s", code, out)
			}
			if took := time.Since(began); took > nullWait {
				t.Errorf("it took %v", took)
			}
			if r := readReport(t, file); r.Summary[conformance.Pass] != 0 || r.Exit != code {
				t.Errorf("%d passes, exit %d and %d", r.Summary[conformance.Pass], r.Exit, code)
			}
		})
	}
}

// nullWait is how long a run against a target of no use may take.
const nullWait = 30 * time.Second

func readReport(t *testing.T, file string) *conformance.Report {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := report.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFormats(t *testing.T) {
	target, dir := aNode(t), t.TempDir()
	args := check("--target", target)
	for _, ending := range []string{"txt", "json", "ndjson", "xml", "tap", "md", "html"} {
		args = append(args, "-o", filepath.Join(dir, "report."+ending))
	}
	out, errs, code := p2pspec(t, args...)
	if code != conformance.ExitMet {
		t.Fatalf("exit %d, %s", code, errs)
	}
	for ending, begins := range map[string]string{
		"json": "{", "ndjson": `{"type":"result"`, "xml": "<?xml", "tap": "TAP version 14",
		"md": "## p2pspec", "html": "<!doctype html>",
	} {
		text, err := os.ReadFile(filepath.Join(dir, "report."+ending))
		if err != nil || !strings.HasPrefix(string(text), begins) {
			t.Errorf("report.%s: %v, begins %.40q, want %q", ending, err, text, begins)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "report.txt"))
	if err != nil || string(text) != out {
		t.Errorf("report.txt is not what was printed: %v", err)
	}
	r := readReport(t, filepath.Join(dir, "report.json"))
	want := "p2pspec check " + r.Results[0].Case + " --target " + target + " --seed 1"
	if r.Results[0].Repeat != want {
		t.Errorf("repeat %q, want %q", r.Results[0].Repeat, want)
	}
}

func TestFormatOfTheStandardOutput(t *testing.T) {
	target := aNode(t)
	out, _, _ := p2pspec(t, check("--target", target, "--format", "json")...)
	if _, err := report.Read(strings.NewReader(out)); err != nil {
		t.Error(err)
	}
	out, _, _ = p2pspec(t, check("--target", target, "--format", "junit")...)
	if err := xml.Unmarshal([]byte(out), new(struct{ XMLName xml.Name })); err != nil {
		t.Error(err)
	}
	out, _, _ = p2pspec(t, check("--target", target, "--format", "ndjson")...)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for _, l := range lines {
		if !json.Valid([]byte(l)) {
			t.Errorf("%.80q is not JSON", l)
		}
	}
	if !strings.HasPrefix(lines[len(lines)-1], `{"type":"report"`) {
		t.Errorf("the last line is %.80q", lines[len(lines)-1])
	}
	file := filepath.Join(t.TempDir(), "report.data")
	out, _, _ = p2pspec(t, check("--target", target, "--format", "tap", "-o", file)...)
	text, err := os.ReadFile(file)
	if err != nil || !strings.HasPrefix(string(text), "TAP version 14") ||
		!strings.Contains(out, "every judged case held") {
		t.Errorf("--format is not that of the file: %v, %.40q", err, text)
	}
}

// faulty is the wire format of a node that, while bad is set, answers under
// two ids in turn and leaves out its version.
type faulty struct {
	mainline.Codec
	bad   *atomic.Bool
	count *atomic.Int64
}

func (f faulty) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	out := *m.(*mainline.Message)
	if f.bad.Load() {
		out.V = nil
		out.ID[19] ^= byte(f.count.Add(1) & 1)
	}
	return f.Codec.AppendMessage(b, &out)
}

func TestBaselineFromRunToRun(t *testing.T) {
	bad := &atomic.Bool{}
	bad.Store(true)
	target := serveNode(t, faulty{bad: bad, count: &atomic.Int64{}})
	known := filepath.Join(t.TempDir(), "known.txt")
	const fails, warns = "bep5/krpc/same-id-in-every-response", "bep5/krpc/states-its-version"
	run := func(want conformance.ExitCode, args ...string) string {
		t.Helper()
		args = append([]string{"check", fails, warns, "bep44/immutable/stored-under-its-hash",
			"--target", target}, args...)
		out, errs, code := p2pspec(t, args...)
		if code != want || errs != "" {
			t.Fatalf("%q: exit %d, want %d\n%s%s", args, code, want, errs, out)
		}
		return out
	}
	run(conformance.ExitUnmet, "--write-baseline", known)
	out := run(conformance.ExitMet, "--baseline", known)
	if !strings.Contains(out, "fail (xfail)") || !strings.Contains(out, "1 known failure") {
		t.Errorf("the known failure is not shown:\n%s", out)
	}
	run(conformance.ExitUnmet, "--baseline", known, "--strict")
	run(conformance.ExitUnmet, "--baseline", known, "--strict", "--write-baseline", known)
	run(conformance.ExitMet, "--baseline", known, "--strict")
	text, err := os.ReadFile(known)
	if err != nil || !strings.Contains(string(text), fails) || !strings.Contains(string(text), warns) {
		t.Errorf("the baseline is\n%s%v", text, err)
	}
	out = run(conformance.ExitMet, "--baseline", known, "--format", "ndjson")
	if !strings.Contains(strings.Split(out, "\n")[0], `"overlay":"xfail"`) {
		t.Error("the stream does not know the baseline")
	}

	bad.Store(false)
	out = run(conformance.ExitUnmet, "--baseline", known)
	if !strings.Contains(out, "2 stale baseline lines") || !strings.Contains(out, "remove the line") {
		t.Errorf("the stale lines are not named:\n%s", out)
	}
	run(conformance.ExitUnmet, "--baseline", known, "--write-baseline", known)
	if text, err := os.ReadFile(known); err != nil || len(text) > 0 {
		t.Errorf("stale lines are left: %q, %v", text, err)
	}
}

// What a target did is judged again when it is gone.
func TestTapeOfATarget(t *testing.T) {
	bad := &atomic.Bool{}
	bad.Store(true)
	tape := filepath.Join(t.TempDir(), "faulty.tape")
	const fails = "bep5/krpc/same-id-in-every-response"
	target := serveNode(t, faulty{bad: bad, count: &atomic.Int64{}})
	was, errs, code := p2pspec(t, "check", "bep5/krpc", "--target", target, "--record", tape, "--seed", "5")
	if code != conformance.ExitUnmet || errs != "" {
		t.Fatalf("exit %d, %s\n%s", code, errs, was)
	}
	bad.Store(false)
	for _, remote := range []string{"192.0.2.1:6881", "127.0.0.1:9"} { // refused, and with nobody there
		_, errs, code = p2pspec(t, "check", fails, "--target", remote, "--record", tape)
		if code != conformance.ExitUsage && code != conformance.ExitUnreachable {
			t.Fatalf("%s: exit %d, %s", remote, code, errs)
		}
	}
	out, errs, code := p2pspec(t, "check", fails, "bep44", "--tape", tape)
	if code != conformance.ExitUnmet || errs != "" || !strings.Contains(out, "p2pspec check "+fails+" --tape ") ||
		!strings.Contains(out, "tape of live), seed 5, 1 case,") {
		t.Errorf("exit %d, %s\n%s", code, errs, out)
	}
	for says, args := range map[string][]string{
		"the tape was made with 5":          {"bep5", "--tape", tape, "--seed", "6"},
		"none of the 44 cases named is on ": {"bep44", "--tape", tape},
		"--role goes with":                  {"bep5", "--tape", tape, "--role", "responder"},
	} {
		if _, errs, code := p2pspec(t, append([]string{"check"}, args...)...); code != conformance.ExitUsage ||
			!strings.Contains(errs, says) {
			t.Errorf("%q: exit %d, %q; want %q", args, code, errs, says)
		}
	}
}

func TestNoBaselineOfNothing(t *testing.T) {
	known := filepath.Join(t.TempDir(), "known.txt")
	_, errs, code := p2pspec(t, check("--target", "127.0.0.1:9", "--write-baseline", known)...)
	if _, err := os.Stat(known); code != conformance.ExitUnreachable || err == nil ||
		!strings.Contains(errs, "was not written") {
		t.Errorf("exit %d, %q; the file exists: %v", code, errs, err == nil)
	}
}

func TestCheckAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("fourteen hundred cases have their clocks, for which a build that looks for races is too slow")
	}
	out, errs, code := p2pspec(t, "check")
	if code != conformance.ExitMet {
		t.Fatalf("exit %d\n%s%s", code, errs, out)
	}
	for _, s := range suites.All() {
		if !strings.Contains(out, "│ "+s.Name+" ") {
			t.Errorf("%s is not in the table", s.Name)
		}
	}
}

// A client that cannot be started is unreachable, and has its report.
func TestExecThatDoesNotStart(t *testing.T) {
	for command, says := range map[string]string{
		"/nonexistent/node --port {port}": "unreachable: the target did not start",
		"/nonexistent/adapter":            "no such file",
	} {
		out, errs, code := p2pspec(t, check("--exec", command)...)
		if code != conformance.ExitUnreachable || !strings.Contains(out, says) {
			t.Errorf("%s: exit %d, %s\n%s", command, code, errs, out)
		}
	}
}

func TestListAndExplain(t *testing.T) {
	out, _, code := p2pspec(t, "list", "bep5/ping", "--format", "json")
	var cases []map[string]any
	if err := json.Unmarshal([]byte(out), &cases); err != nil || code != 0 || len(cases) == 0 {
		t.Fatalf("exit %d, %v, %d cases", code, err, len(cases))
	}
	id := cases[0]["id"].(string)
	requirement := cases[0]["requirements"].([]any)[0].(string)
	for _, format := range []string{"text", "md"} {
		out, _, code = p2pspec(t, "list", "bep5/ping", "--format", format)
		if code != 0 || !strings.Contains(out, id) || !strings.Contains(out, requirement) {
			t.Errorf("list --format %s: exit %d\n%s", format, code, out)
		}
	}
	out, _, code = p2pspec(t, "explain", id)
	if code != 0 || !strings.Contains(out, requirement) || !strings.Contains(out, "run it") {
		t.Errorf("explain %s: exit %d\n%s", id, code, out)
	}
	out, _, code = p2pspec(t, "explain", strings.ToLower(requirement))
	if code != 0 || !strings.Contains(out, id) {
		t.Errorf("explain %s: exit %d\n%s", requirement, code, out)
	}
}

func TestDecode(t *testing.T) {
	const ping = "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"
	want, _, code := p2pspec(t, "decode", "dht", hex.EncodeToString([]byte(ping)))
	if code != 0 || !strings.Contains(want, "node id of the querier") ||
		!strings.Contains(want, "BEP05-KRPC-003") {
		t.Fatalf("exit %d\n%s", code, want)
	}
	for _, in := range []string{ping, fmt.Sprintf("%x\n", ping), fmt.Sprintf("% X", ping)} {
		if out, _, code := p2pspecIn(t, in, "decode", "dht", "-"); code != 0 || out != want {
			t.Errorf("%q from the standard input: exit %d\n%s", in, code, out)
		}
	}
	out, _, code := p2pspec(t, "decode", "dht", hex.EncodeToString([]byte("d1:y1:q1:t2:aae")))
	if code != 0 || !strings.Contains(out, "A strict reader refuses it") ||
		!strings.Contains(out, "WRONG: a is missing") {
		t.Errorf("exit %d\n%s", code, out)
	}
	out, _, code = p2pspec(t, "decode", "bittorrent", "0000000d 06 00000001 00004000 00005000 000000")
	if code != 0 || !strings.Contains(out, "0.request.length") || !strings.Contains(out, "WRONG: at most 16384") ||
		!strings.Contains(out, "1.incomplete") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

func TestVectors(t *testing.T) {
	out, _, code := p2pspec(t, "vectors", "krpc", "--format", "json")
	var file struct{ Protocol string }
	if err := json.Unmarshal([]byte(out), &file); err != nil || code != 0 || file.Protocol != "krpc" {
		t.Errorf("exit %d, %v, %q", code, err, file.Protocol)
	}
	out, _, _ = p2pspec(t, "vectors", "--format", "json")
	var files []struct{ Protocol string }
	if err := json.Unmarshal([]byte(out), &files); err != nil || len(files) < 5 {
		t.Errorf("%v, %d files", err, len(files))
	}
	if out, _, _ = p2pspec(t, "vectors", "krpc"); !strings.Contains(out, "ping/query") {
		t.Errorf("no vector in\n%s", out)
	}
}

func TestSimRepeats(t *testing.T) {
	plot := filepath.Join(t.TempDir(), "hops.svg")
	args := []string{"sim", "kademlia", "--nodes", "200", "--seed", "7"}
	out, errs, code := p2pspec(t, append(args, "-o", plot)...)
	if code != 0 || !strings.Contains(out, "hops") {
		t.Fatalf("exit %d, %s\n%s", code, errs, out)
	}
	if again, _, _ := p2pspec(t, args...); again != out {
		t.Error("the same seed prints something else")
	}
	if text, err := os.ReadFile(plot); err != nil || !strings.Contains(string(text), "<svg") {
		t.Errorf("no plot: %v", err)
	}
}

func TestVersionAndHelp(t *testing.T) {
	if out, _, code := p2pspec(t, "version"); code != 0 || !strings.HasPrefix(out, "p2pspec ") {
		t.Errorf("exit %d, %q", code, out)
	}
	if out, _, code := p2pspec(t); code != 0 || !strings.Contains(out, "check") {
		t.Errorf("exit %d, %q", code, out)
	}
}

func TestSplitWordsAndQuote(t *testing.T) {
	for in, want := range map[string][]string{
		`node --port {port}`: {"node", "--port", "{port}"},
		`  a   b  `:          {"a", "b"},
		`'a b' "c d" e\ f`:   {"a b", "c d", "e f"},
		`a'b'"c"`:            {"abc"},
		`"a\"b" '\'`:         {`a"b`, `\`},
		`x ''`:               {"x", ""},
	} {
		got, err := splitWords(in)
		if err != nil || strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("splitWords(%q) = %q, %v; want %q", in, got, err, want)
			continue
		}
		var line []string
		for _, w := range got {
			line = append(line, quote(w))
		}
		again, err := splitWords(strings.Join(line, " "))
		if err != nil || strings.Join(again, "|") != strings.Join(got, "|") {
			t.Errorf("quoted %q reads back as %q, %v", line, again, err)
		}
	}
}
