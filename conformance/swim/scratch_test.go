package swim

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/clients"
	"github.com/p2pspec/p2pspec/conformance/report"
)

func TestScratch(t *testing.T) {
	var target conformance.Target
	if a := os.Getenv("TARGET"); a != "" {
		target = conformance.NewLiveTarget(netip.MustParseAddrPort(a), conformance.LoopbackSources())
	} else if a := os.Getenv("CLIENT"); a != "" {
		c, err := clients.Load(a)
		if err != nil {
			t.Fatal(err)
		}
		target, err = conformance.NewClientTarget(t.Context(), c, "swim")
		if err != nil {
			t.Fatal(err)
		}
	} else {
		target = Builtin{}.Targets().OnVirtualTime()
	}
	var sel []string
	if s := os.Getenv("SEL"); s != "" {
		sel = strings.Fields(s)
	}
	r, err := conformance.Run(t.Context(), target, conformance.Options{Suites: Suites(), Select: sel, Jobs: 16, Seed: 1, Slow: os.Getenv("SLOW") != ""})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(r.Unreachable, r.Duration, r.Summary)
	for _, res := range r.Results {
		fmt.Println(res.Verdict, res.Case, res.Duration.Milliseconds(), res.Reason)
		if res.Verdict != conformance.Pass && res.Verdict != conformance.Skipped {
			fmt.Println(report.Explain(res))
		} else if os.Getenv("V") != "" {
			fmt.Println(res.Observed)
			for _, e := range res.Transcript {
				fmt.Printf("   %v %s %s %v %s\n", e.At, e.Dir, e.Via, e.Decoded, e.Note)
			}
		}
	}
}
