// Package catalogue holds the requirement rows that cores, tests and
// conformance cases cite: one testable statement of one document each, in our
// own words, under an id that never changes meaning.
//
// The rows are tab-separated data, one file for each family of documents, so
// that a project in any language can read them. A file begins with comment
// lines ("# …") that name its documents and list where the rows correct them;
// then comes one line with the names of the eight columns, then the rows. An
// empty line or a line of the wrong shape is an error, not a surprise.
package catalogue

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
)

// Level is how strongly a document asks for a behaviour, in the words of
// RFC 2119, or [DeFacto].
type Level string

// The levels. DeFacto marks behaviour that no document asks for and that was
// read in, or observed of, an implementation that others must live with.
const (
	Must      Level = "MUST"
	MustNot   Level = "MUST NOT"
	Should    Level = "SHOULD"
	ShouldNot Level = "SHOULD NOT"
	May       Level = "MAY"
	DeFacto   Level = "DEFACTO"
)

// Requirement is one row.
type Requirement struct {
	ID       string // for example BEP05-RPC-005; unique over all families
	Document string // "BEP 5"
	Section  string // of the document, by number or by topic
	Level    Level
	// Implied is set when the document states the duty in plain prose: the
	// level word is our reading of it, not the document's.
	Implied   bool
	Role      string // who has the duty: "DHT node", "uploader", "servent"
	Statement string
	Observe   string // how a tester sees from outside whether it holds
	Note      string // corrections, contradictions, what live programs did; may be empty
}

//go:embed *-requirements.tsv
var families embed.FS

type index struct {
	all  []Requirement
	byID map[string]int
}

// load reads every family once. The data is part of the program, so data that
// does not parse is a defect of the program and panics.
var load = sync.OnceValue(func() index {
	x := index{byID: map[string]int{}}
	files, err := families.ReadDir(".")
	if err != nil {
		panic("catalogue: " + err.Error())
	}
	for _, f := range files {
		data, err := families.ReadFile(f.Name())
		if err != nil {
			panic("catalogue: " + err.Error())
		}
		rows, err := Parse(f.Name(), string(data))
		if err != nil {
			panic("catalogue: " + err.Error())
		}
		for _, r := range rows {
			if _, dup := x.byID[r.ID]; dup {
				panic(fmt.Sprintf("catalogue: %s: %s is also in another family", f.Name(), r.ID))
			}
			x.byID[r.ID] = len(x.all)
			x.all = append(x.all, r)
		}
	}
	return x
})

// All returns every row, family by family in file order. The caller owns the
// slice.
func All() []Requirement { return slices.Clone(load().all) }

// Lookup returns the row with exactly this id.
func Lookup(id string) (Requirement, bool) {
	x := load()
	i, ok := x.byID[id]
	if !ok {
		return Requirement{}, false
	}
	return x.all[i], true
}

// Match returns the rows that a selection names, in catalogue order: an id, an
// id prefix that ends at a dash ("BEP05", "BEP05-RPC"), or a glob with the
// syntax of [path.Match] ("BEP*-ITEM-0*"). Letter case does not matter. No row
// matches an empty or malformed selection.
func Match(selection string) []Requirement {
	selection = strings.ToUpper(strings.TrimSpace(selection))
	if selection == "" {
		return nil
	}
	prefix := strings.TrimSuffix(selection, "-") + "-"
	var rows []Requirement
	for _, r := range load().all {
		glob, err := path.Match(selection, r.ID)
		if (err == nil && glob) || strings.HasPrefix(r.ID, prefix) {
			rows = append(rows, r)
		}
	}
	return rows
}
