package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAdapterProcess is no test: it is the program that the tests below start.
func TestAdapterProcess(t *testing.T) {
	mode := os.Getenv("P2PSPEC_TEST_ADAPTER")
	if mode == "" {
		return
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var msg struct {
			Body map[string]any `json:"body"`
		}
		if json.Unmarshal(in.Bytes(), &msg) != nil {
			os.Exit(3)
		}
		playAdapter(mode, msg.Body)
	}
	os.Exit(0)
}

func playAdapter(mode string, body map[string]any) {
	verb := body["type"].(string)
	reply := map[string]any{"type": verb + "_ok", "in_reply_to": body["msg_id"]}
	switch {
	case mode == "garbage":
		fmt.Println("starting up...")
		return
	case mode == "dies" && verb == "hello":
		fmt.Fprintln(os.Stderr, "no DHT today")
		os.Exit(4)
	case mode == "endless" && verb == "hello":
		fmt.Print(strings.Repeat("x", adapterLine+1))
		return
	case mode == "answers all" || verb == "stop" || verb == "bootstrap":
	case verb == "hello":
		reply["name"], reply["version"], reply["capabilities"] = "toy", "1.0", []string{"bootstrap", "announce"}
	case verb == "start":
		reply["addr"] = fmt.Sprintf("%v:%v", body["ip"], body["port"])
	default:
		reply = map[string]any{"type": "error", "in_reply_to": body["msg_id"], "code": codeNotSupported, "text": "unknown"}
	}
	line, _ := json.Marshal(map[string]any{"src": "n0", "dest": "c0", "body": reply})
	fmt.Println(string(line))
	if verb == "stop" {
		os.Exit(0)
	}
	if mode == "dies later" && verb == "bootstrap" {
		os.Exit(5)
	}
}

func adapter(t *testing.T, mode string) (*AdapterTarget, error) {
	t.Setenv("P2PSPEC_TEST_ADAPTER", mode)
	argv := []string{os.Args[0], "-test.run=^TestAdapterProcess$"}
	return NewAdapterTarget(context.Background(), argv, AdapterOptions{Suite: "dht", Sources: LoopbackSources()})
}

func TestAdapterIntroducesItself(t *testing.T) {
	a, err := adapter(t, "good")
	require.NoError(t, err)
	assert.Equal(t, Identity{Name: "toy", Version: "1.0", How: "adapter"}, a.Identity())
	ok, _ := a.Can(NeedVerb("announce"))
	assert.True(t, ok)
	ok, why := a.Can(NeedVerb("put"))
	assert.False(t, ok)
	assert.Contains(t, why, "put")

	net, err := a.Network()
	require.NoError(t, err)
	defer net.Shut()
	inst, err := a.Start(context.Background(), net, StartOptions{})
	require.NoError(t, err)
	assert.True(t, inst.Addr().Addr().IsLoopback())
	p, err := inst.Do(Command{Verb: "nonsense"})
	require.NoError(t, err)
	for limit := net.Now() + 5*time.Second; !p.Done() && net.Now() < limit; {
		net.Recv(limit)
	}
	_, err = p.Result()
	assert.ErrorIs(t, err, ErrUnsupported, "the reply wakes the network")
	assert.NoError(t, inst.Exited())
	assert.NoError(t, inst.Stop())
	assert.NoError(t, inst.Exited(), "an end that we asked for is no crash")
}

func TestAdapterThatBreaksTheProtocol(t *testing.T) {
	for mode, want := range map[string]string{
		"garbage":     "each line of stdout is one JSON object",
		"dies":        "no DHT today",
		"endless":     "a line may have",
		"answers all": "must answer the unknown verb",
	} {
		_, err := adapter(t, mode)
		assert.ErrorContains(t, err, want, mode)
	}
	_, err := NewAdapterTarget(context.Background(), []string{"/nonexistent/program"}, AdapterOptions{})
	assert.ErrorContains(t, err, "/nonexistent/program")
}

func TestAdapterThatDiesIsNoticed(t *testing.T) {
	a, err := adapter(t, "dies later")
	require.NoError(t, err)
	net, err := a.Network()
	require.NoError(t, err)
	defer net.Shut()
	inst, err := a.Start(context.Background(), net, StartOptions{})
	require.NoError(t, err)
	_, err = inst.Do(Command{Verb: "bootstrap"})
	require.NoError(t, err)
	assert.Eventually(t, func() bool { return inst.Exited() != nil }, 5*time.Second, time.Millisecond)
	assert.NoError(t, inst.Stop())
}
