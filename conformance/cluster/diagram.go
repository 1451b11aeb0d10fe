package cluster

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
)

// happening is a row of a Lamport diagram: a message as it was handed over or
// lost, or a remark.
type happening struct {
	Passed
	note string
}

// story is what a cluster's diagrams are drawn from.
type story struct {
	rows  []happening
	until time.Duration     // the end of the prefix that [Cluster.Witness] names
	about func(Passed) bool // what it is about; nil where nobody has said
}

// storyKept bounds a story, in rows.
const storyKept = 1 << 16

func (s *story) add(h happening) {
	if len(s.rows) < storyKept {
		s.rows = append(s.rows, h)
	}
}

// note adds a remark to the transcript and to the diagrams.
func (c *Cluster) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	c.t.Notef("%s", text)
	c.story.add(happening{Passed: Passed{At: c.router.Now()}, note: text})
}

// Witness says what a failure rests on that the case is about to report: it is
// certain once the prefix of the run until then is known, and of that only some
// messages matter. They get a diagram of their own.
func (c *Cluster) Witness(until time.Duration, about func(Passed) bool) {
	c.story.until, c.story.about = until, about
}

// diagrams are those of the shortest prefix after which a failure is certain, if
// the case has named it, and of the whole run.
func (c *Cluster) diagrams() []conformance.Diagram {
	var all []conformance.Diagram
	if c.story.about != nil {
		var rows []happening
		for _, h := range c.story.rows {
			if h.At <= c.story.until && (h.note != "" || c.story.about(h.Passed)) {
				rows = append(rows, h)
			}
		}
		all = append(all, conformance.Diagram{
			Title: "the shortest prefix of the run that fails, and of it what bears on the failure", Lines: c.draw(rows),
		})
	}
	return append(all, conformance.Diagram{Title: "the run", Lines: c.draw(c.story.rows)})
}

// How many rows of a diagram are shown: its beginning, and its end, where the
// failure is.
const (
	firstRows = 12
	lastRows  = 28
	labelRoom = 64 // characters of a message's body
)

// draw renders rows: time runs downwards, each participant has a column, and an
// arrow is a message as it was handed over.
func (c *Cluster) draw(rows []happening) []string {
	columns := []string{clientPrefix}
	columns = append(columns, c.Nodes()...)
	for _, name := range Services() {
		if slices.ContainsFunc(rows, func(h happening) bool { return h.Msg.Dest == name }) {
			columns = append(columns, name)
		}
	}
	d := drawing{columns: columns}
	lines := []string{d.head()}
	for i, h := range rows {
		switch hidden := len(rows) - firstRows - lastRows; {
		case hidden <= 1 || i < firstRows || i >= firstRows+hidden:
			lines = append(lines, d.row(h))
		case i == firstRows:
			lines = append(lines, fmt.Sprintf("%11s %s %d rows left out", "...", d.cells(), hidden))
		}
	}
	return lines
}

type drawing struct{ columns []string }

// columnWidth holds the names of nodes and an arrow between neighbours.
const columnWidth = 5

func (d drawing) head() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%11s ", "")
	for _, name := range d.columns {
		fmt.Fprintf(&b, "%-*s", columnWidth, name)
	}
	return strings.TrimRight(b.String(), " ")
}

// cells are the life lines.
func (d drawing) cells() []byte {
	cells := []byte(strings.Repeat(" ", columnWidth*len(d.columns)))
	for i := range d.columns {
		cells[i*columnWidth] = '|'
	}
	return cells
}

func (d drawing) row(h happening) string {
	at := fmt.Sprintf("%8.1f ms", float64(h.At)/float64(time.Millisecond))
	cells := d.cells()
	if h.note != "" {
		return fmt.Sprintf("%s %s == %s", at, cells, ascii(h.note))
	}
	from, to := d.column(h.Msg.Src), d.column(h.Msg.Dest)
	text := clipped(h.Msg.Body.Raw)
	if took := h.At - h.Sent; took >= time.Millisecond/10 {
		text = fmt.Sprintf("(%.1f ms) %s", float64(took)/float64(time.Millisecond), text)
	}
	if h.Lost != "" {
		text = "lost: " + ascii(h.Lost) + ": " + text
	}
	if from < 0 || to < 0 {
		return fmt.Sprintf("%s %s %s to %s: %s", at, cells, ascii(h.Msg.Src), ascii(h.Msg.Dest), text)
	}
	arrow(cells, from*columnWidth, to*columnWidth, h.Lost != "")
	return fmt.Sprintf("%s %s %s", at, cells, text)
}

// arrow draws from one life line to another; one that is lost ends in an x.
func arrow(cells []byte, from, to int, lost bool) {
	step, tip := 1, byte('>')
	if to < from {
		step, tip = -1, '<'
	}
	if lost {
		tip = 'x'
	}
	for i := from; i != to; i += step {
		cells[i] = '-'
	}
	cells[from] = 'o'
	if from != to {
		cells[to-step] = tip
	}
}

// column is that of a participant: all clients share one.
func (d drawing) column(name string) int {
	if i := slices.Index(d.columns, name); i >= 0 {
		return i
	}
	if strings.HasPrefix(name, clientPrefix) {
		return 0
	}
	return -1
}

func clipped(raw []byte) string {
	text := ascii(string(raw))
	if len(text) > labelRoom {
		text = text[:labelRoom-3] + "..."
	}
	return text
}

// ascii replaces what is no printable character of ASCII.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
