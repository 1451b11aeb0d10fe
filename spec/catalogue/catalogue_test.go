package catalogue

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryFamilyLoads(t *testing.T) {
	count := map[string]int{}
	for _, r := range All() {
		family, _, _ := strings.Cut(r.ID, "-")
		count[family]++
	}
	for family, least := range map[string]int{
		"BEP03": 112, "BEP05": 41, "BEP32": 10, "BEP33": 7, "BEP42": 6, "BEP43": 3, "BEP44": 18,
		"BEP51": 3, "MSE": 16, "GN": 183, "NP": 42, "GO": 82, "KAD": 40, "CHORD": 80,
	} {
		if count[family] < least {
			t.Errorf("%s has %d rows, want at least %d", family, count[family], least)
		}
	}
}

func TestLookup(t *testing.T) {
	r, ok := Lookup("BEP05-RPC-005")
	if !ok || r.Document != "BEP 5" || r.Level != Must || !r.Implied {
		t.Errorf("Lookup = %+v, %v", r, ok)
	}
	for _, id := range []string{"", "BEP05", "bep05-rpc-005", "BEP05-RPC-0055"} {
		if r, ok := Lookup(id); ok {
			t.Errorf("Lookup(%q) = %+v, want none", id, r)
		}
	}
}

func TestAllIsACopy(t *testing.T) {
	All()[0].ID = "CHANGED"
	if All()[0].ID == "CHANGED" {
		t.Error("a caller changed the catalogue")
	}
}

func TestMatch(t *testing.T) {
	for selection, want := range map[string][]string{
		"bep05-rpc-005": {"BEP05-RPC-005"},
		"BEP04":         {"BEP04-ID-001", "BEP04-ID-002"},
		"BEP04-":        {"BEP04-ID-001", "BEP04-ID-002"},
		"BEP04-*":       {"BEP04-ID-001", "BEP04-ID-002"},
		"KAD-J*":        {"KAD-JOIN-001", "KAD-JOIN-002", "KAD-JOIN-003"},
		"":              nil,
		" ":             nil,
		"BEP0":          nil,
		"BEP05-RPC-00":  nil,
		"[":             nil,
		"NOSUCH":        nil,
	} {
		var got []string
		for _, r := range Match(selection) {
			got = append(got, r.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("Match(%q) = %q, want %q", selection, got, want)
		}
	}
}

func TestParseErrorsNameFileLineAndRule(t *testing.T) {
	const row = "KAD-X-001\tdoc\t1\tMUST\tnode\tstatement\tobserve\tnote"
	file := func(lines ...string) string {
		return "# comment\n" + columns + "\n" + strings.Join(lines, "\n") + "\n"
	}
	got, err := Parse("f.tsv", file(row))
	want := []Requirement{{
		ID: "KAD-X-001", Document: "doc", Section: "1", Level: Must, Role: "node",
		Statement: "statement", Observe: "observe", Note: "note",
	}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("Parse: %v\n%s", err, diff)
	}

	replace := func(old, new string) string { return file(strings.Replace(row, old, new, 1)) }
	for _, bad := range []struct{ data, want string }{
		{"", "f.tsv: the file must end with a newline"},
		{file(row) + "x", "f.tsv: the file must end with a newline"},
		{"# comment\nid\tdocument\n", "f.tsv:2: the first line after the comments must be"},
		{"# comment\n" + columns + "\n", "f.tsv: the file must have at least one row"},
		{file(row, ""), "f.tsv:4: the row must have 8 tab-separated columns, not 1"},
		{file(row, "# late"), "f.tsv:4: the row must have 8 tab-separated columns, not 1"},
		{file(row, row), "f.tsv:4: id KAD-X-001 is already on line 3"},
		{replace("KAD-X-001", "KAD-1"), `f.tsv:3: id "KAD-1" must look like BEP05-RPC-005`},
		{replace("KAD-X-001", "KAD-X-999"), "f.tsv:3: id KAD-X-999: the number 999 is kept"},
		{replace("statement", " statement"), "f.tsv:3: column statement must not begin or end"},
		{replace("\tnode\t", "\t\t"), "f.tsv:3: column role must not be empty"},
		{replace("MUST", "must"), `f.tsv:3: level "must" must be MUST, MUST NOT`},
		{replace("MUST", "DEFACTO-implied"), `f.tsv:3: level "DEFACTO-implied" must be`},
	} {
		rows, err := Parse("f.tsv", bad.data)
		if err == nil || !strings.Contains(err.Error(), bad.want) || rows != nil {
			t.Errorf("Parse = %v, %v; want the error %q", rows, err, bad.want)
		}
	}
}

func TestLevels(t *testing.T) {
	for word, want := range map[string]Requirement{
		"MUST NOT":           {Level: MustNot},
		"SHOULD-implied":     {Level: Should, Implied: true},
		"SHOULD NOT-implied": {Level: ShouldNot, Implied: true},
		"MAY":                {Level: May},
		"DEFACTO":            {Level: DeFacto},
	} {
		level, implied, err := parseLevel(word)
		if err != nil || level != want.Level || implied != want.Implied {
			t.Errorf("parseLevel(%q) = %v, %v, %v", word, level, implied, err)
		}
	}
}
