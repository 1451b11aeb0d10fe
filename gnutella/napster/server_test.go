package napster

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

// bench drives a server by hand.
type bench struct {
	t *testing.T
	s *Server
}

func newBench(t *testing.T, cfg ServerConfig) bench { return bench{t, newServer(t, cfg)} }

// step returns what was written, as "stream type text", and closed.
func (b bench) step(at time.Duration, in spec.Input) (said []string) {
	b.t.Helper()
	for _, e := range b.s.Step(at, in, nil) {
		switch e := e.(type) {
		case spec.Write:
			m := e.Msg.(Message)
			said = append(said, strings.TrimSpace(fmt.Sprintf("%d %d %s", -e.Conn, uint16(m.Type), m.Text)))
		case spec.Close:
			said = append(said, fmt.Sprintf("%d closed", -e.Conn))
		}
	}
	require.NoError(b.t, b.s.Check())
	return said
}

func (b bench) say(who int, t Type, text string) []string {
	b.t.Helper()
	return b.step(b.s.now, spec.Got{Conn: -spec.Conn(who), Msg: Message{t, text}})
}

func (b bench) open(who int) {
	b.t.Helper()
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, byte(who)}), 40_000)
	require.Empty(b.t, b.step(b.s.now, spec.Opened{Conn: -spec.Conn(who), Remote: addr}))
}

// enter opens a stream and logs in as user<who>.
func (b bench) enter(who int, port int) {
	b.t.Helper()
	b.open(who)
	said := b.say(who, TypeLogin, fmt.Sprintf(`user%d pw %d "nap" %d`, who, port, who))
	require.Equal(b.t, fmt.Sprintf("%d 3 %s", who, Unregistered), said[0])
}

const shared = `b92870e0d41bc8e698cf2f0a1ddfeac7 443332 128 44100 60`

// NP-LG-01, NP-LG-02, NP-LG-03, NP-LG-04, NP-LG-05, NP-ST-01, NP-ER-01, NP-ER-02: who may enter, and what he is told.
func TestLogin(t *testing.T) {
	cfg := smallServer()
	cfg.MaxAccounts = 1
	b := newBench(t, cfg)
	b.open(1)
	require.Equal(t, []string{"1 8"}, b.say(1, TypeNickCheck, "foo"))
	require.Equal(t, []string{"1 10"}, b.say(1, TypeNickCheck, "f oo"))
	require.Equal(t, []string{"1 3 a@b", "1 621 welcome", "1 621", "1 214 1 0 0"},
		b.say(1, TypeNewUser, `foo pw 6699 "nap" 3 a@b`))
	b.open(2)
	require.Equal(t, []string{"2 9"}, b.say(2, TypeNickCheck, "FOO"))
	require.Equal(t, []string{"2 0 napster: the nick is logged in", "2 closed"}, b.say(2, TypeLogin, `Foo pw 1 "n" 1`))
	require.Empty(t, b.step(0, spec.Closed{Conn: -1}))
	for who, failure := range map[int]struct {
		kind       Type
		text, says string
	}{
		3: {TypeLogin, `foo no 1 "n" 1`, "3 0 napster: the password is wrong"},
		4: {TypeNewUser, `foo pw 1 "n" 1 a@b`, "4 0 napster: the nick is registered"},
		5: {TypeNewUser, `bar pw 1 "n" 1 a@b`, "5 0 napster: no room for another account"},
		6: {TypeSearch, ``, "6 0 napster: message 200 before the login"},
		7: {TypeLogin, `foo`, "7 0 napster: message 2: field password: missing"},
	} {
		b.open(who)
		require.Equal(t, []string{failure.says, fmt.Sprint(who, " closed")}, b.say(who, failure.kind, failure.text))
	}
	b.open(8)
	require.Equal(t, "8 3 a@b", b.say(8, TypeLogin, `foo pw 1 "n" 1`)[0])
	b.open(9)
	require.Equal(t, []string{"9 0 no login in time", "9 closed"}, b.step(cfg.LoginTimeout, spec.Wake{}))
	require.Equal(t, []string{"8 404 unknown command code 999"}, b.say(8, 999, ""))
	require.Empty(t, b.say(9, TypeSearch, ""), "a stream that was closed")
}

