package suites

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/p2pspec/p2pspec/conformance"
)

// Several families may judge by one document; an id is still of one case.
func TestIDsAreUniqueAndNameTheirSuite(t *testing.T) {
	slug := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*(/[a-z0-9]+([_-][a-z0-9]+)*){2}$`)
	seen := map[string]bool{}
	for _, s := range All() {
		for _, c := range s.Cases {
			assert.False(t, seen[c.ID], "%s is there twice", c.ID)
			seen[c.ID] = true
			assert.True(t, strings.HasPrefix(c.ID, s.Name+"/"), "%s in the suite %s", c.ID, s.Name)
			assert.Regexp(t, slug, c.ID)
		}
	}
}

func TestEveryFamilyHasAReferenceNode(t *testing.T) {
	nodes := BuiltIn(conformance.LoopbackSources())
	for _, s := range All() {
		for _, c := range s.Cases {
			node := nodes.For(&s, &c)
			if assert.NotNil(t, node, s.Family) {
				assert.True(t, node.PerCase(), c.ID)
			}
		}
	}
	assert.Len(t, Families(All()), len(families()))
}
