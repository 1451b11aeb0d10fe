package napster

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// How commands fail, besides with a [SyntaxError] of what was to be sent.
var (
	ErrState       = errors.New("napster: the client is not in the state for this command")
	ErrBusy        = errors.New("napster: such a command, or too many, are under way")
	ErrRoom        = errors.New("napster: the file is shared, or there is no room for it")
	ErrTimeout     = errors.New("napster: no answer in time")
	ErrGone        = errors.New("napster: the connection to the server is gone")
	ErrUnavailable = errors.New("napster: the file cannot be had")
	ErrOffline     = errors.New("napster: the user is not online")
	ErrFirewalls   = errors.New("napster: both are behind firewalls")
)

// Client is a user of a server. It implements [spec.Machine]; its one stream is that
// to the server. Streams between clients are the driver's.
type Client struct {
	cfg ClientConfig
	now time.Duration

	phase  phase
	conn   spec.Conn // the last that was dialled
	shared []string  // names, sorted
	ops    []op      // oldest first
}

var _ spec.Machine = (*Client)(nil)

type phase uint8

const (
	away phase = iota
	dialling
	entering
	present
)

// op is a command that waits for answers.
type op struct {
	id       spec.OpID
	sent     Type   // what waits
	nick     string // folded
	name     string
	deadline time.Duration
	register bool     // of TypeLogin
	results  []Result // of TypeSearch
	matches  []Match  // of TypeResume
	files    []File   // of TypeBrowse
}

// NewClient returns a client that has not entered, or an error that names the field
// of cfg that is out of range.
func NewClient(cfg ClientConfig, now time.Duration) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, now: now}, nil
}

// Deadline is when the first command is given up.
func (c *Client) Deadline() (at time.Duration, ok bool) {
	if len(c.ops) == 0 {
		return 0, false
	}
	return c.ops[0].deadline, true
}

// Step implements [spec.Machine].
func (c *Client) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	c.now = max(c.now, now)
	for len(c.ops) > 0 && c.ops[0].deadline <= c.now {
		out = c.timeout(out)
	}
	switch in := in.(type) {
	case spec.Wake, spec.Drained:
		return out
	case spec.Opened:
		return c.opened(in, out)
	case spec.Closed:
		return c.closed(in, out)
	case spec.Got:
		if in.Conn == c.conn && c.phase >= entering {
			return c.got(in.Msg.(Message), out)
		}
		return out
	case Enter:
		return c.enter(in, out)
	case Quit:
		return c.quit(in, out)
	default:
		return c.command(in, out)
	}
}

// command handles what takes a server.
func (c *Client) command(in spec.Input, out []spec.Effect) []spec.Effect {
	switch in := in.(type) {
	case Share:
		return c.share(in, out)
	case Unshare:
		return c.unshare(in, out)
	case Find:
		m, err := in.Search.Message()
		return c.ask(op{id: in.Op, sent: TypeSearch}, m, err, out)
	case Browse:
		return c.askAbout(in.Op, TypeBrowse, in.Nick, out)
	case Get:
		m, err := in.Request.Message(TypeGet)
		return c.ask(op{id: in.Op, sent: TypeGet, nick: fold(in.Request.Nick), name: in.Request.Name}, m, err, out)
	case Identify:
		return c.askAbout(in.Op, TypeWhois, in.Nick, out)
	case AskSpeed:
		return c.askAbout(in.Op, TypeSpeed, in.Nick, out)
	case FindSame:
		m, err := in.Resume.Message()
		return c.ask(op{id: in.Op, sent: TypeResume}, m, err, out)
	case Ping:
		return c.askAbout(in.Op, TypePing, in.Nick, out)
	case Report:
		return c.tell(in.Op, Message{Type: reportType(in)}, nil, out)
	default:
		panic(fmt.Sprintf("napster: a client takes no %T", in))
	}
}

func reportType(r Report) Type {
	switch {
	case r.Upload && r.Begins:
		return TypeUpStart
	case r.Upload:
		return TypeUpEnd
	case r.Begins:
		return TypeDownStart
	}
	return TypeDownEnd
}

// enter dials. The login is the first thing to be said.
func (c *Client) enter(in Enter, out []spec.Effect) []spec.Effect {
	if c.phase != away {
		return append(out, spec.Done{Op: in.Op, Err: ErrState})
	}
	if in.Register {
		if _, err := c.cfg.User.Message(); err != nil {
			return append(out, spec.Done{Op: in.Op, Err: err})
		}
	}
	c.phase, c.conn = dialling, c.conn+1
	c.ops = append(c.ops, op{id: in.Op, sent: TypeLogin, register: in.Register, deadline: c.now + c.cfg.Patience})
	return append(out, spec.Dial{Conn: c.conn, To: c.cfg.Server})
}

