package chord

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// storages are the modes that most tests run in.
var storages = map[string]Storage{"best effort": BestEffort, "quorum": Quorum}

func (n *net) put(from, key uint64, value string) Stored {
	d := n.do(at(from), Put{Op: 2, Key: FromUint(key), Value: []byte(value)})
	require.NoError(n.t, d.Err, "put of %d at %d", key, from)
	return d.Result.(Stored)
}

func (n *net) get(from, key uint64) string {
	d := n.do(at(from), Get{Op: 3, Key: FromUint(key)})
	require.NoError(n.t, d.Err, "get of %d at %d", key, from)
	return string(d.Result.(Value).Value)
}

// holders are the nodes that hold a key, in the order of their identifiers.
func (n *net) holders(key uint64) []uint64 {
	var ids []uint64
	for _, p := range n.nodes {
		if n.Machine(p.Addr).(*Node).record(FromUint(key)) != nil {
			ids = append(ids, p.ID.Uint())
		}
	}
	return ids
}

// should are the nodes that should hold a key: its owner and who follows it.
func (n *net) should(key uint64) []uint64 {
	first := slices.Index(n.nodes, n.owner(FromUint(key)))
	var ids []uint64
	for i := range min(n.cfg.replicas(), len(n.nodes)) {
		ids = append(ids, n.nodes[(first+i)%len(n.nodes)].ID.Uint())
	}
	slices.Sort(ids)
	return ids
}

func (c Config) replicas() int {
	c, err := c.withDefaults()
	if err != nil {
		panic(err)
	}
	return c.Replicas
}

func TestPutAndGet(t *testing.T) {
	for name, storage := range storages {
		t.Run(name, func(t *testing.T) {
			n := newNet(t, Config{IDBits: 6, Storage: storage}, lan)
			n.ring(1, 8, 14, 21, 32, 38, 42, 48, 51, 56)
			for key := range uint64(64) {
				value := fmt.Sprint("value of ", key)
				stored := n.put(n.nodes[key%10].ID.Uint(), key, value)
				require.GreaterOrEqual(t, stored.Copies, int32(2))
				for _, p := range n.nodes {
					require.Equal(t, value, n.get(p.ID.Uint(), key))
				}
				n.RunFor(time.Second)
				require.Equal(t, n.should(key), n.holders(key), "key %d", key)
			}
			d := n.do(at(8), Get{Op: 4, Key: FromUint(6)})
			require.NoError(t, d.Err)
		})
	}
}

