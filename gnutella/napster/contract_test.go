package napster

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

// smallServer is small, so that every limit is reached.
func smallServer() ServerConfig {
	return ServerConfig{
		Epoch: 947304224, MOTD: []string{"welcome", ""},
		MaxLinks: 8, MaxAccounts: 3, MaxFiles: 12, MaxUserFiles: 4, MaxGets: 4, MaxUserGets: 2,
		LoginTimeout: 30 * time.Second, GetTimeout: 60 * time.Second,
	}
}

func newServer(t testing.TB, cfg ServerConfig) *Server {
	s, err := NewServer(cfg, 0)
	require.NoError(t, err)
	return s
}

func TestServerContract(t *testing.T) {
	bound, err := smallServer().MaxEffects()
	require.NoError(t, err)
	check.Run(t, check.Subject{
		New: func(seed uint64, now time.Duration) spec.Machine {
			cfg := smallServer()
			cfg.Epoch += int64(seed)
			s, err := NewServer(cfg, now)
			if err != nil {
				panic(err)
			}
			return s
		},
		Input:       serverInput,
		MaxEffects:  func(spec.Input) int { return bound },
		StreamCodec: Codec{},
		Seeds:       6,
		Steps:       1000,
		MaxGap:      2 * time.Second,
		Golden:      "testdata/server.golden",
		NotState: map[string]string{
			"cfg":                   "it never changes",
			"now":                   "deadlines are relative to it",
			"nicks":                 "they follow from the links",
			"index.words":           "they follow from the entries",
			"index.same":            "they follow from the entries",
			"index.bytes":           "the sum of the entries",
			"links[].user.Password": "it is not kept",
		},
		Shared: map[string]string{"cfg": "it never changes"},
	})
}

// serverInput plays users who are honest, confused or hostile.
func serverInput(g *check.Gen) spec.Input {
	switch g.Below(20) {
	case 0, 1:
		a := netip.AddrFrom4([4]byte{192, 0, 2, byte(g.Below(9))})
		if g.Below(20) == 0 {
			a = netip.IPv6Loopback()
		}
		return spec.Opened{Conn: -spec.Conn(g.Op), Remote: netip.AddrPortFrom(a, 4000)}
	case 2:
		if g.Below(8) == 0 {
			return spec.Closed{Conn: someUser(g)}
		}
		return spec.Drained{Conn: someUser(g)}
	case 3, 4, 5, 6: // somebody who may not have been heard yet
		return spec.Got{Conn: -spec.Conn(g.Op) + 1 + spec.Conn(g.Below(6)), Msg: entrance(g)}
	}
	return spec.Got{Conn: someUser(g), Msg: request(g)}
}

func someUser(g *check.Gen) spec.Conn {
	for range g.Asked { // nobody stays whose login failed
		if w, ok := g.Asked[g.Below(uint64(len(g.Asked)))].(spec.Write); ok && w.Msg.(Message).Type != TypeLoginError {
			return w.Conn
		}
	}
	return -spec.Conn(g.Below(20))
}

func entrance(g *check.Gen) Message {
	text := fmt.Sprintf(`%s pw%d %d "nap" %d`, someNick(g), g.Below(6)/5, (g.Below(4)+2)/3*6699, g.Below(11))
	switch g.Below(8) {
	case 0:
		return Message{TypeNickCheck, someNick(g)}
	case 1, 2:
		return Message{TypeNewUser, text + " a@b"}
	case 3:
		return Message{TypeLogin, text + " 7"}
	case 4:
		return request(g)
	}
	return Message{TypeLogin, text}
}

func someNick(g *check.Gen) string {
	if g.Below(30) == 0 {
		return "é"
	}
	return string(rune('a'+g.Below(6))) + "User"
}

func someName(g *check.Gen) string {
	return []string{"blue song", "red song", "blue car", "the song of 1999"}[g.Below(4)]
}

// request is what somebody says who may be there.
func request(g *check.Gen) Message {
	both := fmt.Sprintf(`%s "%s"`, someNick(g), someName(g))
	switch g.Below(17) {
	case 0, 1, 2:
		return Message{TypeShare, fmt.Sprintf(`"%s" b92870e0d41bc8e698cf2f0a1ddfeac7 %d %d 44100 60`,
			someName(g), g.Below(3)+g.Below(2)<<31, g.Below(320))}
	case 3:
		return Message{TypeUnshare, someName(g)}
	case 4, 5:
		return Message{TypeSearch, fmt.Sprintf(`FILENAME CONTAINS "%s" MAX_RESULTS %d LINESPEED "AT LEAST" %d`,
			[]string{"song", "SONG blue", "", "car"}[g.Below(4)], g.Below(4), g.Below(8))}
	case 6, 7:
		return Message{TypeGet, both}
	case 10, 11:
		for range g.Asked {
			w, ok := g.Asked[g.Below(uint64(len(g.Asked)))].(spec.Write)
			if m, isMessage := w.Msg.(Message); ok && isMessage && m.Type == TypeUpload {
				return Message{TypeUploadAck, m.Text}
			}
		}
		return Message{TypeUploadAck, both}
	case 8, 9:
		return Message{TypePush, both}
	case 12:
		return Message{[]Type{TypeBrowse, TypeWhois, TypeSpeed, TypePing, TypePong}[g.Below(5)], someNick(g)}
	case 15:
		return Message{TypeResume, fmt.Sprintf("b92870e0d41bc8e698cf2f0a1ddfeac7 %d", g.Below(3))}
	case 13:
		return Message{[]Type{TypeDownStart, TypeDownEnd, TypeUpStart, TypeUpEnd}[g.Below(4)], ""}
	case 14:
		return Message{[]Type{TypeStats, TypeMOTD}[g.Below(2)], ""}
	}
	return Message{Type(g.Below(1000)), "no such"}
}
