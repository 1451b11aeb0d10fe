package catalogue

import (
	"fmt"
	"regexp"
	"strings"
)

// columns is the one header line that a family file must have.
const columns = "id\tdocument\tsection\tlevel\trole\tstatement\tobserve\tnote"

// impliedSuffix marks a level that the document's prose implies.
const impliedSuffix = "-implied"

// idPattern is the shape of every id: family and document, topics, number.
const idPattern = `[A-Z][A-Z0-9]*(?:-[A-Z][A-Z0-9]*)+-[0-9]{2,3}`

// absentNumber ends an id that no row has, for those who must name such an id.
const absentNumber = "-999"

// Parse reads one family file. name is used in errors alone, which say the
// file, the line counted from 1, and the rule that the line breaks.
func Parse(name, data string) ([]Requirement, error) {
	text, ok := strings.CutSuffix(data, "\n")
	if !ok {
		return nil, fmt.Errorf("%s: the file must end with a newline", name)
	}
	var (
		rows   []Requirement
		lines  = map[string]int{}
		header bool
		id     = regexp.MustCompile(`^` + idPattern + `$`)
	)
	for i, line := range strings.Split(text, "\n") {
		n := i + 1
		switch {
		case !header && strings.HasPrefix(line, "#"):
			continue
		case !header:
			if line != columns {
				return nil, fmt.Errorf("%s:%d: the first line after the comments must be %q",
					name, n, columns)
			}
			header = true
			continue
		}
		r, err := parseRow(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		if !id.MatchString(r.ID) {
			return nil, fmt.Errorf("%s:%d: id %q must look like BEP05-RPC-005", name, n, r.ID)
		}
		if strings.HasSuffix(r.ID, absentNumber) {
			return nil, fmt.Errorf("%s:%d: id %s: the number 999 is kept for rows that must not exist",
				name, n, r.ID)
		}
		if first, dup := lines[r.ID]; dup {
			return nil, fmt.Errorf("%s:%d: id %s is already on line %d", name, n, r.ID, first)
		}
		lines[r.ID] = n
		rows = append(rows, r)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s: the file must have at least one row", name)
	}
	return rows, nil
}

func parseRow(line string) (Requirement, error) {
	names := strings.Split(columns, "\t")
	fields := strings.Split(line, "\t")
	if len(fields) != len(names) {
		return Requirement{}, fmt.Errorf("the row must have %d tab-separated columns, not %d",
			len(names), len(fields))
	}
	for i, f := range fields {
		if strings.TrimSpace(f) != f {
			return Requirement{}, fmt.Errorf("column %s must not begin or end with space", names[i])
		}
		if f == "" && names[i] != "note" {
			return Requirement{}, fmt.Errorf("column %s must not be empty", names[i])
		}
	}
	level, implied, err := parseLevel(fields[3])
	if err != nil {
		return Requirement{}, err
	}
	return Requirement{
		ID: fields[0], Document: fields[1], Section: fields[2], Level: level, Implied: implied,
		Role: fields[4], Statement: fields[5], Observe: fields[6], Note: fields[7],
	}, nil
}

func parseLevel(s string) (Level, bool, error) {
	word, implied := strings.CutSuffix(s, impliedSuffix)
	switch l := Level(word); l {
	case Must, MustNot, Should, ShouldNot, May:
		return l, implied, nil
	case DeFacto:
		if !implied {
			return l, false, nil
		}
	}
	return "", false, fmt.Errorf("level %q must be MUST, MUST NOT, SHOULD, SHOULD NOT or MAY, "+
		"each with or without %q, or DEFACTO", s, impliedSuffix)
}
