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

// smallClient is small, so that every limit is reached.
func smallClient(nick string, port uint16) ClientConfig {
	return ClientConfig{
		Server:    netip.MustParseAddrPort("192.0.2.1:8888"),
		User:      NewUser{Login{nick, "pw", port, "nap", 4, 0}, "a@b"},
		MaxShared: 3, MaxListing: 3, MaxOps: 4, Patience: 20 * time.Second,
	}
}

func TestClientContract(t *testing.T) {
	bound, err := smallClient("me", 0).MaxEffects()
	require.NoError(t, err)
	check.Run(t, check.Subject{
		New: func(seed uint64, now time.Duration) spec.Machine {
			c, err := NewClient(smallClient("me", uint16(seed%2)), now)
			if err != nil {
				panic(err)
			}
			return c
		},
		Input:       clientInput,
		MaxEffects:  func(spec.Input) int { return bound },
		StreamCodec: Codec{},
		Seeds:       6,
		Steps:       800,
		MaxGap:      3 * time.Second,
		Golden:      "testdata/client.golden",
		NotState:    map[string]string{"cfg": "it never changes", "now": "deadlines are relative to it"},
	})
}

// clientInput plays the application, and a server that is honest, confused or
// hostile.
func clientInput(g *check.Gen) spec.Input {
	nick := someNick(g)
	file := File{someName(g), MD5{1}, uint32(g.Below(9)), 128, 44100, 60}
	switch g.Below(30) {
	case 0, 1:
		return Enter{g.Op, g.Below(2) == 0}
	case 2:
		if g.Below(4) == 0 {
			return Quit{g.Op}
		}
		return Report{g.Op, g.Below(2) == 0, g.Below(2) == 0}
	case 3:
		return Share{g.Op, file}
	case 4:
		return Unshare{g.Op, file.Name}
	case 5, 6:
		return Find{g.Op, Search{Words: file.Name, Max: uint32(g.Below(3))}}
	case 7, 8:
		return Browse{g.Op, nick}
	case 9, 10:
		return Get{g.Op, Request{nick, file.Name}}
	case 11:
		return Identify{g.Op, nick}
	case 12:
		return Ping{g.Op, nick}
	case 17:
		return FindSame{g.Op, Resume{file.MD5, file.Size}}
	case 18:
		return AskSpeed{g.Op, nick}
	case 13, 14, 15:
		return spec.Opened{Conn: theDialled(g)}
	case 16:
		if g.Below(4) == 0 {
			return spec.Closed{Conn: theDialled(g)}
		}
	}
	return spec.Got{Conn: theDialled(g), Msg: answer(g, nick, file)}
}

func theDialled(g *check.Gen) (c spec.Conn) {
	for _, e := range g.Asked {
		switch e := e.(type) {
		case spec.Dial:
			c = e.Conn
		case spec.Write:
			c = e.Conn
		}
	}
	return c
}

