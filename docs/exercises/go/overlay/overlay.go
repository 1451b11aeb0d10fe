// Package overlay is what every overlay node needs: lines in, lines out,
// questions to others.
//
// The lines are those of Maelstrom's nodes; docs/overlay.md describes them.
// The package needs nothing but the standard library: copy it where you like.
package overlay

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"sync"
	"time"
)

// Codes of errors.
const (
	NotSupported = 10
	NotNow       = 11
	Malformed    = 12
	Crash        = 13
	NoSuchKey    = 20
)

// Refusal is an error that a handler returns, or that another node has answered.
type Refusal struct {
	Code int    `json:"code"`
	Text string `json:"text"`
}

func (r *Refusal) Error() string { return r.Text }

// Refuse returns the error of a code.
func Refuse(code int, text string) error { return &Refusal{code, text} }

// ErrTimeout is Call's error when no answer has come in time.
var ErrTimeout = errors.New("no answer in time")

// Settings are what init tells beside the name.
type Settings struct {
	Bits       int               `json:"bits"`       // identifiers are below 2^Bits, at most 32
	IDs        map[string]uint64 `json:"ids"`        // everyone's identifier, by name
	PeriodMS   int64             `json:"period_ms"`  // how often to stabilize or refresh
	TimeoutMS  int64             `json:"timeout_ms"` // who has not answered by then is dead
	Successors int               `json:"successors"` // of Chord: how many to remember
	K          int               `json:"k"`          // of Kademlia: contacts in a bucket
	Alpha      int               `json:"alpha"`      // of Kademlia: questions at once
}

// Number is a field of a request that has to be there, and below 2^Bits.
func (n *Node) Number(field string, v *uint64) (uint64, error) {
	if v == nil || *v >= 1<<n.Settings.Bits {
		return 0, Refuse(Malformed, fmt.Sprintf("%s: want a number below 2^%d", field, n.Settings.Bits))
	}
	return *v, nil
}

// Node is this process's part of the overlay.
type Node struct {
	Name         string   // "n0"; known from init on, as are the next two
	Names        []string // all nodes' names, its own too, in the order that everybody is told
	Settings     Settings
	Capabilities []string // for the answer to init
	Begin        func()   // if set, is called once when init has come

	handlers map[string]func(src string, body []byte) (any, error)
	mu       sync.Mutex // guards what follows, and the standard output
	lastID   int
	calls    map[int]chan []byte // our open questions, by msg_id
}

type message struct {
	Src  string          `json:"src"`
	Dest string          `json:"dest"`
	Body json.RawMessage `json:"body"`
}

type header struct {
	Type      string `json:"type"`
	MsgID     *int   `json:"msg_id,omitempty"`
	InReplyTo *int   `json:"in_reply_to,omitempty"`
}

// Handle sets the handler of requests of a type: it gets the sender's name and
// the request's fields, and returns the answer's. Each request has a goroutine
// of its own, so lock what they share.
func Handle[Q, A any](n *Node, kind string, handler func(src string, q Q) (A, error)) {
	if n.handlers == nil {
		n.handlers = map[string]func(string, []byte) (any, error){}
	}
	n.handlers[kind] = func(src string, body []byte) (any, error) {
		var q Q
		if err := json.Unmarshal(body, &q); err != nil {
			return nil, Refuse(Malformed, fmt.Sprintf("%s: %v", kind, err))
		}
		return handler(src, q)
	}
}

// Call asks another node and waits: for its answer, for an error that it has
// answered (a [Refusal]), or for Settings.TimeoutMS ([ErrTimeout]).
func Call[A any](n *Node, dest, kind string, fields any) (A, error) {
	return CallWithin[A](n, time.Duration(n.Settings.TimeoutMS)*time.Millisecond, dest, kind, fields)
}

// CallWithin is Call with a patience of the caller's own.
func CallWithin[A any](n *Node, patience time.Duration, dest, kind string, fields any) (answer A, err error) {
	reply := make(chan []byte, 1)
	n.mu.Lock()
	if n.calls == nil {
		n.calls = map[int]chan []byte{}
	}
	n.lastID++
	id := n.lastID
	n.calls[id] = reply
	n.mu.Unlock()
	n.send(dest, header{Type: kind, MsgID: &id}, fields)

	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case body := <-reply:
		var h header
		if json.Unmarshal(body, &h); h.Type == "error" {
			refusal := &Refusal{}
			json.Unmarshal(body, refusal)
			return answer, refusal
		}
		return answer, json.Unmarshal(body, &answer)
	case <-timer.C:
		n.mu.Lock()
		delete(n.calls, id)
		n.mu.Unlock()
		return answer, ErrTimeout
	}
}

// Run serves until the standard input ends.
func (n *Node) Run() {
	log.SetFlags(log.Lmicroseconds)
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var m message
		var h header
		if json.Unmarshal(line, &m) != nil || json.Unmarshal(m.Body, &h) != nil {
			log.Printf("not a message: %s", line)
			continue
		}
		switch {
		case h.InReplyTo != nil:
			n.mu.Lock()
			if reply := n.calls[*h.InReplyTo]; reply != nil {
				reply <- m.Body
				delete(n.calls, *h.InReplyTo)
			}
			n.mu.Unlock()
		case h.Type == "init":
			n.init(m, h)
		default:
			go n.answer(m, h)
		}
	}
}

func (n *Node) init(m message, h header) {
	var q struct {
		Name     string   `json:"node_id"`
		Names    []string `json:"node_ids"`
		Settings Settings `json:"overlay"`
	}
	if err := json.Unmarshal(m.Body, &q); err != nil {
		log.Printf("init: %v", err)
	}
	n.Name, n.Names, n.Settings = q.Name, q.Names, q.Settings
	fields := map[string]any{}
	if len(n.Capabilities) > 0 {
		fields["capabilities"] = n.Capabilities
	}
	if n.Begin != nil {
		n.Begin()
	}
	n.send(m.Src, header{Type: "init_ok", InReplyTo: h.MsgID}, fields)
}

func (n *Node) answer(m message, h header) {
	handler := n.handlers[h.Type]
	if handler == nil {
		handler = func(string, []byte) (any, error) {
			return nil, Refuse(NotSupported, fmt.Sprintf(
				"no handler for %q: write one with overlay.Handle(node, %[1]q, …)", h.Type))
		}
	}
	fields, err := handler(m.Src, m.Body)
	kind := h.Type + "_ok"
	if err != nil {
		refusal := &Refusal{Crash, err.Error()}
		errors.As(err, &refusal)
		kind, fields = "error", refusal
	}
	if h.MsgID != nil {
		n.send(m.Src, header{Type: kind, InReplyTo: h.MsgID}, fields)
	}
}

// Tell sends another node a message that it does not answer.
func (n *Node) Tell(dest, kind string, fields any) { n.send(dest, header{Type: kind}, fields) }

// send writes one line: the body is the header's fields and the others.
func (n *Node) send(dest string, h header, fields any) {
	body := map[string]json.RawMessage{}
	for _, part := range []any{fields, h} {
		b, err := json.Marshal(part)
		if err == nil {
			err = json.Unmarshal(b, &body)
		}
		if err != nil {
			log.Printf("%s: %v", h.Type, err)
		}
	}
	line, err := json.Marshal(map[string]any{"src": n.Name, "dest": dest, "body": body})
	if err != nil {
		log.Print(err)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	os.Stdout.Write(append(line, '\n'))
}
