package vectors

import (
	"io/fs"
	"math/big"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/spec/catalogue"
)

// load fails the test when the file does not parse.
func load(t *testing.T, protocol string) *File {
	t.Helper()
	f, err := Load(protocol)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestEveryFileLoads(t *testing.T) {
	for _, name := range []string{"bencode", "krpc", "bep33", "bep42", "bep44"} {
		if !slices.Contains(Names(), name) {
			t.Errorf("there is no %s.json", name)
		}
	}
	for _, name := range Names() {
		if f := load(t, name); len(f.Vectors) == 0 {
			t.Errorf("%s.json has no vectors", name)
		}
		if _, err := fs.Stat(Files(), name+".json"); err != nil {
			t.Error(err)
		}
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Names() {
		if !strings.Contains(string(readme), "| `"+name+".json` |") {
			t.Errorf("README.md does not list %s.json", name)
		}
	}
	if _, err := Load("nosuch"); err == nil || !strings.Contains(err.Error(), "bencode") {
		t.Errorf("Load of an unknown name: %v; want an error that lists the names", err)
	}
}

func TestEveryClauseIsInTheCatalogue(t *testing.T) {
	for _, name := range Names() {
		for _, v := range load(t, name).Vectors {
			for _, id := range v.Clauses {
				if _, ok := catalogue.Lookup(id); !ok {
					t.Errorf("%s.json: %s cites %s, which is not in the catalogue", name, v.Name, id)
				}
			}
		}
	}
}

// TestEveryDeclarationIsUsed keeps a file from describing what it does not have.
func TestEveryDeclarationIsUsed(t *testing.T) {
	for _, name := range Names() {
		f := load(t, name)
		used := map[string]bool{}
		for _, v := range f.Vectors {
			used["operation "+v.Operation] = true
			for field := range v.Input {
				used["field "+field] = true
			}
			for field := range v.Expect {
				used["field "+field] = true
			}
		}
		for op := range f.Operations {
			if !used["operation "+op] {
				t.Errorf("%s.json: no vector has the operation %s", name, op)
			}
		}
		for field := range f.Fields {
			if !used["field "+field] {
				t.Errorf("%s.json: no vector has the field %s", name, field)
			}
		}
	}
}

// sample is a whole file with one vector whose input is given.
func sample(vector string) string {
	return `{"format": 1, "protocol": "p", "documents": ["d"], "about": "a",
		"operations": {"op": "o"},
		"fields": {"h": {"type": "hex", "about": ""}, "l": {"type": "hexlist", "about": ""},
			"i": {"type": "int", "about": ""}, "n": {"type": "number", "about": ""},
			"b": {"type": "bool", "about": ""}, "t": {"type": "text", "about": ""},
			"r": {"type": "tree", "about": ""}, "u": {"type": "other", "about": ""}},
		"vectors": [` + vector + `]}`
}

func vector(input string) string {
	return `{"name": "n", "operation": "op", "clauses": ["X-Y-001"], "source": "s",
		"input": {` + input + `}, "expect": {"i": 1}}`
}

func TestValuesHaveTheirType(t *testing.T) {
	f, err := Parse("p", []byte(sample(vector(`"h": "00ff", "l": ["", "0a"], "i": -5, "n": 1.5,
		"b": true, "t": "x", "r": ["a", {"hex": "00"}, 7, {"int": "18446744073709551616"},
		{"dict": [["k", []], [{"hex": "ff"}, "v"]]}]`))))
	if err != nil {
		t.Fatal(err)
	}
	in := f.Select("op")[0].Input
	huge, _ := new(big.Int).SetString("18446744073709551616", 10)
	for _, c := range []struct{ got, want any }{
		{in.Bytes("h"), []byte{0, 255}},
		{in.List("l"), [][]byte{{}, {10}}},
		{in.Int("i"), int64(-5)},
		{in.Number("n"), 1.5},
		{in.Bool("b"), true},
		{in.Text("t"), "x"},
		{in.Tree("r"), []any{[]byte("a"), []byte{0}, big.NewInt(7), huge,
			[]Entry{{[]byte("k"), []any{}}, {[]byte{255}, []byte("v")}}}},
		{in.Bytes("absent"), []byte(nil)},
		{in.Int("absent"), int64(0)},
		{in.Has("h"), true},
		{in.Has("absent"), false},
		{len(f.Select("nosuch")), 0},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("got %#v, want %#v", c.got, c.want)
		}
	}
}

func TestParseErrorsNameFileVectorAndRule(t *testing.T) {
	good := sample(vector(`"i": 1`))
	replace := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for _, bad := range []struct{ data, want string }{
		{"", "p.json: EOF"},
		{good + "{}", "p.json: more follows the closing brace"},
		{replace(`"format": 1`, `"format": 2`), "format must be 1, not 2"},
		{replace(`"protocol": "p"`, `"protocol": "q"`), `protocol must be "p"`},
		{replace(`"about": "a"`, `"about": ""`), "must not be empty"},
		{replace(`"about": "a"`, `"extra": "a"`), `unknown field "extra"`},
		{replace(`"operation": "op"`, `"operation": "x"`), `vector 1 "n": operation "x"`},
		{replace(`["X-Y-001"]`, `[]`), "name, source and clauses must not be empty"},
		{replace(`"expect": {"i": 1}`, `"expect": {}`), "input and expect must not be empty"},
		{sample(vector(`"i": 1`) + "," + vector(`"i": 1`)), `vector 2 "n": the name is taken`},
		{sample(vector(`"z": 1`)), `field "z" is not among the file's fields`},
		{sample(vector(`"u": 1`)), `field "u" of type other: type "other" is unknown`},
		{sample(vector(`"h": "FF"`)), `"FF" is no string of lower-case`},
		{sample(vector(`"h": "f"`)), `"f" is no string of lower-case`},
		{sample(vector(`"h": null`)), "null is no string"},
		{sample(vector(`"l": "00"`)), `"00" is no array`},
		{sample(vector(`"l": [1]`)), "1 is no string"},
		{sample(vector(`"i": 1.5`)), "1.5 is no int64"},
		{sample(vector(`"i": null`)), "null is no int64"},
		{sample(vector(`"b": 1`)), "1 is no bool"},
		{sample(vector(`"r": "é"`)), "not printable ASCII"},
		{sample(vector(`"r": 1.5`)), "1.5 is no decimal integer"},
		{sample(vector(`"r": {"int": "01"}`)), "01 is no decimal integer"},
		{sample(vector(`"r": {}`)), "exactly one of hex, int and dict"},
		{sample(vector(`"r": {"hex": "00", "int": "1"}`)), "exactly one of hex, int and dict"},
		{sample(vector(`"r": {"dict": [["k"]]}`)), "entry 1 of a dictionary must be [key, value]"},
		{sample(vector(`"r": {"dict": [[1, 2]]}`)), "the dictionary key 1 is no byte string"},
		{sample(vector(`"r": {"other": 1}`)), `unknown field "other"`},
	} {
		_, err := Parse("p", []byte(bad.data))
		if err == nil || !strings.HasPrefix(err.Error(), "vectors: p.json: ") ||
			!strings.Contains(err.Error(), bad.want) {
			t.Errorf("Parse = %v, want the error %q", err, bad.want)
		}
	}
}