// NP-SH-01, NP-SH-02, NP-SH-04, NP-SE-01, NP-SE-02, NP-SE-03, NP-SE-04, NP-SE-05, NP-BR-01, NP-BR-02,
// NP-RS-01, NP-WH-03: the index.
func TestIndex(t *testing.T) {
	b := newBench(t, ServerConfig{})
	b.enter(1, 6699)
	b.enter(2, 0)
	b.enter(3, 1)
	require.Empty(t, b.say(1, TypeShare, `"Blue Song.mp3" `+shared))
	require.Equal(t, []string{"1 404 napster: the file is shared already"}, b.say(1, TypeShare, `"Blue Song.mp3" `+shared))
	require.Empty(t, b.say(2, TypeShare, `"C:\blue\another song.mp3" `+shared))
	require.Empty(t, b.say(2, TypeShare, `"bluesong.mp3" `+shared))
	one := `3 201 "Blue Song.mp3" ` + shared + ` user1 16777343 1`
	two := `3 201 "C:\blue\another song.mp3" ` + shared + ` user2 33554559 2`
	for _, search := range []struct {
		text string
		want []string
	}{
		{`FILENAME CONTAINS "blue song" MAX_RESULTS 100`, []string{one, two, "3 202"}},
		{`FILENAME CONTAINS "SONG" FILENAME CONTAINS "Blue"`, []string{one, two, "3 202"}},
		{`MAX_RESULTS 1 FILENAME CONTAINS "blue"`, []string{one, "3 202"}},
		{`FILENAME CONTAINS "blue" LINESPEED "AT LEAST" 2`, []string{two, "3 202"}},
		{`FILENAME CONTAINS "blue" LINESPEED "AT BEST" 1`, []string{one, "3 202"}},
		{`FILENAME CONTAINS "blue" BITRATE "EQUAL TO" "127"`, []string{"3 202"}},
		{`FILENAME CONTAINS "blue" FREQ "AT LEAST" "44101"`, []string{"3 202"}},
		{`FILENAME CONTAINS "blu"`, []string{"3 202"}},
		{`FILENAME CONTAINS ""`, []string{"3 202"}},
		{`MAX_RESULTS 5`, []string{"3 202"}},
		{`COLOUR 5`, []string{"3 404 napster: message 200: field clause: " +
			`"COLOUR" is none of FILENAME, MAX_RESULTS, LINESPEED, BITRATE, FREQ`, "3 202"}},
	} {
		require.Equal(t, search.want, b.say(3, TypeSearch, search.text), search.text)
	}
	require.Equal(t, []string{"1 202"}, b.say(1, TypeSearch, `FILENAME CONTAINS "Blue Song.mp3" LINESPEED "AT BEST" 1`))
	require.Equal(t, []string{`3 212 user1 "Blue Song.mp3" ` + shared, "3 213 user1"}, b.say(3, TypeBrowse, "USER1"))
	require.Equal(t, []string{"3 210 nobody"}, b.say(3, TypeBrowse, "nobody"))
	require.Equal(t, []string{"3 601 user2 2"}, b.say(3, TypeSpeed, "USER2"))
	require.Equal(t, []string{"3 404 napster: nobody is not online"}, b.say(3, TypeSpeed, "nobody"))
	const sum = "b92870e0d41bc8e698cf2f0a1ddfeac7"
	require.Equal(t, []string{
		`3 216 user1 16777343 6699 "Blue Song.mp3" ` + sum + ` 443332 1`,
		`3 216 user2 33554559 0 "C:\blue\another song.mp3" ` + sum + ` 443332 2`,
		`3 216 user2 33554559 0 "bluesong.mp3" ` + sum + ` 443332 2`, "3 217",
	}, b.say(3, TypeResume, sum+" 443332"))
	require.Equal(t, []string{"3 217"}, b.say(3, TypeResume, sum+" 443333"))
	require.Len(t, b.say(3, TypeResume, sum), 1)
	require.Equal(t, []string{"3 214 3 3 0"}, b.say(3, TypeStats, ""))
	require.Empty(t, b.say(1, TypeUnshare, `"Blue Song.mp3"`))
	require.Equal(t, []string{"1 404 napster: the file is not shared"}, b.say(1, TypeUnshare, "Blue Song.mp3"))
	require.Equal(t, []string{two, "3 202"}, b.say(3, TypeSearch, `FILENAME CONTAINS "blue"`))
	require.Empty(t, b.step(0, spec.Closed{Conn: -2}))
	require.Equal(t, []string{"3 202"}, b.say(3, TypeSearch, `FILENAME CONTAINS "blue"`))
	require.Equal(t, []string{"3 214 2 0 0"}, b.say(3, TypeStats, ""))
	for i := range MaxResults + 1 {
		b.say(1, TypeShare, fmt.Sprintf(`"many %d" %s`, i, shared))
	}
	require.Len(t, b.say(3, TypeSearch, `FILENAME CONTAINS "many" MAX_RESULTS 200`), MaxResults+1)
}

