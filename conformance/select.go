package conformance

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// Selected is one case to run, with the suite that it belongs to.
type Selected struct {
	Suite *Suite
	Case  *Case
}

// Select returns the cases that any of the patterns names, in the order of the
// suites and each once. No pattern selects all; a level leaves out the cases
// below it, in the order must, should, defacto, may.
//
// A pattern is the name of a suite or of a family, a case id, the beginning of
// ids up to a slash, or a glob over one of these, in the syntax of
// [path.Match]. A pattern that names nothing, and a selection that is empty,
// is a [*UsageError]: a run of no case would be green for no reason.
func Select(suites []Suite, patterns []string, level Level) ([]Selected, error) {
	if level != "" && !slices.Contains(Levels(), level) {
		return nil, usagef("unknown level %q: use one of %s", level, joinLevels())
	}
	all := everyCase(suites)
	if len(all) == 0 {
		return nil, usagef("there is no case to run: no suite was given")
	}
	named := make([]bool, len(all))
	for _, p := range patterns {
		if err := mark(named, all, p); err != nil {
			return nil, err
		}
	}
	var selected []Selected
	below := 0
	for i, s := range all {
		switch {
		case len(patterns) > 0 && !named[i]:
		case !s.Case.Level.atLeast(level):
			below++
		default:
			selected = append(selected, s)
		}
	}
	if len(selected) == 0 {
		return nil, usagef("nothing to run: all %d cases named are below level %q; "+
			"use a lower --level or name other cases", below, level)
	}
	return selected, nil
}

// Levels lists the levels from the strongest to the weakest.
func Levels() []Level { return []Level{Must, Should, Defacto, May} }

func joinLevels() string {
	names := make([]string, 0, 4)
	for _, l := range Levels() {
		names = append(names, string(l))
	}
	return strings.Join(names, ", ")
}

// atLeast reports whether l is as strong as floor; the empty floor admits all.
func (l Level) atLeast(floor Level) bool {
	return floor == "" || slices.Index(Levels(), l) <= slices.Index(Levels(), floor)
}

func everyCase(suites []Suite) []Selected {
	var all []Selected
	for i := range suites {
		for j := range suites[i].Cases {
			all = append(all, Selected{&suites[i], &suites[i].Cases[j]})
		}
	}
	return all
}

// mark sets named for every case that the pattern selects.
func mark(named []bool, all []Selected, pattern string) error {
	pattern = strings.TrimSuffix(pattern, "/")
	found := false
	for i, s := range all {
		for _, name := range s.names() {
			ok, err := path.Match(pattern, name)
			if err != nil {
				return usagef("%q is not a glob: %v; close every [", pattern, err)
			}
			if ok {
				named[i], found = true, true
				break
			}
		}
	}
	if !found {
		return unknownName(all, pattern)
	}
	return nil
}

// names are what selects the case: its family, its suite, and its id with each
// of the id's beginnings up to a slash.
func (s Selected) names() []string {
	names := []string{s.Suite.Name}
	if s.Suite.Family != "" {
		names = append(names, s.Suite.Family)
	}
	for i, c := range s.Case.ID {
		if c == '/' {
			names = append(names, s.Case.ID[:i])
		}
	}
	return append(names, s.Case.ID)
}

// nearest is how many names an error suggests: few enough to read.
const nearest = 3

func unknownName(all []Selected, pattern string) error {
	var known []string
	for _, s := range all {
		known = append(known, s.names()...)
	}
	slices.Sort(known)
	return usagef("no suite, family or case is named %q; nearest: %s; `p2pspec list` shows all",
		pattern, strings.Join(nearestTo(pattern, slices.Compact(known)), ", "))
}

// nearestTo returns the names closest to the pattern: those that contain it
// first, then by edit distance.
func nearestTo(pattern string, known []string) []string {
	pattern = strings.ToLower(pattern)
	distance := func(name string) int {
		if pattern != "" && strings.Contains(name, pattern) {
			return len(name) - len(pattern) - (1 << 16)
		}
		return editDistance(pattern, name)
	}
	ranked := slices.Clone(known)
	slices.SortStableFunc(ranked, func(a, b string) int {
		return cmp.Compare(distance(a), distance(b))
	})
	return ranked[:min(nearest, len(ranked))]
}

// editDistance is the Levenshtein distance in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
