package metainfo

import (
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

// Family selects all suites of this package.
const Family = "metainfo"

// The short names of this package's cases.
type (
	// Case is a case of the engine.
	Case = conformance.Case
	// T is one run of a case.
	T = conformance.T
)

// Suites is the one suite of torrents and magnet links.
func Suites() []conformance.Suite {
	played := load()
	var cases []Case
	for _, b := range slices.Concat(hashes(), bencodings(), contents(), paths(), surroundings(), version2(), magnets()) {
		cases = append(cases, b.reading(played))
	}
	for _, b := range makings() {
		cases = append(cases, b.making(played))
	}
	return []conformance.Suite{{
		Name: Family, Family: Family, Title: "torrents and magnet links", Cases: cases,
		Control: func(t *T) { control(t, played) },
	}}
}

// A behaviour is what a case is made of.
type behaviour struct {
	slug  string // area/behaviour: the beginning of the names of its vectors
	level conformance.Level
	// fields are what a reply must have, beside an info-hash, for the case to
	// be judged of a torrent that was read.
	fields  []string
	explain string
	causes  []string
	kills   []string
}

// patience bounds a case: a program is started for each vector, and one that
// hangs is given ten seconds.
const patience = time.Minute

func (b behaviour) reading(played corpus) Case {
	own := played.under(b.slug)
	verb, control := verbParse, "two well-formed torrents, which are read first"
	if strings.HasPrefix(b.slug, "magnet/") {
		control = "two plain links, which are read first"
	}
	return b.asCase(own, verb, control, func(t *T) { playAll(t, b, played, own) })
}

func (b behaviour) making(played corpus) Case {
	own := played.under(b.slug)
	return b.asCase(own, verbMake, "the judged torrents themselves", func(t *T) { makeAll(t, own) })
}

func (b behaviour) asCase(own []vectors.Vector, verb, control string, run func(*T)) Case {
	var requirements []string
	for _, v := range own {
		for _, id := range v.Clauses {
			if !slices.Contains(requirements, id) {
				requirements = append(requirements, id)
			}
		}
	}
	return Case{
		ID: Family + "/" + b.slug, Rev: 1, Since: "0.2.0", Level: b.level, Requirements: requirements,
		Role: conformance.Parser, Kind: conformance.Reply, Needs: []conformance.Need{conformance.NeedVerb(verb)},
		Control: control, Explain: b.explain, Causes: b.causes, Kills: b.kills, Within: patience, Run: run,
	}
}

// corpus is the vectors of both files.
type corpus []vectors.Vector

// load reads them; the files are our own and embedded.
func load() corpus {
	var all corpus
	for _, name := range []string{"metainfo", "magnet"} {
		f, err := vectors.Load(name)
		if err != nil {
			panic(err)
		}
		all = append(all, f.Vectors...)
	}
	return all
}

// under are the vectors of one behaviour.
func (c corpus) under(slug string) []vectors.Vector {
	var own []vectors.Vector
	for _, v := range c {
		if strings.HasPrefix(v.Name, slug+"/") {
			own = append(own, v)
		}
	}
	return own
}

// named is the vector with exactly this name.
func (c corpus) named(name string) vectors.Vector {
	i := slices.IndexFunc(c, func(v vectors.Vector) bool { return v.Name == name })
	if i < 0 {
		panic("there is no vector " + name)
	}
	return c[i]
}