// NP-DL-01, NP-DL-02, NP-DL-03, NP-DL-04: a download takes the uploader's consent.
func TestGet(t *testing.T) {
	b := newBench(t, ServerConfig{})
	b.enter(1, 6699)
	b.enter(2, 0)
	b.say(1, TypeShare, `"a b" `+shared)
	require.Equal(t, []string{`2 206 user1 "c"`}, b.say(2, TypeGet, `user1 "c"`))
	require.Equal(t, []string{`2 206 nobody "c"`}, b.say(2, TypeGet, `nobody "c"`))
	require.Equal(t, []string{`1 206 user1 "a b"`}, b.say(1, TypeGet, `user1 "a b"`), "one's own file")
	require.Empty(t, b.say(1, TypeUploadAck, `user2 "a b"`), "nobody asked")
	require.Equal(t, []string{`1 607 user2 "a b"`}, b.say(2, TypeGet, `user1 "a b"`))
	require.Equal(t, []string{"2 404 napster: the download waits for consent already"}, b.say(2, TypeGet, `user1 "a b"`))
	require.Equal(t, []string{`2 204 user1 16777343 6699 "a b" b92870e0d41bc8e698cf2f0a1ddfeac7 1`},
		b.say(1, TypeUploadAck, `user2 "a b"`))
	require.Empty(t, b.say(1, TypeUploadAck, `user2 "a b"`), "the second time")
	b.say(2, TypeGet, `user1 "a b"`)
	require.Equal(t, []string{`2 206 user1 "a b"`}, b.step(time.Minute, spec.Wake{}), "no consent in time")
	b.say(2, TypeGet, `user1 "a b"`)
	b.say(1, TypeUnshare, `"a b"`)
	require.Equal(t, []string{`2 206 user1 "a b"`}, b.say(1, TypeUploadAck, `user2 "a b"`), "unshared meanwhile")
	b.say(1, TypeShare, `"a b" `+shared)
	b.say(2, TypeGet, `user1 "a b"`)
	require.Equal(t, []string{`2 206 user1 "a b"`}, b.step(time.Minute, spec.Closed{Conn: -1}), "left meanwhile")
	require.Empty(t, b.step(3*time.Minute, spec.Wake{}))
}

// NP-FW-01, NP-FW-02, NP-FW-03, NP-FW-04: who is behind a firewall connects himself.
func TestFirewall(t *testing.T) {
	b := newBench(t, ServerConfig{})
	b.enter(1, 0)
	b.enter(2, 6699)
	b.enter(3, 0)
	b.say(1, TypeShare, `"a" `+shared)
	b.say(2, TypeShare, `"a" `+shared)
	require.Equal(t, []string{`2 204 user1 16777343 0 "a" b92870e0d41bc8e698cf2f0a1ddfeac7 1`},
		b.say(2, TypeGet, `user1 "a"`))
	require.Equal(t, []string{`1 607 user2 "a"`}, b.say(2, TypePush, `user1 "a"`))
	require.Equal(t, []string{`1 501 user2 33554559 6699 "a" b92870e0d41bc8e698cf2f0a1ddfeac7 2`},
		b.say(1, TypeUploadAck, `user2 "a"`))
	both := "3 404 napster: both are behind firewalls: neither can connect to the other"
	require.Equal(t, []string{both}, b.say(3, TypeGet, `user1 "a"`))
	require.Equal(t, []string{both}, b.say(3, TypePush, `user1 "a"`))
	require.Equal(t, []string{"3 404 napster: the uploader is not behind a firewall: download instead"},
		b.say(3, TypePush, `user2 "a"`))
	require.Equal(t, []string{`3 206 user2 "b"`}, b.say(3, TypePush, `user2 "b"`))
	require.Equal(t, []string{`3 201 "a" ` + shared + ` user2 33554559 2`, "3 202"},
		b.say(3, TypeSearch, `FILENAME CONTAINS "a"`), "user1 could not be reached")
	require.Len(t, b.say(2, TypeSearch, `FILENAME CONTAINS "a"`), 2)
}

