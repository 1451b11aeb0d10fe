package kademlia_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/conformance/kademlia"
)

// The conversation in the documentation is what the reference node says.
func TestDocumentedConversation(t *testing.T) {
	text, err := os.ReadFile("../../docs/overlay.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "## A conversation")
	require.True(t, found)
	node := kademlia.NewNode(1)
	var said [][]byte
	lines := 0
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		if heard, ok := strings.CutPrefix(line, "→ "); ok {
			assert.Empty(t, said, "the document does not have this")
			said = node.Line(0, []byte(heard), nil)
			lines++
		} else if want, ok := strings.CutPrefix(line, "← "); ok {
			if assert.NotEmpty(t, said, want) {
				assert.Equal(t, want, string(said[0]))
				said = said[1:]
			}
			lines++
		}
	}
	assert.Empty(t, said)
	assert.Greater(t, lines, 20)
}
