// Package vectors holds test vectors as JSON, for any language, and reads them
// for Go.
//
// Each file covers one protocol or document:
//
//	{
//	  "format": 1,
//	  "protocol": "krpc",
//	  "documents": ["BEP 5", …],
//	  "about": "…",
//	  "operations": {"decode": "what an implementation does with the input"},
//	  "fields": {"message": {"type": "hex", "about": "one UDP payload"}},
//	  "vectors": [{
//	    "name": "ping/query",              unique within the file
//	    "operation": "decode",             a key of operations
//	    "clauses": ["BEP05-RPC-001"],      ids of spec/catalogue
//	    "source": "BEP 5 §ping",           where the values were published, or "derived"
//	    "input": {"message": "64313a…"},   keys of fields, values of their type
//	    "expect": {"valid": true, …},
//	    "note": "…"                        optional
//	  }]
//	}
//
// A field's type is one of [Hex], [HexList], [Int], [Number], [Bool], [Text] and
// [Tree]. A file's operations and fields say in words all that an implementer
// needs; nothing is implied by the Go code.
//
// "derived" marks a value that no document publishes: it was computed from the
// document's rules, and this package's tests compute it again with the standard
// library alone, as they do for every published value where that is possible.
package vectors

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// Format is the version of the file format. It rises when a reader of the old
// format could misread a new file.
const Format = 1

// File is one file of vectors.
type File struct {
	Format     int               `json:"format"`
	Protocol   string            `json:"protocol"` // the file's name without ".json"
	Documents  []string          `json:"documents"`
	About      string            `json:"about"`
	Operations map[string]string `json:"operations"`
	Fields     map[string]Field  `json:"fields"`
	Vectors    []Vector          `json:"vectors"`
}

// Field declares a name that inputs and expectations use.
type Field struct {
	Type  Type   `json:"type"`
	About string `json:"about"`
}

// Vector is one input with what must come of it.
type Vector struct {
	Name      string   `json:"name"`
	Operation string   `json:"operation"`
	Clauses   []string `json:"clauses"`
	Source    string   `json:"source"`
	Input     Values   `json:"input"`
	Expect    Values   `json:"expect"`
	Note      string   `json:"note,omitempty"`
}

//go:embed *.json
var files embed.FS

// Files returns the JSON files, at the root of the file system.
func Files() fs.FS { return files }

// Names lists the files, without ".json", in alphabetical order.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic("vectors: " + err.Error()) // an embedded directory is always readable
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".json")
	}
	return names
}

// Load reads the file of one protocol, for example Load("bep44").
func Load(protocol string) (*File, error) {
	data, err := files.ReadFile(protocol + ".json")
	if err != nil {
		return nil, fmt.Errorf("vectors: no file for %q; there are %s",
			protocol, strings.Join(Names(), ", "))
	}
	return Parse(protocol, data)
}

// Select returns the vectors of one operation, in file order.
func (f *File) Select(operation string) []Vector {
	var selected []Vector
	for _, v := range f.Vectors {
		if v.Operation == operation {
			selected = append(selected, v)
		}
	}
	return selected
}
