// Command anacrolix puts github.com/anacrolix/dht behind p2pspec's adapter
// protocol: one JSON object a line on stdin and stdout, logs on stderr.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
)

// Error codes of the adapter protocol.
const (
	notSupported = 10
	unavailable  = 11
	malformed    = 12
	noSuchKey    = 20
)

// refused is an error with a code of the adapter protocol.
type refused struct {
	code int
	text string
}

func (r *refused) Error() string { return r.text }

func refuse(code int, format string, args ...any) error {
	return &refused{code, fmt.Sprintf(format, args...)}
}

type envelope struct {
	Src  string         `json:"src"`
	Dest string         `json:"dest"`
	Body map[string]any `json:"body"`
}

type command struct {
	Body struct {
		Type  string `json:"type"`
		MsgID int64  `json:"msg_id"`
	} `json:"body"`
}

// conversation answers commands in any order, each when it ends.
type conversation struct {
	mu  sync.Mutex
	out *json.Encoder
}

func (c *conversation) reply(to command, kind string, fields map[string]any) {
	body := map[string]any{"type": kind, "in_reply_to": to.Body.MsgID}
	for k, v := range fields {
		body[k] = v
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.out.Encode(envelope{"n0", "c0", body}); err != nil {
		fmt.Fprintln(os.Stderr, "stdout:", err)
		os.Exit(1)
	}
}

func (c *conversation) answer(to command, fields map[string]any, err error) {
	var r *refused
	switch {
	case err == nil:
		c.reply(to, to.Body.Type+"_ok", fields)
	case errors.As(err, &r):
		c.reply(to, "error", map[string]any{"code": r.code, "text": r.text})
	default:
		c.reply(to, "error", map[string]any{"code": malformed, "text": err.Error()})
	}
}

func main() {
	talk := &conversation{out: json.NewEncoder(os.Stdout)}
	cl := &client{}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := append([]byte(nil), lines.Bytes()...)
		var cmd command
		if err := json.Unmarshal(line, &cmd); err != nil || cmd.Body.Type == "" {
			fmt.Fprintf(os.Stderr, "not a command: %v: %s\n", err, line)
			continue
		}
		switch cmd.Body.Type {
		case "stop":
			talk.answer(cmd, nil, cl.stop())
			return
		case "start":
			// The commands that follow need the client that this one makes.
			fields, err := cl.run(cmd.Body.Type, line)
			talk.answer(cmd, fields, err)
		default:
			go func() {
				fields, err := cl.run(cmd.Body.Type, line)
				talk.answer(cmd, fields, err)
			}()
		}
	}
	if err := cl.stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
