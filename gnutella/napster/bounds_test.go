package napster

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/spec"
)

// Every table of the server says that it is full, and stays as it is.
func TestServerBounds(t *testing.T) {
	b := newBench(t, ServerConfig{MaxLinks: 3, MaxFiles: 3, MaxUserFiles: 2, MaxGets: 3, MaxUserGets: 2})
	for who := 1; who <= 3; who++ {
		b.enter(who, 6699)
	}
	remote := netip.MustParseAddrPort("127.0.0.4:1")
	require.Equal(t, []string{"4 0 the server is full", "4 closed"}, b.step(0, spec.Opened{Conn: -4, Remote: remote}))

	share := func(who int, name string) []string {
		return b.say(who, TypeShare, fmt.Sprintf(`"%s" %s`, name, shared))
	}
	room := " 404 napster: no room for another file"
	require.Empty(t, share(1, "a"))
	require.Empty(t, share(1, "b"))
	require.Equal(t, []string{"1" + room}, share(1, "c"), "the user's bound")
	require.Empty(t, share(2, "a"))
	require.Equal(t, []string{"2" + room}, share(2, "b"), "everybody's bound")

	many := " 404 napster: too many downloads wait for consent"
	require.Len(t, b.say(3, TypeGet, `user1 "a"`), 1)
	require.Equal(t, []string{`1 607 user3 "b"`}, b.say(3, TypeGet, `user1 "b"`))
	require.Equal(t, []string{"3" + many}, b.say(3, TypeGet, `user2 "a"`), "the user's bound")
	require.Equal(t, []string{`1 607 user2 "a"`}, b.say(2, TypeGet, `user1 "a"`))
	require.Equal(t, []string{"2" + many}, b.say(2, TypeGet, `user1 "b"`), "everybody's bound")
}

// Without a number of its own a search has at most 100 results, and so has a list of
// who has the same file.
func TestMostResults(t *testing.T) {
	b := newBench(t, ServerConfig{})
	b.enter(1, 6699)
	b.enter(2, 6699)
	for i := range MaxResults + 1 {
		b.say(1, TypeShare, fmt.Sprintf(`"many %d" %s`, i, shared))
	}
	require.Len(t, b.say(2, TypeSearch, `FILENAME CONTAINS "many"`), MaxResults+1)
	require.Len(t, b.say(2, TypeSearch, `FILENAME CONTAINS "many" MAX_RESULTS 99`), 100)
	require.Len(t, b.say(2, TypeResume, "b92870e0d41bc8e698cf2f0a1ddfeac7 443332"), MaxResults+1)
}

// A client keeps no more of an answer than it says.
func TestClientBounds(t *testing.T) {
	c, err := NewClient(smallClient("me", 1), 0)
	require.NoError(t, err)
	c.Step(0, Enter{1, false}, nil)
	c.Step(0, spec.Opened{Conn: 1}, nil)
	hear := func(m Message, err error) []spec.Effect {
		require.NoError(t, err)
		return c.Step(0, spec.Got{Conn: 1, Msg: m}, nil)
	}
	hear(Message{TypeLoginAck, "x"}, nil)
	c.Step(0, Find{2, Search{Words: "a"}}, nil)
	c.Step(0, Browse{3, "you"}, nil)
	c.Step(0, FindSame{4, Resume{MD5{1}, 5}}, nil)
	f := File{Name: "a"}
	match := Match{"you", netip.AddrPortFrom(remoteIP(), 1), "a", Resume{MD5{1}, 5}, 1}
	for range MaxResults {
		require.Empty(t, hear(Result{f, "you", remoteIP(), 1}.Message()))
		require.Empty(t, hear(match.Message()))
	}
	require.IsType(t, spec.Drop{}, hear(match.Message())[0])
	require.IsType(t, spec.Drop{}, hear(Result{f, "you", remoteIP(), 1}.Message())[0])
	for range c.cfg.MaxListing {
		require.Empty(t, hear(Listing{"you", f}.Message()))
	}
	require.IsType(t, spec.Drop{}, hear(Listing{"you", f}.Message())[0])
	require.NoError(t, c.Check())
	done := hear(Message{Type: TypeResultEnd}, nil)[0].(spec.Done)
	require.Len(t, done.Result.(Found).Results, MaxResults)
	done = hear(Message{TypeBrowseEnd, "you"}, nil)[0].(spec.Done)
	require.Len(t, done.Result.(Browsed).Files, c.cfg.MaxListing)
}

func remoteIP() netip.Addr { return netip.MustParseAddr("192.0.2.7") }
