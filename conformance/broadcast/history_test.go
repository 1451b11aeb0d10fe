package broadcast

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func added(node, value string, sent, done time.Duration, o outcome) event {
	return event{node: node, value: value, sent: sent, done: done, outcome: o}
}

func read(node string, sent time.Duration, values ...string) event {
	return event{node: node, read: true, values: values, sent: sent, done: sent + 1, outcome: ok}
}

// What becomes of a value follows Jepsen's set-full: 1 is stable after two reads
// without it, 2 is gone again, 3 was refused, 4 was left open and read by
// somebody, 5 left open and read by nobody, 9 nobody has added.
func TestFates(t *testing.T) {
	all := fates([]event{
		added("n0", "1", 0, 10, ok), added("n0", "2", 1, 11, ok), added("n1", "3", 2, 12, failed),
		added("n1", "4", 3, 0, unknown), added("n1", "5", 4, 0, unknown),
		read("n0", 20, "1", "2"), read("n1", 30, "2", "4"), read("n2", 40, "9"),
		read("n1", 50, "1", "4"), read("n2", 60, "1", "4"),
	})
	at := func(value string) fate {
		return all[slices.IndexFunc(all, func(f fate) bool { return f.value == value })]
	}
	assert.True(t, at("1").stable())
	assert.Equal(t, time.Duration(30), at("1").latency(), "from 10, when it was acknowledged, to the read at 40")
	assert.False(t, at("2").stable())
	assert.True(t, at("4").known && at("4").stable())
	assert.Equal(t, time.Duration(31), at("4").since, "it was read before anybody acknowledged it")
	assert.False(t, at("5").known)
	assert.True(t, at("5").added)
	assert.False(t, at("9").added)
	assert.Equal(t, -1, slices.IndexFunc(all, func(f fate) bool { return f.value == "3" }))
}

func TestSpreadIsOfStableValues(t *testing.T) {
	var events []event
	for i, value := range []string{"1", "2", "3"} {
		events = append(events, added("n0", value, 0, time.Duration(i)*100*time.Millisecond, ok))
	}
	events = append(events, read("n1", 400*time.Millisecond), read("n1", 500*time.Millisecond, "1", "2"))
	assert.Equal(t, quantiles{300 * time.Millisecond, 400 * time.Millisecond, 400 * time.Millisecond,
		400 * time.Millisecond}, spread(fates(events)))
	assert.Zero(t, spread(nil))
}

func TestTwiceAndShrunk(t *testing.T) {
	value, by, found := twice([]event{read("n0", 1, "1", "2"), read("n1", 2, "2", "3", "2")})
	assert.True(t, found)
	assert.Equal(t, "2 n1", value+" "+by.node)
	_, _, found = twice([]event{read("n0", 1, "1"), read("n0", 2, "1")})
	assert.False(t, found)

	value, by, found = shrunk([]event{read("n0", 1, "1"), read("n1", 5), read("n0", 9, "2")})
	assert.True(t, found)
	assert.Equal(t, "1 n0", value+" "+by.node)
	_, _, found = shrunk([]event{read("n0", 5, "1"), read("n0", 5)}) // at the same time
	assert.False(t, found)
}

// The shapes are those of Maelstrom, for nine nodes.
func TestTopology(t *testing.T) {
	nodes := []string{"n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"}
	for shape, want := range map[string]map[string][]string{
		grid:  {"n0": {"n1", "n3"}, "n4": {"n1", "n3", "n5", "n7"}, "n8": {"n5", "n7"}},
		line:  {"n0": {"n1"}, "n4": {"n3", "n5"}, "n8": {"n7"}},
		total: {"n3": {"n0", "n1", "n2", "n4", "n5", "n6", "n7", "n8"}},
		tree2: {"n0": {"n1", "n2"}, "n1": {"n0", "n3", "n4"}, "n8": {"n3"}},
		tree3: {"n0": {"n1", "n2", "n3"}, "n2": {"n0", "n7", "n8"}},
		tree4: {"n0": {"n1", "n2", "n3", "n4"}, "n1": {"n0", "n5", "n6", "n7", "n8"}},
	} {
		got := topology(shape, nodes)
		assert.Len(t, got, len(nodes), shape)
		for node, beside := range want {
			slices.Sort(got[node])
			assert.Equal(t, beside, got[node], "%s %s", shape, node)
		}
	}
	assert.Equal(t, map[string][]string{"n0": {}}, topology(grid, nodes[:1]), "alone, and a list all the same")
}
