package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A reader who knows the doc.go of one core finds his way in the next: the same
// headings, and a reading order that leaves no file out.
func TestCoresAreDocumentedAlike(t *testing.T) {
	headings := []string{"Implements", "Does not", "Driving the ", "Reading order", "State diagram",
		"Deviations", "Guarantees", "Compatibility"}
	heading := regexp.MustCompile(`(?m)^// # (.*)$`)
	for _, core := range []string{
		"bittorrent", "bittorrent/bencode", "bittorrent/metainfo", "bittorrent/mse", "bittorrent/tracker",
		"bittorrent/wire", "chord", "gnutella", "gnutella/election", "gnutella/ggep", "gnutella/napster", "gnutella/qrp",
		"gnutella/servent", "gnutella/transfer", "gnutella/urn", "gnutella/wire",
		"gossip/crdt", "gossip/epidemic", "gossip/hyparview", "gossip/plumtree", "gossip/swim", "gossip/wire",
		"kademlia", "kademlia/mainline",
	} {
		dir := filepath.Join("..", filepath.FromSlash(core))
		doc, err := os.ReadFile(filepath.Join(dir, "doc.go"))
		if err != nil {
			t.Error(err)
			continue
		}
		var got []string
		for _, m := range heading.FindAllStringSubmatch(string(doc), -1) {
			got = append(got, m[1])
		}
		if !slices.EqualFunc(got, headings, strings.HasPrefix) {
			t.Errorf("%s: the headings of doc.go are %q, want %q", core, got, headings)
		}
		_, order, _ := strings.Cut(string(doc), "# Reading order\n")
		order, _, _ = strings.Cut(order, "// # ")
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) < 4 {
			t.Errorf("%s: %d files, %v", core, len(files), err)
		}
		for _, file := range files {
			name := filepath.Base(file)
			if name == "doc.go" || strings.HasSuffix(name, "_test.go") {
				continue
			}
			if !regexp.MustCompile(`\b` + regexp.QuoteMeta(name)).MatchString(order) {
				t.Errorf("%s: the reading order leaves out %s", core, name)
			}
		}
	}
}