// answer is what a server says, often to what it was asked.
func answer(g *check.Gen, nick string, f File) Message {
	r := Request{nick, f.Name}
	a := Ack{nick, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 9}), uint16(g.Below(2))), f.Name, f.MD5, 3}
	made := func(m Message, _ error) Message { return m } // an empty login error where it cannot be
	if len(g.Asked) > 0 && g.Below(4) > 0 {
		w, _ := g.Asked[len(g.Asked)-1].(spec.Write)
		switch m, _ := w.Msg.(Message); m.Type {
		case TypeLogin, TypeNewUser:
			return Message{TypeLoginAck, "a@b"}
		case TypeSearch:
			return made(Result{f, "someone", a.Addr.Addr(), 4}.Message())
		case TypeResume:
			return made(Match{"someone", a.Addr, f.Name, Resume{f.MD5, f.Size}, 3}.Message())
		case TypeBrowse:
			return made(Listing{m.Text, f}.Message())
		case TypeGet:
			if asked, err := ParseRequest(TypeGet, m.Text); err == nil {
				r, a.Nick, a.Name = asked, asked.Nick, asked.Name
			}
		}
	}
	switch g.Below(27) {
	case 0, 1, 2, 3:
		return Message{TypeLoginAck, "a@b"}
	case 4, 5, 6:
		return made(Result{f, "someone", a.Addr.Addr(), 4}.Message())
	case 7:
		return Message{Type: TypeResultEnd}
	case 8, 9, 10:
		return made(Listing{nick, f}.Message())
	case 11:
		return Message{[]Type{TypeBrowseEnd, TypeNotOnline}[g.Below(2)], nick}
	case 12, 13:
		return made(a.Message(TypeGetAck))
	case 14:
		return made(r.Message(TypeGetError))
	case 15, 16:
		return made(r.Message(TypeUpload))
	case 17:
		return made(a.Message(TypePushAck))
	case 18:
		return made(Whois{Nick: nick, Level: "User"}.Message())
	case 19:
		return made(Whowas{nick, "User", 5}.Message())
	case 20:
		return Message{[]Type{TypePing, TypePong}[g.Below(2)], nick}
	case 21:
		return Stats{1, 2, 3}.Message()
	case 22:
		return Message{[]Type{TypeError, TypeMOTD}[g.Below(2)], "text"}
	case 23:
		return made(Match{nick, a.Addr, f.Name, Resume{f.MD5, f.Size}, 3}.Message())
	case 24:
		return Message{Type: TypeResumeEnd}
	case 25:
		return made(Speed{nick, 3}.Message())
	}
	return Message{Type(1 + g.Below(800)), "x"}
}

// town is one server and its clients, joined by streams without delay.
type town struct {
	t       *testing.T
	server  *Server
	clients []*Client // client i has the server's stream -i
	told    []string  // "client i: what he was told"
}

func newTown(t *testing.T, ports ...uint16) *town {
	w := &town{t: t, server: newServer(t, ServerConfig{MOTD: []string{"hello"}})}
	for i, port := range ports {
		c, err := NewClient(smallClient(fmt.Sprint("user", i), port), 0)
		require.NoError(t, err)
		w.clients = append(w.clients, c)
	}
	return w
}

// do gives a client a command and lets everything happen that follows.
func (w *town) do(i int, in spec.Input) string {
	w.t.Helper()
	w.told = nil
	w.run(i, w.clients[i].Step(0, in, nil))
	return strings.Join(w.told, "; ")
}

func (w *town) run(i int, effects []spec.Effect) {
	conn := -spec.Conn(i + 1)
	for _, e := range effects {
		switch e := e.(type) {
		case spec.Dial:
			remote := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 1)}), 4000)
			w.serve(w.server.Step(0, spec.Opened{Conn: conn, Remote: remote}, nil))
			w.run(i, w.clients[i].Step(0, spec.Opened{Conn: e.Conn}, nil))
		case spec.Write:
			w.serve(w.server.Step(0, spec.Got{Conn: conn, Msg: e.Msg}, nil))
		case spec.Close:
			w.serve(w.server.Step(0, spec.Closed{Conn: conn}, nil))
		case spec.Notify:
			w.told = append(w.told, fmt.Sprintf("%d %T%v", i, e.Event, e.Event))
		case spec.Done:
			w.told = append(w.told, fmt.Sprintf("%d done %T%v %v", i, e.Result, e.Result, e.Err))
		}
	}
	require.NoError(w.t, w.clients[i].Check())
}

func (w *town) serve(effects []spec.Effect) {
	for _, e := range effects {
		if e, ok := e.(spec.Write); ok {
			i := int(-e.Conn) - 1
			w.run(i, w.clients[i].Step(0, spec.Got{Conn: w.clients[i].conn, Msg: e.Msg}, nil))
		}
	}
	require.NoError(w.t, w.server.Check())
}

