package interop_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/clients"
	"github.com/p2pspec/p2pspec/conformance/suites"
	"github.com/p2pspec/p2pspec/spec/catalogue"
)

const preamble = `# Real clients

<!-- Written by go test ./interop -update from interop/reports; edit the texts in interop/*_test.go. -->

What happens when the suites are run against DHT nodes, trackers, peers, members of clusters and index
servers that are in use, or were. Each runs in a network namespace of its own (` + "`interop/ns`" + `), started
for the run with the settings that its description in ` + "`conformance/clients`" + ` states, and is judged with

    interop/setup
    interop/run libtorrent dht
    interop/run opentracker tracker
    interop/run libtorrent bittorrent
    interop/run memberlist swim
    interop/run gtk-gnutella gnutella
    interop/setup opennap && interop/run opennap napster

The full reports, with the bytes of all that is not a pass, are in ` + "`interop/reports`" + `; what they
show is expected by ` + "`interop/baselines`" + `, and ` + "`interop/check`" + ` fails when a run shows anything else.
A deviation is not a verdict on a client: these are programs that work, and several of the texts are
lax. Cases that wait for minutes run with ` + "`--slow`" + ` alone and are not in these reports, but for
those of dynamic queries and slow neighbours, of servents that could be judged by them.

The verdicts are the same from run to run, but for transmission's on who enters its table: it asks
newcomers when it next tends a bucket, at times that it draws. Of peers, reports have the cases whose
verdicts were equal in every run, two at least; machine and load differed. Left out are, of transmission,
` + "`bep9/magnet/rejects-while-it-has-none`" + `, which it may answer late; of libtorrent, two of
hybrids (` + "`bep52/leecher/downloads-hybrid` and `hybrid-passes-both`" + `), where it sometimes hangs up on the
seeder that it is told of by both hashes, and comes again after a minute; of anacrolix/torrent,
` + "`bep3/blocks/cut-short`, `bep3/endgame/cancels-elsewhere` and `bep10/initiator/keeps-empty-dictionary`" + `; of
webtorrent, ` + "`bep3/endgame`" + `, where it leaves a slow peer about when it asks another, and of
` + "`mse/responder`" + ` what comes next to a key that ends it. The same clients judged as they run,
with ` + "`p2pspec check dht --target`" + `, give fewer verdicts: nobody can start them afresh or tell them what
to do. Those that a datagram ends (anacrolix, bittorrent-dht, serf) stay down, and what follows is
inconclusive.

The servents of Gnutella (gtk-gnutella, gnutella-bun, limewire) are in no package, and interop/setup does not
install them: their descriptions say where they come from and where a build of theirs is looked for. Such a run is
repeated by ` + "`interop/record gtk-gnutella`" + `, and takes up to 20 minutes. It is taped, and so is OpenNap's:
the tests judge what they said again by the cases as they are, and want the verdicts and words of the reports. So can
anybody, as by ` + "`p2pspec check gnutella06/ttl --tape interop/tapes/gtk-gnutella.gnutella.tape`" + `.
`

// render writes the page.
func render(all []*conformance.Report) string {
	var b strings.Builder
	b.WriteString(preamble)
	renderClients(&b, all)
	renderMatrix(&b, all)
	renderSuspects(&b, all)
	renderAlone(&b, all)
	for _, j := range judgements() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", j, j.meaning())
		for _, d := range deviations() {
			if d.Judgement == j {
				d.render(&b, all)
			}
		}
	}
	return b.String()
}

func renderClients(b *strings.Builder, all []*conformance.Report) {
	b.WriteString("\n## Clients\n\n| client | version | source | time |\n|---|---|---|---:|\n")
	for _, r := range all {
		c, err := clients.Load(r.Target.Name)
		if err != nil {
			panic(err) // the descriptions are embedded
		}
		fmt.Fprintf(b, "| %s | %s | %s | %.0f s |\n", c.Name, r.Target.Version, c.Source, r.Duration.Seconds())
	}
	for _, r := range all {
		fmt.Fprintf(b, "\nWhat to know about %s:\n\n", r.Target.Name)
		for _, q := range r.Target.Quirks {
			fmt.Fprintf(b, "- %s\n", q)
		}
	}
}