// NP-WH-01, NP-WH-02, NP-PI-01, NP-PI-02, NP-ST-02: what users learn of each other.
func TestWhoisAndPing(t *testing.T) {
	b := newBench(t, ServerConfig{Epoch: 1000})
	b.enter(1, 6699)
	b.open(2)
	b.say(2, TypeNewUser, `Two pw 1 "other" 9 a@b`)
	b.say(2, TypeDownStart, "")
	b.say(2, TypeDownStart, "")
	b.say(2, TypeDownEnd, "")
	b.say(2, TypeUpStart, "")
	b.say(2, TypeShare, `"a" `+shared)
	require.Equal(t, []string{"2 751 user1"}, b.say(1, TypePing, "two"))
	require.Equal(t, []string{"1 752 Two"}, b.say(2, TypePong, "user1"))
	require.Equal(t, []string{"1 404 napster: nobody is not online"}, b.say(1, TypePing, "nobody"))
	b.step(5*time.Second, spec.Wake{})
	require.Equal(t, []string{`1 604 Two "User" 5 "" "Active" 1 1 1 9 "other"`}, b.say(1, TypeWhois, "two"))
	b.step(7*time.Second, spec.Closed{Conn: -2})
	b.step(9*time.Second, spec.Wake{})
	require.Equal(t, []string{`1 605 Two "User" 1007`}, b.say(1, TypeWhois, "two"))
	require.Equal(t, []string{"1 404 napster: nobody is not online"}, b.say(1, TypeWhois, "nobody"))
	effects := b.s.Step(0, spec.Got{Conn: -1, Msg: Message{Type: TypeUpEnd}}, nil)
	require.Equal(t, []spec.Effect{spec.Drop{From: b.s.links[0].remote, Clause: "NP-ST-02", Reason: errCount}}, effects)
}

func TestServerConfig(t *testing.T) {
	for field, cfg := range map[string]ServerConfig{
		"MaxLinks":     {MaxLinks: -1},
		"MaxUserGets":  {MaxGets: 2, MaxUserGets: 3},
		"LoginTimeout": {LoginTimeout: 1},
		"GetTimeout":   {GetTimeout: -1},
		"MOTD[1]":      {MOTD: []string{"", "\x00"}},
		"len(MOTD)":    {MOTD: make([]string, maxMOTD+1)},
		"Epoch":        {Epoch: -1},
	} {
		_, err := NewServer(cfg, 0)
		require.ErrorContains(t, err, "ServerConfig."+field)
		_, err = cfg.MaxEffects()
		require.Error(t, err)
	}
}

// census is the server by brute force: who is there with what, by what was said.
type census struct {
	users  map[spec.Conn]Login
	shared []censusFile // oldest first
	asked  map[spec.Conn][]Request
}

type censusFile struct {
	by spec.Conn
	File
}

func (c *census) leave(conn spec.Conn) {
	delete(c.users, conn)
	delete(c.asked, conn)
	c.shared = slices.DeleteFunc(c.shared, func(f censusFile) bool { return f.by == conn })
}

// find is what a search should yield: the names.
func (c *census) find(who spec.Conn, q Search) (names []string) {
	words := Words(q.Words)
	for _, f := range c.shared {
		reach := c.users[f.by].Port != 0 || c.users[who].Port != 0
		all := len(words) > 0 && f.by != who && reach && q.matches(f.File, c.users[f.by].Link)
		for _, w := range words {
			all = all && slices.Contains(Words(f.Name), w)
		}
		if all {
			names = append(names, c.users[f.by].Nick+" "+f.Name)
		}
	}
	most := MaxResults
	if q.Max > 0 {
		most = int(min(q.Max, MaxResults))
	}
	return names[:min(len(names), most)]
}

// same is what a question for a sum and a size should yield.
func (c *census) same(r Resume) (names []string) {
	for _, f := range c.shared {
		if (Resume{f.MD5, f.Size}) == r {
			names = append(names, c.users[f.by].Nick+" "+f.Name)
		}
	}
	return names
}

