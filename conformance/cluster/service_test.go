package cluster

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// said is the answer of a service: its value, or the code of its error.
func said(t *testing.T, s service, r *spec.Rand, src, body string) string {
	t.Helper()
	m, err := stdio.Parse([]byte(`{"src":"` + src + `","dest":"kv","body":` + body + `}`))
	require.NoError(t, err)
	fields, failed := s.handle(r, src, m.Body)
	switch {
	case failed != nil:
		return fmt.Sprint("error ", failed.Code)
	case fields["value"] != nil:
		return fmt.Sprintf("%s", fields["value"])
	case fields["ts"] != nil:
		return fmt.Sprint(fields["ts"])
	}
	return "ok"
}

const (
	readX  = `{"type":"read","key":"x"}`
	writeX = `{"type":"write","key":"x","value":%v}`
	casX   = `{"type":"cas","key":"x","from":%v,"to":%v%s}`
)

// GO-MS-12: what all three stores answer to one node.
func TestStores(t *testing.T) {
	for name, s := range newServices() {
		r := spec.NewRand([32]byte{1})
		ask := func(body string, with ...any) string {
			if len(with) > 0 {
				body = fmt.Sprintf(body, with...)
			}
			return said(t, s, &r, "n0", body)
		}
		if name == LinTSO {
			assert.Equal(t, []string{"0", "1", "error 10"}, []string{ask(`{"type":"ts"}`), ask(`{"type":"ts"}`), ask(readX)})
			continue
		}
		assert.Equal(t, "error 20", ask(readX), name)
		assert.Equal(t, "error 20", ask(casX, 1, 2, ""), name)
		assert.Equal(t, "error 10", ask(`{"type":"delete","key":"x"}`), name)
		assert.Equal(t, "error 12", ask(`{"type":"write","key":"x"}`), name)
		assert.Equal(t, "error 12", ask(`{"type":"read"}`), name)
		if name == LWWKV {
			continue
		}
		assert.Equal(t, "ok", ask(casX, 0, `{"b":1,"a":[1.50]}`, `,"create_if_not_exists":true`), name)
		assert.Equal(t, `{"a":[1.5],"b":1}`, ask(readX), name)
		assert.Equal(t, "error 22", ask(casX, `{"b":1}`, 2, ""), name)
		assert.Equal(t, "ok", ask(casX, `{"a":[1.5], "b":1}`, 2, ""), name, "equal JSON is equal")
		assert.Equal(t, "2", ask(readX), name)
		assert.Equal(t, "error 20", ask(`{"type":"read","key":["x"]}`), name)
	}
}

// A node reads nothing older in seq-kv than it has read before; another one may
// read what is old. What changes something meets the newest state.
func TestSequentialStore(t *testing.T) {
	s, r := newServices()[SeqKV], spec.NewRand([32]byte{2})
	old, last := false, map[string]string{}
	for i := range 200 {
		assert.Equal(t, "ok", said(t, s, &r, "n0", fmt.Sprintf(writeX, 1000+i)))
		assert.Equal(t, fmt.Sprint(1000+i), said(t, s, &r, "n0", readX), "its own write is the newest")
		for _, node := range []string{"n1", "n2"} {
			got := said(t, s, &r, node, readX)
			if got == "error 20" {
				got = ""
			}
			assert.GreaterOrEqual(t, got, last[node])
			old = old || got != fmt.Sprint(1000+i)
			last[node] = got
		}
	}
	assert.True(t, old, "somebody read an old value")
	assert.Equal(t, "ok", said(t, s, &r, "n1", fmt.Sprintf(casX, 1199, 0, "")), "a cas that applies meets the newest")
}

// lww-kv forgets, and its replicas agree again when nobody writes.
func TestEventualStore(t *testing.T) {
	s, r := newServices()[LWWKV], spec.NewRand([32]byte{3})
	differ := false
	for i := range 50 {
		said(t, s, &r, "n0", fmt.Sprintf(writeX, i))
		differ = differ || said(t, s, &r, "n0", readX) != fmt.Sprint(i)
	}
	assert.True(t, differ, "a read misses the last write")
	for range 50 {
		said(t, s, &r, "n0", readX)
	}
	settled := said(t, s, &r, "n0", readX)
	for range 20 {
		assert.Equal(t, settled, said(t, s, &r, "n0", readX))
	}
}

func TestCanonical(t *testing.T) {
	for raw, want := range map[string]string{
		` { "b" : [1.0, 2.50] , "a":null } `: `{"a":null,"b":[1,2.5]}`, "9223372036854775808": "9223372036854775808",
		"1e2": "100", `"\u00e9<"`: `"é<"`, "": "", "{": "", "007": "7", "-0": "0",
	} {
		assert.Equal(t, want, Canonical([]byte(raw)), raw)
	}
}