// NP-LG-02, NP-SE-01, NP-BR-01, NP-DL-01, NP-DL-02, NP-DL-03, NP-DL-04, NP-FW-01, NP-FW-02, NP-WH-01,
// NP-WH-03, NP-RS-01 and NP-PI-01: clients and the server understand each other.
func TestTown(t *testing.T) {
	w := newTown(t, 6699, 0, 0)
	require.Equal(t, "0 done napster.Entered{a@b} <nil>; 0 napster.Said{message 621 hello}; 0 napster.Counted{{1 0 0}}",
		w.do(0, Enter{1, true}))
	require.Contains(t, w.do(1, Enter{1, false}), "1 done napster.Entered{anon@napster} <nil>")
	require.Contains(t, w.do(2, Enter{1, false}), "2 done napster.Entered")
	require.Contains(t, w.do(2, Enter{2, false}), ErrState.Error())
	file := File{"C:\\a song.mp3", MD5{}, 5, 128, 44100, 60}
	for i := range w.clients {
		require.Equal(t, fmt.Sprint(i, " done <nil><nil> <nil>"), w.do(i, Share{2, file}))
	}
	sum := strings.Repeat("0", 32)
	text := `{C:\a song.mp3 ` + sum + ` 5 128 44100 60}`
	require.Equal(t, `0 done napster.Found{[{`+text+` user1 127.0.0.2 4} {`+text+` user2 127.0.0.3 4}]} <nil>`,
		w.do(0, Find{3, Search{Words: "song"}}))
	require.Equal(t, "1 done napster.Browsed{user0 ["+text+"]} <nil>", w.do(1, Browse{4, "User0"}))
	require.Equal(t, "1 done <nil><nil> "+ErrOffline.Error(), w.do(1, Browse{5, "nobody"}))
	require.Equal(t, `0 napster.Wanted{{user1 C:\a song.mp3}}; `+
		`1 done napster.Ready{{user0 127.0.0.1:6699 C:\a song.mp3 `+sum+` 4} false} <nil>`,
		w.inOrder(1, Get{6, Request{"user0", file.Name}}))
	require.Equal(t, `0 done napster.Ready{{user1 127.0.0.2:0 C:\a song.mp3 `+sum+` 4} true} <nil>; `+
		`1 napster.PushTo{{user0 127.0.0.1:6699 C:\a song.mp3 `+sum+` 4}}; 1 napster.Wanted{{user0 C:\a song.mp3}}`,
		w.inOrder(0, Get{7, Request{"user1", file.Name}}))
	require.Contains(t, w.do(1, Get{8, Request{"user2", file.Name}}), "both are behind firewalls")
	require.Equal(t, "0 done <nil><nil> "+ErrUnavailable.Error(), w.do(0, Get{9, Request{"user2", "other"}}))
	require.Equal(t, "0 done napster.Answered{user2} <nil>", w.do(0, Ping{10, "user2"}))
	require.Equal(t, "0 done napster.Gauged{{user2 4}} <nil>", w.do(0, AskSpeed{19, "USER2"}))
	require.Equal(t, "0 done napster.Matched{[]} <nil>", w.do(0, FindSame{20, Resume{MD5{}, 5}}), "nobody summed it")
	require.Contains(t, w.do(1, Share{21, File{Name: "summed", MD5: MD5{1}, Size: 5}}), "<nil>")
	require.Equal(t, "0 done napster.Matched{[{user1 127.0.0.2:0 summed {01"+sum[2:]+" 5} 4}]} <nil>",
		w.do(0, FindSame{22, Resume{MD5{1}, 5}}))
	require.Contains(t, w.do(1, Unshare{23, "summed"}), "<nil>")
	require.Equal(t, "0 done <nil><nil> <nil>", w.do(0, Report{11, true, true}))
	require.Contains(t, w.do(1, Identify{12, "user0"}), `{user0 User 0  Active 1 0 1 4 nap}`)
	require.Equal(t, "0 done <nil><nil> <nil>", w.do(0, Quit{13}))
	require.Contains(t, w.do(1, Identify{14, "user0"}), `1 done napster.Identified{false {  0   0 0 0 0 } {user0 User 0}}`)
	require.Contains(t, w.do(1, Unshare{15, "no"}), ErrNotShared.Error())
	require.Equal(t, "1 done <nil><nil> <nil>", w.do(1, Unshare{15, file.Name}))
	require.Equal(t, Stats{2, 1, 0}, w.server.Stats())
	require.Contains(t, w.do(1, Share{16, File{Name: `a"b`}}), "message 100: field filename")
	require.Contains(t, w.do(1, Find{17, Search{Words: `a "quoted" string`}}), "message 200: field FILENAME")
	require.Contains(t, w.do(0, Find{18, Search{Words: `a`}}), ErrState.Error())
}

