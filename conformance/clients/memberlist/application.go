package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hashicorp/memberlist"
)

// application is the user of the member: what it says, and what it is told.
type application struct {
	queue   *memberlist.TransmitLimitedQueue
	state   []byte
	forward bool

	mu   sync.Mutex // guards what follows, and the lines on stdout
	meta []byte
	seen map[string]bool // user messages that were told or heard
}

// maxSeen bounds what is remembered of user messages. Then all is forgotten.
const maxSeen = 4096

func newApplication(forward bool, state string) *application {
	// A message is told often enough for each of a handful of members.
	queue := &memberlist.TransmitLimitedQueue{RetransmitMult: 4}
	return &application{queue: queue, state: []byte(state), forward: forward, seen: map[string]bool{}}
}

func (a *application) printf(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	fmt.Printf(format+"\n", args...)
}

func (a *application) setMeta(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.meta = []byte(text)
}

func (a *application) command(list *memberlist.Memberlist, verb, rest string) (answer string, err error) {
	switch verb {
	case "join":
		_, err = list.Join(strings.Fields(rest))
	case "members":
		answer = members(list)
	case "meta":
		if len(rest) > memberlist.MetaMaxSize {
			return "", fmt.Errorf("%d bytes, and at most %d fit", len(rest), memberlist.MetaMaxSize)
		}
		a.setMeta(rest)
		err = list.UpdateNode(patience)
	case "broadcast":
		a.isNew(rest)
		a.queue.QueueBroadcast(message(rest))
	case "send", "stream":
		name, text, _ := strings.Cut(rest, " ")
		to := find(list, name)
		switch {
		case to == nil:
			err = fmt.Errorf("no member is called %q", name)
		case verb == "send":
			err = list.SendBestEffort(to, []byte(text))
		default:
			err = list.SendReliable(to, []byte(text))
		}
	case "leave":
		err = list.Leave(patience)
	default:
		err = errors.New("unknown command")
	}
	return answer, err
}

func members(list *memberlist.Memberlist) string {
	var names []string
	for _, n := range list.Members() {
		names = append(names, strconv.Quote(n.Name))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func find(list *memberlist.Memberlist, name string) *memberlist.Node {
	for _, n := range list.Members() {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// The application as memberlist's delegate.

func (a *application) NodeMeta(int) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.meta
}

func (a *application) NotifyMsg(b []byte) {
	a.printf("user %q", b)
	if a.forward && a.isNew(string(b)) {
		a.queue.QueueBroadcast(message(b))
	}
}

// isNew reports whether a message is seen for the first time.
func (a *application) isNew(text string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen[text] {
		return false
	}
	if len(a.seen) == maxSeen {
		clear(a.seen)
	}
	a.seen[text] = true
	return true
}

func (a *application) GetBroadcasts(overhead, limit int) [][]byte {
	return a.queue.GetBroadcasts(overhead, limit)
}

func (a *application) LocalState(bool) []byte { return a.state }

func (a *application) MergeRemoteState(b []byte, _ bool) {
	if len(b) > 0 {
		a.printf("merged %q", b)
	}
}

// events prints what happens to members.
type events struct{ app *application }

func (e events) NotifyJoin(n *memberlist.Node) {
	e.app.printf("joined %q %v %q", n.Name, n.Address(), n.Meta)
}
func (e events) NotifyUpdate(n *memberlist.Node) {
	e.app.printf("updated %q %v %q", n.Name, n.Address(), n.Meta)
}
func (e events) NotifyLeave(n *memberlist.Node) { e.app.printf("gone %q", n.Name) }

// message is a user message under way. It replaces no other.
type message string

func (m message) Invalidates(memberlist.Broadcast) bool { return false }
func (m message) Message() []byte                       { return []byte(m) }
func (m message) Finished()                             {}