// renderMatrix counts verdicts by suite and client.
func renderMatrix(b *strings.Builder, all []*conformance.Report) {
	b.WriteString("\n## Matrix\n\nMet of judged cases, where a case is judged if it passed, failed (✗) or " +
		"warned (!).\nThe rest could not be concluded (?), is not supported (−) or was not run (s); " +
		"what a client may choose (i) is recorded.\n")
	for _, family := range suites.Families(suites.All()) {
		if judged := judgedBy(family, all); len(judged) > 0 {
			renderFamily(b, family, judged)
		}
	}
}

// judgedBy are the reports with a case of the family.
func judgedBy(family string, all []*conformance.Report) (judged []*conformance.Report) {
	for _, r := range all {
		if slices.ContainsFunc(suites.All(), func(s conformance.Suite) bool {
			return s.Family == family && len(s.Cases) > 0 && result(r, s.Cases[0].ID).Case != ""
		}) {
			judged = append(judged, r)
		}
	}
	return judged
}

// renderFamily is the table of a family and the clients that it judged.
func renderFamily(b *strings.Builder, family string, judged []*conformance.Report) {
	fmt.Fprintf(b, "\n| %s |", family)
	for _, r := range judged {
		fmt.Fprintf(b, " %s |", r.Target.Name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(judged)) + "\n")
	totals := make([]map[conformance.Verdict]int, len(judged))
	for i := range totals {
		totals[i] = map[conformance.Verdict]int{}
	}
	for _, row := range rows(family) {
		fmt.Fprintf(b, "| %s |", row.name)
		for i, r := range judged {
			n := map[conformance.Verdict]int{}
			for _, c := range row.cases {
				if res := result(r, c.ID); res.Case != "" {
					n[res.Verdict]++
					totals[i][res.Verdict]++
				}
			}
			fmt.Fprintf(b, " %s |", cell(n))
		}
		b.WriteString("\n")
	}
	b.WriteString("| all |")
	for _, n := range totals {
		fmt.Fprintf(b, " %s |", cell(n))
	}
	b.WriteString("\n")
}

// row is a suite, or those cases of it that are for one role.
type row struct {
	name  string
	cases []conformance.Case
}

// rows are the suites of a family, those for seeders and leechers by role.
func rows(family string) (all []row) {
	for _, s := range suites.All() {
		if s.Family != family {
			continue
		}
		byRole := map[conformance.Role][]conformance.Case{}
		for _, c := range s.Cases {
			byRole[c.Role] = append(byRole[c.Role], c)
		}
		if len(byRole[conformance.Seeder])+len(byRole[conformance.Leecher]) == 0 {
			all = append(all, row{s.Name, s.Cases})
			continue
		}
		for _, role := range []conformance.Role{conformance.Seeder, conformance.Leecher} {
			if len(byRole[role]) > 0 {
				all = append(all, row{s.Name + ", " + string(role), byRole[role]})
			}
		}
	}
	return all
}

func cell(n map[conformance.Verdict]int) string {
	judged := n[conformance.Pass] + n[conformance.Fail] + n[conformance.Warn]
	words := []string{fmt.Sprintf("**%d/%d**", n[conformance.Pass], judged)}
	for _, part := range []struct {
		v    conformance.Verdict
		sign string
	}{
		{conformance.Fail, "✗"}, {conformance.Warn, "!"}, {conformance.Inconclusive, "?"},
		{conformance.Info, "i"}, {conformance.Unsupported, "−"}, {conformance.Skipped, "s"},
	} {
		if n[part.v] > 0 {
			words = append(words, fmt.Sprintf("%d%s", n[part.v], part.sign))
		}
	}
	return strings.Join(words, " ")
}

