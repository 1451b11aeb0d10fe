package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/p2pspec/p2pspec/gossip/swim"
	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
	transportswim "github.com/p2pspec/p2pspec/transport/swim"
)

// swimMember obeys lines and prints what its member sees.
type swimMember struct {
	*transportswim.Member
	journal

	ops    sync.Mutex // guards what follows
	last   spec.OpID
	verbs  map[spec.OpID]string // of the commands under way
	parted chan struct{}        // holds one when a leave has ended
}

func newSwimMember(out io.Writer) *swimMember {
	return &swimMember{
		journal: journal{w: out, drops: map[string]int{}},
		verbs:   map[spec.OpID]string{}, parted: make(chan struct{}, 1),
	}
}

// read obeys the lines of in until its end.
func (m *swimMember) read(in io.Reader) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		verb, rest, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		switch verb {
		case "":
		case "members":
			m.printf("ok members%s\n", m.list())
		default:
			m.do(verb, rest)
		}
	}
	if err := lines.Err(); err != nil {
		m.printf("error stdin %v\n", err)
	}
}

// list is who is known, with what is believed of each.
func (m *swimMember) list() string {
	var text strings.Builder
	for _, k := range m.Members() {
		fmt.Fprintf(&text, " %q=%s", k.Name, stateNames[k.State])
	}
	return text.String()
}

// stateNames are the words for the states.
var stateNames = [...]string{
	wire.StateAlive: "alive", wire.StateSuspect: "suspect", wire.StateDead: "dead", wire.StateLeft: "left",
}

// do begins a command. Its end is printed, as observe does, or here if it does
// not begin.
func (m *swimMember) do(verb, rest string) (begun bool) {
	m.ops.Lock()
	defer m.ops.Unlock()
	m.last++
	command, err := swimCommand(m.last, verb, rest)
	if err == nil {
		err = m.Do(command)
	}
	if err != nil {
		m.printf("error %s %v\n", verb, err)
		return false
	}
	m.verbs[m.last] = verb
	return true
}

// leave tells the others that the member leaves, and waits until they have been
// told, which the member bounds.
func (m *swimMember) leave() {
	if m.do("leave", "") {
		<-m.parted
	}
}

// swimCommand reads one command.
func swimCommand(op spec.OpID, verb, rest string) (spec.Input, error) {
	switch verb {
	case "join":
		addrs, err := parseAddrs(verb, strings.Fields(rest))
		return swim.Join{Op: op, Addrs: addrs}, err
	case "leave":
		return swim.Leave{Op: op}, nil
	case "send", "stream":
		to, text, _ := strings.Cut(rest, " ")
		addr, err := parseAddr(verb, to)
		if err != nil {
			return nil, err
		}
		payload, err := readText(text)
		return swim.SendUser{Op: op, To: addr, Payload: payload, Reliable: verb == "stream"}, err
	}
	text, err := readText(rest)
	switch verb {
	case "meta":
		return swim.Update{Op: op, Meta: text}, err
	case "broadcast":
		return swim.Broadcast{Op: op, Payload: text}, err
	case "share":
		return swim.Share{Op: op, State: text}, err
	}
	return nil, errors.New("unknown command")
}

// readText takes a text as it is, or in double quotes as Go reads it.
func readText(text string) ([]byte, error) {
	if !strings.HasPrefix(text, `"`) {
		return []byte(text), nil
	}
	unquoted, err := strconv.Unquote(text)
	if err != nil {
		return nil, fmt.Errorf("%s is not a text in quotes", text)
	}
	return []byte(unquoted), nil
}

// observe prints what the member sees, and how commands end.
func (m *swimMember) observe(_ time.Duration, e spec.Effect) {
	switch e := e.(type) {
	case spec.Done:
		m.done(e)
	case spec.Notify:
		m.notice(e.Event)
	case spec.Drop:
		m.journal.drop(e)
	}
}

func (m *swimMember) done(d spec.Done) {
	m.ops.Lock()
	verb := m.verbs[d.Op]
	delete(m.verbs, d.Op)
	m.ops.Unlock()
	contacted, _ := d.Result.(swim.Contacted)
	switch {
	case d.Err != nil:
		m.printf("error %s %v\n", verb, d.Err)
	case verb == "join":
		m.printf("ok join %d\n", contacted.Nodes)
	default:
		m.printf("ok %s\n", verb)
	}
	if verb == "leave" {
		select {
		case m.parted <- struct{}{}:
		default: // another has ended before
		}
	}
}

func (m *swimMember) notice(e spec.Event) {
	switch e := e.(type) {
	case swim.Joined:
		m.printf("joined %q %v %q\n", e.Member.Name, e.Member.Addr, e.Member.Meta)
	case swim.Updated:
		m.printf("updated %q %v %q\n", e.Member.Name, e.Member.Addr, e.Member.Meta)
	case swim.Left:
		m.printf("left %q\n", e.Member.Name)
	case swim.Failed:
		m.printf("failed %q %q\n", e.Member.Name, e.From)
	case swim.Suspected:
		m.printf("suspected %q %q\n", e.Member.Name, e.From)
	case swim.Refuted:
		m.printf("refuted %d\n", e.Incarnation)
	case swim.Conflict:
		m.printf("conflict %q %v\n", e.Member.Name, e.Addr)
	case swim.UserMessage:
		m.printf("user %q\n", e.Payload)
	case swim.Merged:
		m.printf("merged %q\n", e.State)
	}
}