// NP-SE-03, NP-RS-01, NP-SH-04, NP-ST-01, NP-DL-02: whatever users do, a search yields what
// those who are there share and meets its conditions, the counters are the tables',
// and nobody is told what he did not ask for.
func TestServerAgreesWithACensus(t *testing.T) {
	seen := map[Type]int{}
	for seed := range byte(8) {
		s := newServer(t, smallServer())
		r := spec.NewRand([32]byte{seed})
		g := check.Gen{Rand: &r}
		c := census{map[spec.Conn]Login{}, nil, map[spec.Conn][]Request{}}
		for range 2500 {
			g.Op++
			g.Now += time.Duration(r.Below(2000)) * time.Millisecond
			in := serverInput(&g)
			out := s.Step(g.Now, in, nil)
			c.judge(t, in, out, seen)
			for _, e := range out {
				if w, ok := e.(spec.Write); ok {
					g.Asked = append(g.Asked, w)
				}
			}
			g.Asked = g.Asked[max(0, len(g.Asked)-64):]
			var bytes uint64
			for _, f := range c.shared {
				bytes += uint64(f.Size)
			}
			require.Equal(t, Stats{uint32(len(c.users)), uint32(len(c.shared)), uint32(bytes >> 30)}, s.Stats())
		}
	}
	for _, kind := range []Type{
		TypeResult, TypeResumeMatch, TypeUpload, TypeGetAck, TypeGetError, TypePushAck, TypePing, TypePong,
	} {
		require.NotZero(t, seen[kind], "the traces never reach %v", kind)
	}
}

// judge holds the effects of a step against the census, and counts it in.
func (c *census) judge(t *testing.T, in spec.Input, out []spec.Effect, seen map[Type]int) {
	got, _ := in.(spec.Got)
	said, _ := got.Msg.(Message)
	if closed, ok := in.(spec.Closed); ok {
		defer c.leave(closed.Conn)
	}
	if r, err := ParseRequest(said.Type, said.Text); said.Type == TypeGet && err == nil {
		c.asked[got.Conn] = append(c.asked[got.Conn], Request{fold(r.Nick), r.Name})
	}
	var found, same []string
	failed := false
	for _, e := range out {
		switch e := e.(type) {
		case spec.Close:
			c.leave(e.Conn)
		case spec.Write:
			m := e.Msg.(Message)
			seen[m.Type]++
			failed = failed || m.Type == TypeError
			switch m.Type {
			case TypeResult:
				r, err := ParseResult(m.Text)
				require.NoError(t, err)
				found = append(found, r.Nick+" "+r.Name)
			case TypeResumeMatch:
				r, err := ParseMatch(m.Text)
				require.NoError(t, err)
				same = append(same, r.Nick+" "+r.Name)
			case TypeLoginAck:
				c.enter(e.Conn, said)
			case TypeGetAck:
				a, err := ParseAck(m.Type, m.Text)
				require.NoError(t, err)
				require.Contains(t, c.asked[e.Conn], Request{fold(a.Nick), a.Name})
			case TypeUpload, TypePing, TypePong, TypeGetError, TypeLoginError:
			default:
				require.Equal(t, got.Conn, e.Conn, "%v %q was not asked for", m.Type, m.Text)
			}
		}
	}
	if _, in := c.users[got.Conn]; !in || failed {
		return
	}
	switch said.Type {
	case TypeSearch:
		q, err := ParseSearch(said.Text)
		require.NoError(t, err)
		require.Equal(t, c.find(got.Conn, q), found, said.Text)
	case TypeResume:
		r, err := ParseResume(said.Text)
		require.NoError(t, err)
		require.Equal(t, c.same(r), same, said.Text)
	case TypeShare:
		f, err := ParseFile(said.Text)
		require.NoError(t, err)
		c.shared = append(c.shared, censusFile{got.Conn, f})
	case TypeUnshare:
		c.shared = slices.DeleteFunc(c.shared, func(f censusFile) bool { return f.by == got.Conn && f.Name == said.Text })
	}
}

func (c *census) enter(conn spec.Conn, m Message) {
	if u, err := ParseNewUser(m.Text); m.Type == TypeNewUser && err == nil {
		c.users[conn] = u.Login
	} else if l, err := ParseLogin(m.Text); err == nil {
		c.users[conn] = l
	}
}