// suspect is a case that most of the clients which it judges do not meet.
type suspect struct {
	Case          string
	Unmet, Judged int
	Clients       []string
}

// mostlyUnmet are the suspects, of which at least two clients were judged.
func mostlyUnmet(all []*conformance.Report) (out []suspect) {
	for _, s := range suites.All() {
		for _, c := range s.Cases {
			found := suspect{Case: c.ID}
			for _, r := range all {
				switch result(r, c.ID).Verdict {
				case conformance.Fail, conformance.Warn:
					found.Unmet++
					found.Judged++
					found.Clients = append(found.Clients, r.Target.Name)
				case conformance.Pass:
					found.Judged++
				}
			}
			if found.Judged > 1 && 2*found.Unmet > found.Judged {
				out = append(out, found)
			}
		}
	}
	return out
}

func renderSuspects(b *strings.Builder, all []*conformance.Report) {
	b.WriteString("\n## Cases that most clients do not meet\n\nSuch a case is suspect: either the field " +
		"disagrees with the text, or we misread it. What was decided, and why:\n")
	for _, s := range mostlyUnmet(all) {
		c, _ := suites.Case(suites.All(), s.Case)
		fmt.Fprintf(b, "\n- `%s` (%s; not met by %d of %d: %s). %s.\n", s.Case, c.Level, s.Unmet,
			s.Judged, strings.Join(s.Clients, ", "), decisions()[s.Case])
	}
}

func (d deviation) render(b *strings.Builder, all []*conformance.Report) {
	fmt.Fprintf(b, "\n### %s\n\n%s\n\n", d.Name, d.What)
	if d.Judgement == notReached {
		d.renderOpen(b, all)
		return
	}
	for _, id := range d.clauses() {
		row, _ := catalogue.Lookup(id)
		fmt.Fprintf(b, "- clause %s (%s, %s): %s\n", row.ID, row.Document, row.Level, row.Statement)
	}
	for _, s := range d.Sources {
		for _, r := range all {
			if r.Target.Name != s.Client {
				continue
			}
			for _, id := range d.Cases {
				if res := result(r, id); isUnmet(res.Verdict) {
					renderEvidence(b, s.Client, res)
				}
			}
		}
		fmt.Fprintf(b, "- %s, %s", s.Client, s.At)
		if s.Line != "" {
			fmt.Fprintf(b, ": `%s`", s.Line)
		}
		b.WriteString("\n")
	}
}

// renderOpen lists what was not concluded: there is no clause to hold it to.
func (d deviation) renderOpen(b *strings.Builder, all []*conformance.Report) {
	for _, s := range d.Sources {
		fmt.Fprintf(b, "- %s, %s: `%s`\n", s.Client, s.At, s.Line)
		for _, r := range all {
			for _, id := range d.Cases {
				if res := result(r, id); r.Target.Name == s.Client && isUnmet(res.Verdict) {
					fmt.Fprintf(b, "- `%s`, **%s**: %s\n", id, res.Verdict, plain(message(res)))
				}
			}
		}
	}
}

