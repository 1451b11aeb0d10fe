package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// toySubject describes the toy with one bug, or none.
func toySubject(bug string) Subject {
	return Subject{
		New:   newToy(bug),
		Input: drawToy,
		Codec: toyCodec{bug},
		// Every question may time out, and then the input has one effect.
		MaxEffects: func(spec.Input) int { return maxAsks + 1 },
		Golden:     "testdata/toy.golden",
		NotState: map[string]string{
			"bug": "it is the test's",
			"cfg": "it never changes",
			"now": "deadlines are relative to it",
			"buf": "it is scratch space",
		},
		Shared: map[string]string{"cfg": "it never changes"},
		Seeds:  4,
		Steps:  300,
		MaxGap: 20 * 60e9,
	}
}

func TestToyKeepsTheContract(t *testing.T) { Run(t, toySubject("")) }

// TestEachRuleBites breaks each clause in the toy and wants its rule, by name,
// to say what is wrong.
func TestEachRuleBites(t *testing.T) {
	for _, bite := range []struct{ rule, bug, says string }{
		{"invariants", "lawless", "more than two entries"},
		{"invariants", "crash", "panic: index out of range"},
		{"bounds", "chatty", "the bound is 3"},
		{"progress", "spinner", "is not after now"},
		{"idle", "restless", "changed the state"},
		{"idle", "noisy", "had effects"},
		{"idle", "timetraveller", "changed the state"},
		{"refused", "stained", "a refused message changed the state"},
		{"refused", "mute", "without clause"},
		{"done", "twice", "not under way"},
		{"done", "forgetful", "never done"},
		{"misuse", "lenient", "should panic"},
		{"replay", "unsorted", "and then"},
		{"shift", "absolute", "the states differ"},
		{"clone", "tail", "a step of the clone changed the original"},
		{"clone", "siamese", "a step of the original changed the clone"},
		{"state", "values", "entries[].value[]: a Clone shares it"},
		{"state", "blind", "asks[].nonce: AppendState does not cover it"},
		{"poison", "borrower", "keeps a part of its input"},
		{"poison", "reuser", "effects changed after the step"},
		{"wire", "lossy", "sent get"},
	} {
		s := toySubject(bite.bug)
		err := ruleNamed(t, bite.rule)(&s)
		if err == nil || !strings.Contains(err.Error(), bite.says) {
			t.Errorf("%s over a %s toy: %v; want %q", bite.rule, bite.bug, err, bite.says)
		}
	}
}

func FuzzToy(f *testing.F) { Fuzz(f, toySubject("")) }

func TestFuzzBites(t *testing.T) {
	data := make([]byte, 8*300)
	r := newRand(0)
	r.Fill(data)
	for bug, says := range map[string]string{
		"":        "",
		"lawless": "more than two entries",
		"crash":   "panic: index out of range",
		"chatty":  "the bound is 3",
		"spinner": "is not after now",
	} {
		s := toySubject(bug)
		if err := s.judge(data); (err == nil) != (bug == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("a %s toy: %v; want %q", bug, err, says)
		}
	}
}

// TestScriptBites has a script hold a bent toy to its promises.
func TestScriptBites(t *testing.T) {
	for bug, says := range map[string]string{
		"":        "",
		"lawless": "more than two entries",
		"chatty":  "the bound is 3",
		"spinner": "is not after",
		"stained": "changed the state",
		"mute":    "without clause",
		"twice":   "not under way",
	} {
		if err := playToy(t, bug); (err == nil) != (bug == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("a %s toy: %v; want %q", bug, err, says)
		}
	}
}

func playToy(t *testing.T, bug string) error {
	subject := toySubject(bug)
	s := NewScript(t, nil)
	s.Machine, s.MaxEffects = subject.New(1, 0), maxAsks+1
	r := newRand(1)
	g := Gen{Rand: &r}
	for range subject.Steps {
		s.Now += time.Second
		g.Now, g.Op = s.Now, g.Op+1
		in := subject.Input(&g)
		if op, ok := opOf(in); ok {
			s.open[op] = true
		}
		effects, err := s.step(in)
		if err != nil {
			return err
		}
		for _, e := range effects {
			if sent, ok := e.(spec.Send); ok {
				g.Sent = append(g.Sent, sent)
			}
		}
	}
	return nil
}

func ruleNamed(t *testing.T, name string) func(*Subject) error {
	for _, r := range rules() {
		if r.name == name {
			return r.check
		}
	}
	t.Fatalf("no rule %q", name)
	return nil
}

func TestProcessBites(t *testing.T) {
	s := toySubject("process")
	if isChild() {
		answerParent(&s)
		return
	}
	if err := process(&s, t); err == nil || !strings.Contains(err.Error(), "other traces") {
		t.Errorf("a toy that knows its process: %v", err)
	}
}

func TestStateWantsReasonsAndFilledFields(t *testing.T) {
	s := toySubject("")
	s.NotState["gone.away"] = "it was removed"
	s.NotState["buf"] = ""
	s.Input = func(*Gen) spec.Input { return spec.Wake{} }
	err := state(&s)
	for _, want := range []string{
		"gone.away: exempt, but there is no such field",
		"buf: NotState has no reason",
		"entries[].value: no trace ever filled it",
		"hits[]: no trace ever filled it",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestGoldenBites(t *testing.T) {
	s := toySubject("")
	content, err := os.ReadFile(s.Golden)
	if err != nil {
		t.Fatal(err)
	}
	s.Golden = filepath.Join(t.TempDir(), "toy.golden")
	if err := golden(&s); err == nil || !strings.Contains(err.Error(), "-check.update") {
		t.Errorf("without a file: %v", err)
	}
	if err := os.WriteFile(s.Golden, append(content, "more"...), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := golden(&s); err == nil || !strings.Contains(err.Error(), "the traces have changed") {
		t.Errorf("with other hashes: %v", err)
	}
	s.Golden = ""
	if err := golden(&s); err == nil {
		t.Error("no file named, and no complaint")
	}
}
