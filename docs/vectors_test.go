package docs_test

import (
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/p2pspec/p2pspec/spec/vectors"
)

// vectorsInUse returns the names of the vector files that a test outside of
// spec plays: the test imports package vectors and has the name as a string.
// The vectors' own tests do not count, since they test no implementation.
func vectorsInUse(module fs.FS) ([]string, error) {
	const imported = `"github.com/p2pspec/p2pspec/spec/vectors"`
	var used []string
	err := eachGoFile(module, func(name string, src []byte) {
		if !isTest(name) || strings.HasPrefix(name, "spec/") {
			return
		}
		var texts []string
		eachText(src, func(_ int, text string) { texts = append(texts, text) })
		if !slices.Contains(texts, imported) {
			return
		}
		for _, v := range vectors.Names() {
			if slices.Contains(texts, strconv.Quote(v)) && !slices.Contains(used, v) {
				used = append(used, v)
			}
		}
	})
	slices.Sort(used)
	return used, err
}

// vectorFiles lists by requirement the vector files that are in use and cite it.
func vectorFiles(t *testing.T) map[string][]string {
	t.Helper()
	used, err := vectorsInUse(os.DirFS(module))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]string{}
	for _, name := range used {
		f, err := vectors.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		file := "spec/vectors/" + name + ".json"
		for _, v := range f.Vectors {
			for _, id := range v.Clauses {
				if !slices.Contains(files[id], file) {
					files[id] = append(files[id], file)
				}
			}
		}
	}
	return files
}

func TestVectorsAreInUseWhereATestLoadsThem(t *testing.T) {
	file := func(imported, text string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("package a\nimport " + imported + "\nvar x = " + text + "\n")}
	}
	const vectorsPath = `"github.com/p2pspec/p2pspec/spec/vectors"`
	used, err := vectorsInUse(fstest.MapFS{
		"a/one_test.go":   file(vectorsPath, `"krpc"+"nosuch"`),
		"a/two_test.go":   file(vectorsPath, `"bep33"`),
		"a/three_test.go": file(vectorsPath, `"krpc"`),
		"a/code.go":       file(vectorsPath, `"bep42"`),
		"a/other_test.go": file(`"fmt"`, `"bep44"`),
		"spec/v_test.go":  file(vectorsPath, `"mse"`),
	})
	if err != nil || !slices.Equal(used, []string{"bep33", "krpc"}) {
		t.Errorf("in use: %v, %v", used, err)
	}
}