// clauses are the requirements that its cases judge, each once.
func (d deviation) clauses() (ids []string) {
	for _, id := range d.Cases {
		c, _ := suites.Case(suites.All(), id)
		for _, id := range c.Requirements {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// renderEvidence shows the failure and the bytes that were judged.
func renderEvidence(b *strings.Builder, client string, res conformance.Result) {
	fmt.Fprintf(b, "- %s, `%s`, **%s**: %s", client, res.Case, res.Verdict, plain(message(res)))
	if res.Failure.Got != "" {
		fmt.Fprintf(b, "; got %s", code(res.Failure.Got, maxGot))
	}
	if len(res.Failure.Expected) > 0 {
		fmt.Fprintf(b, ", expected %s", plain(strings.Join(res.Failure.Expected, " or ")))
	}
	b.WriteString("\n")
	if e, ok := judgedEntry(res); ok {
		fmt.Fprintf(b, "  - `%s` %s\n", e.Dir, code(withoutHeader(bencoded(e.Hex)), maxBytes))
	}
}

// withoutHeader is the body of an HTTP response that was served, and all else as
// it is.
func withoutHeader(s string) string {
	head, body, found := strings.Cut(s, "\r\n\r\n")
	status, _, _ := strings.Cut(head, "\r\n")
	if found && strings.HasPrefix(s, "HTTP/1.") && strings.HasSuffix(status, " 200 OK") {
		return body
	}
	return s
}

// How much of what a client sent is shown on the page.
const (
	maxGot   = 160
	maxBytes = 160
)

// message is the failure in words. Of a crash it keeps what names the cause.
func message(res conformance.Result) string {
	what, words, crashed := strings.Cut(res.Failure.Message, "; "+lastWords)
	if !crashed {
		return what
	}
	for _, cause := range []string{"panic: ", "TypeError "} {
		if i := strings.Index(words, cause); i >= 0 {
			line, _, _ := strings.Cut(words[i:], `\n`)
			return what + ": " + line
		}
	}
	return what
}

// judgedEntry is the last datagram of the target that is no answer to a ping,
// or else the last that the harness sent and that was no ping. A target that
// ended was judged by what was sent to it, and so are a member of SWIM and an index
// by what the harness had to say something about: the one gossips on its own,
// whatever it is sent, and the other has several clients.
func judgedEntry(res conformance.Result) (last conformance.Entry, ok bool) {
	if strings.HasPrefix(res.Case, "swim/") || strings.HasPrefix(res.Case, "napster/") {
		for _, e := range slices.Backward(res.Transcript) {
			if e.Dir == ">" && e.Note != "" {
				return e, true
			}
		}
	}
	dirs := []string{"<", ">"}
	if strings.Contains(res.Failure.Message, lastWords) {
		dirs = dirs[1:]
	}
	for _, dir := range dirs {
		for _, e := range slices.Backward(res.Transcript) {
			if e.Dir == dir && !isControl(e) {
				return e, true
			}
		}
	}
	return last, false
}

// isControl tells pings and connects and their answers, which have no more than
// an id, and the announces over HTTP that change nothing.
func isControl(e conformance.Entry) bool {
	raw := bencoded(e.Hex)
	connect := e.Bytes == 16 && (strings.HasPrefix(e.Hex, "0000041727101980") || strings.HasPrefix(e.Hex, "00000000"))
	return connect || e.Hex == noMoreResults || strings.HasSuffix(raw, bareCounts) || strings.Contains(raw, "1:q4:ping") ||
		strings.Contains(raw, "1:rd2:id20:") && e.Bytes < 80 && !strings.Contains(raw, "token")
}

// noMoreResults ends what a Napster server answers a search.
const noMoreResults = "0000ca00"

// bareCounts end what opentracker answers a peer that leaves.
const bareCounts = "5:peers0:e"

func bencoded(s string) string {
	raw, err := hex.DecodeString(s)
	if err != nil {
		return s
	}
	return string(raw)
}

// code shows text or bytes as code: ASCII as it is, all else in hexadecimal,
// cut after n bytes.
func code(s string, n int) string {
	var b strings.Builder
	for i := range min(n, len(s)) {
		if c := s[i]; c < ' ' || c > '~' || c == '`' || c == '\\' {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	if len(s) > n {
		b.WriteString("…")
	}
	return "`" + b.String() + "`"
}

// plain keeps words of a target from being taken for markup.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
	if len(s) > maxGot {
		s = s[:maxGot] + "…"
	}
	return strings.NewReplacer("`", "'", "<", "&lt;", "|", "\\|", "*", "\\*", "_", "\\_").Replace(s)
}

func result(r *conformance.Report, id string) conformance.Result {
	for _, res := range r.Results {
		if res.Case == id {
			return res
		}
	}
	return conformance.Result{}
}