// opened logs in.
//
// NP-LG-01, NP-LG-02.
func (c *Client) opened(in spec.Opened, out []spec.Effect) []spec.Effect {
	if in.Conn != c.conn || c.phase != dialling {
		return out
	}
	c.phase = entering
	m := sure(c.cfg.User.Login.Message())
	if c.ops[0].register {
		m = sure(c.cfg.User.Message())
	}
	return append(out, spec.Write{Conn: c.conn, Msg: m})
}

// quit leaves, and with it end all commands.
func (c *Client) quit(in Quit, out []spec.Effect) []spec.Effect {
	if c.phase == away {
		return append(out, spec.Done{Op: in.Op, Err: ErrState})
	}
	out = append(c.leave(ErrGone, out), spec.Close{Conn: c.conn})
	return append(out, spec.Done{Op: in.Op})
}

func (c *Client) closed(in spec.Closed, out []spec.Effect) []spec.Effect {
	if in.Conn != c.conn || c.phase == away {
		return out
	}
	return c.lose(cmp.Or(in.Err, ErrGone), out)
}

// lose leaves because of the server.
func (c *Client) lose(err error, out []spec.Effect) []spec.Effect {
	was := c.phase
	out = c.leave(err, out)
	if was == present {
		out = append(out, spec.Notify{Event: Left{err}})
	}
	return out
}

// leave ends every command and forgets what the server knew.
func (c *Client) leave(err error, out []spec.Effect) []spec.Effect {
	for _, o := range c.ops {
		out = append(out, spec.Done{Op: o.id, Err: err})
	}
	c.phase, c.ops, c.shared = away, nil, nil
	return out
}

// timeout gives the oldest command up. A login takes the stream with it.
func (c *Client) timeout(out []spec.Effect) []spec.Effect {
	if c.ops[0].sent == TypeLogin {
		return append(c.leave(ErrTimeout, out), spec.Close{Conn: c.conn})
	}
	return c.end(0, nil, ErrTimeout, out)
}

// end takes command number i out.
func (c *Client) end(i int, result spec.Event, err error, out []spec.Effect) []spec.Effect {
	out = append(out, spec.Done{Op: c.ops[i].id, Result: result, Err: err})
	c.ops = slices.Delete(c.ops, i, i+1)
	return out
}

// ask sends what is answered. Two commands that could not tell their answers apart
// do not go at once.
func (c *Client) ask(o op, m Message, err error, out []spec.Effect) []spec.Effect {
	switch {
	case err != nil:
	case c.phase != present:
		err = ErrState
	case len(c.ops) >= c.cfg.MaxOps || c.waiting(o.sent, o.nick, o.name) >= 0:
		err = ErrBusy
	default:
		o.deadline = c.now + c.cfg.Patience
		c.ops = append(c.ops, o)
		return append(out, spec.Write{Conn: c.conn, Msg: m})
	}
	return append(out, spec.Done{Op: o.id, Err: err})
}

// askAbout asks what takes a nick and nothing else.
func (c *Client) askAbout(id spec.OpID, t Type, nick string, out []spec.Effect) []spec.Effect {
	return c.ask(op{id: id, sent: t, nick: fold(nick)}, Message{t, nick}, CheckNick(nick), out)
}

// waiting finds the command that an answer belongs to, or -1.
func (c *Client) waiting(sent Type, nick, name string) int {
	return slices.IndexFunc(c.ops, func(o op) bool {
		return o.sent == sent && o.nick == fold(nick) && o.name == name
	})
}

// tell sends what is not answered.
func (c *Client) tell(id spec.OpID, m Message, err error, out []spec.Effect) []spec.Effect {
	if err == nil && c.phase != present {
		err = ErrState
	}
	if err == nil {
		out = append(out, spec.Write{Conn: c.conn, Msg: m})
	}
	return append(out, spec.Done{Op: id, Err: err})
}

// share offers a file, once.
//
// NP-SH-01.
func (c *Client) share(in Share, out []spec.Effect) []spec.Effect {
	m, err := in.File.Message()
	err = cmp.Or(CheckFileName(in.File.Name), err)
	i, there := slices.BinarySearch(c.shared, in.File.Name)
	switch {
	case err != nil || c.phase != present:
	case there || len(c.shared) >= c.cfg.MaxShared:
		err = ErrRoom
	default:
		c.shared = slices.Insert(c.shared, i, in.File.Name)
	}
	return c.tell(in.Op, m, err, out)
}

// unshare takes an offer back. The name stands without quotes: OpenNap takes them for
// a part of it.
//
// NP-SH-02.
func (c *Client) unshare(in Unshare, out []spec.Effect) []spec.Effect {
	i, there := slices.BinarySearch(c.shared, in.Name)
	if !there {
		return append(out, spec.Done{Op: in.Op, Err: cmp.Or(errAway(c.phase), ErrNotShared)})
	}
	c.shared = slices.Delete(c.shared, i, i+1)
	return c.tell(in.Op, Message{TypeUnshare, in.Name}, nil, out)
}

func errAway(p phase) error {
	if p != present {
		return ErrState
	}
	return nil
}