// inOrder is the same sorted by client: within a Step the order is the wire's.
func (w *town) inOrder(i int, in spec.Input) string {
	w.t.Helper()
	w.do(i, in)
	return strings.Join(slices.Sorted(slices.Values(w.told)), "; ")
}

func TestClientConfig(t *testing.T) {
	for field, spoil := range map[string]func(*ClientConfig){
		"Server":     func(c *ClientConfig) { c.Server = netip.AddrPort{} },
		"User":       func(c *ClientConfig) { c.User.Nick = "a b" },
		"MaxShared":  func(c *ClientConfig) { c.MaxShared = -1 },
		"MaxListing": func(c *ClientConfig) { c.MaxListing = 1 << 20 },
		"MaxOps":     func(c *ClientConfig) { c.MaxOps = 2000 },
		"Patience":   func(c *ClientConfig) { c.Patience = 1 },
	} {
		cfg := smallClient("me", 0)
		spoil(&cfg)
		_, err := NewClient(cfg, 0)
		require.ErrorContains(t, err, "ClientConfig."+field)
	}
}

// A server that says nothing is left, and one that lies is dropped.
func TestClientGivesUp(t *testing.T) {
	c, err := NewClient(smallClient("me", 1), 0)
	require.NoError(t, err)
	c.Step(0, Enter{1, false}, nil)
	require.Equal(t, []spec.Effect{spec.Done{Op: 1, Err: ErrTimeout}, spec.Close{Conn: 1}},
		c.Step(20*time.Second, spec.Wake{}, nil))
	c.Step(20*time.Second, Enter{2, false}, nil)
	require.Equal(t, []spec.Effect{spec.Done{Op: 2, Err: ErrGone}}, c.Step(0, spec.Closed{Conn: 2}, nil))
	c.Step(0, Enter{3, false}, nil)
	c.Step(0, spec.Opened{Conn: 3}, nil)
	c.Step(0, spec.Got{Conn: 3, Msg: Message{TypeLoginAck, "x"}}, nil)
	for _, m := range []Message{
		{Type: TypeResultEnd}, {Type: TypeResumeEnd}, {TypeSpeedAck, "a 3"}, {TypePong, "a"},
		{TypeUpload, `a "b"`}, {TypeGetError, `a "b"`}, {TypeStats, "1"}, {Type: 999},
	} {
		effects := c.Step(0, spec.Got{Conn: 3, Msg: m}, nil)
		require.Len(t, effects, 1)
		require.IsType(t, spec.Drop{}, effects[0], m)
	}
	for _, name := range []string{" x.mp3", `a"b.mp3`} { // which no other message could name
		effects := c.Step(0, Share{6, File{Name: name}}, nil)
		require.Len(t, effects, 1)
		require.Error(t, effects[0].(spec.Done).Err, name)
	}
	require.Len(t, c.Step(0, Find{4, Search{Words: "a"}}, nil), 1)
	require.Equal(t, []spec.Effect{spec.Done{Op: 5, Err: ErrBusy}}, c.Step(0, Find{5, Search{Words: "b"}}, nil))
	effects := c.Step(0, spec.Got{Conn: 3, Msg: Message{TypeLoginError, "go"}}, nil)
	require.Len(t, effects, 3)
	require.ErrorContains(t, effects[0].(spec.Done).Err, `the server: "go"`)
}
