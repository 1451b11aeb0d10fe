package conformancetest_test

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/conformancetest"
)

// echo is a target that sends every payload back, or nothing when it is dead.
type echo struct{ dead bool }

var home = netip.MustParseAddrPort("127.0.0.1:1")

func (e echo) Identity() conformance.Identity { return conformance.Identity{Name: "echo"} }
func (e echo) Can(conformance.Need) (bool, string) {
	return false, "an echo cannot"
}
func (e echo) PerCase() bool { return true }
func (e echo) Network() (conformance.Network, error) {
	n := conformance.NewVirtualNetwork()
	if !e.dead {
		n.Attach(e, home)
	}
	return n, nil
}
func (e echo) Start(context.Context, conformance.Network,
	conformance.StartOptions) (conformance.Instance, error) {
	return instance{}, nil
}

func (e echo) Deliver(_ time.Duration, d conformance.Datagram,
	out []conformance.Outgoing) []conformance.Outgoing {
	return append(out, conformance.Outgoing{To: d.From, Payload: d.Data})
}
func (e echo) Wake(_ time.Duration, out []conformance.Outgoing) []conformance.Outgoing {
	return out
}
func (e echo) Deadline() (time.Duration, bool) { return 0, false }

type instance struct{}

func (instance) Addr() netip.AddrPort  { return home }
func (instance) Addr6() netip.AddrPort { return netip.AddrPort{} }
func (instance) Do(conformance.Command) (*conformance.Pending, error) {
	return nil, conformance.ErrUnsupported
}
func (instance) Exited() error { return nil }
func (instance) Stop() error   { return nil }

func suite() []conformance.Suite {
	answered := func(t *conformance.T) {
		s := t.Open()
		s.Send([]byte("hello"), "")
		if !t.Until(func() bool { return len(s.Inbox()) > 0 }, time.Second) {
			t.Inconclusivef("no answer to hello")
		}
		t.Earn()
	}
	c := func(name string, run func(*conformance.T)) conformance.Case {
		return conformance.Case{ID: "toy/area/" + name, Rev: 1, Level: conformance.Must, Run: run}
	}
	warns := c("warns", func(t *conformance.T) { t.Failf("could be better") })
	warns.Level = conformance.Should
	needy := c("needs", answered)
	needy.Needs = []conformance.Need{conformance.NeedClock}
	return []conformance.Suite{{Name: "toy", Control: answered, Cases: []conformance.Case{
		c("passes", answered), warns, needy,
		c("fails", func(t *conformance.T) { t.Failf("not as it must be") }),
		c("known", func(t *conformance.T) { t.Failf("not as it must be") }),
		c("open", func(t *conformance.T) {}),
	}}}
}

func options(t *testing.T) conformance.Options {
	const line = "toy/area/known fail rev=1 # issue 7"
	known, err := conformance.ParseBaseline("known.txt", line, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return conformance.Options{Suites: suite(), Baseline: known}
}

func TestMet(t *testing.T) {
	opts := options(t)
	opts.Select = []string{"toy/area/passes", "toy/area/warns", "toy/area/known", "toy/area/needs"}
	conformancetest.Run(t, echo{}, opts)
}

// TestChild is what TestOutcomes runs in a process of its own, because a
// failed subtest fails its test.
func TestChild(t *testing.T) {
	switch os.Getenv("CONFORMANCETEST_CHILD") {
	case "":
	case "dead":
		conformancetest.Run(t, echo{dead: true}, options(t))
	case "nothing":
		opts := options(t)
		opts.Select = []string{"nosuchcase"}
		conformancetest.Run(t, echo{}, opts)
	default:
		conformancetest.Run(t, echo{}, options(t))
	}
}

func child(t *testing.T, mode, run string) (out string, passed bool) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.v", "-test.run", run)
	cmd.Env = append(os.Environ(), "CONFORMANCETEST_CHILD="+mode)
	b, err := cmd.CombinedOutput()
	return string(b), err == nil
}

func TestOutcomes(t *testing.T) {
	out, passed := child(t, "all", "TestChild$")
	if passed {
		t.Error("the test passed although a case failed")
	}
	for name, outcome := range map[string]string{
		"passes": "PASS", "warns": "PASS", "needs": "SKIP", "known": "SKIP",
		"fails": "FAIL", "open": "FAIL",
	} {
		if !strings.Contains(out, "--- "+outcome+": TestChild/toy/area/"+name+" ") {
			t.Errorf("%s: want %s in\n%s", name, outcome, out)
		}
	}
	if !strings.Contains(out, "not as it must be") || !strings.Contains(out, "issue 7") {
		t.Errorf("the explanations are missing in\n%s", out)
	}
}

func TestRunFlagNamesACase(t *testing.T) {
	out, passed := child(t, "all", "TestChild$/toy/area/passes")
	if !passed || strings.Contains(out, "/fails") {
		t.Errorf("-run does not select a case:\n%s", out)
	}
}

func TestUnreachableEndsTheTest(t *testing.T) {
	out, passed := child(t, "dead", "TestChild$")
	ended := strings.Contains(out, "the target is unreachable") && !strings.Contains(out, "/warns")
	if passed || !ended {
		t.Errorf("want one case and then the end:\n%s", out)
	}
}

func TestNothingSelectedFails(t *testing.T) {
	out, passed := child(t, "nothing", "TestChild$")
	if passed || !strings.Contains(out, "nosuchcase") {
		t.Errorf("an empty selection passed:\n%s", out)
	}
}
