package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/conformance"
)

// defaultJobs is how many cases run at once where the target allows it. Most of
// a case is waiting, so it does not depend on the number of processors.
const defaultJobs = 16

// checkFlags are the flags of check.
type checkFlags struct {
	targetFlags
	level, format           string
	output                  []string
	baseline, writeBaseline string
	record                  string
	seed                    uint64
	repeat, jobs            int
	maxInconclusive         int
	timeout                 time.Duration
	slow, strict            bool
}

func (a *app) checkCommand() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check [SUITE|CASE|GLOB ...]",
		Short: "Judge a target and report a verdict for each case",
		Long: `Judge a target by the cases that are named: a suite (bep5), a family (dht), a
case (bep5/krpc/echoes-transaction-id), the beginning of ids up to a slash
(bep5/ping), or a glob (bep5/*/token-*). No name selects all.

Exit codes: 0 all judged cases met · 1 an unexpected failure, or a stale line of
the baseline · 2 a mistake in what was asked · 3 the target is unreachable ·
4 too many inconclusive cases · 5 the harness is at fault.`,
		Example: `  p2pspec check dht --target 127.0.0.1:6881
  p2pspec check bittorrent --target 127.0.0.1:51413 --torrent x.torrent
  p2pspec check bep5 --exec './mynode --port {port} --bootstrap {bootstrap}' -o report.html
  p2pspec check dht --target 127.0.0.1:6881 --write-baseline known.txt
  p2pspec check dht --target 127.0.0.1:6881 --baseline known.txt --format junit
  p2pspec check dht --target 127.0.0.1:6881 --record mine.tape
  p2pspec check bep5/token --tape mine.tape`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.check(cmd.Context(), args, f, cmd.Flags().Changed)
		},
	}
	f.targetFlags.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.level, "level", "", "leave out the cases below: must, should, defacto or may")
	fl.StringVar(&f.format, "format", "console",
		"console, json, ndjson, junit, tap, markdown or html; with -o, of the file")
	fl.StringArrayVarP(&f.output, "output", "o", nil,
		"also write a report to this file, in the format of its ending; may be repeated")
	fl.StringVar(&f.baseline, "baseline", "", "file of known failures")
	fl.StringVar(&f.writeBaseline, "write-baseline", "",
		"write a baseline that expects what this run shows; what --baseline\n"+
			"or the file itself says of other cases is kept")
	fl.StringVar(&f.record, "record", "",
		"write what crosses the network to this file, to be judged again with --tape")
	fl.Uint64Var(&f.seed, "seed", 1, "of all randomness in the cases")
	fl.IntVar(&f.repeat, "repeat", 1, "run every case so often; verdicts that differ are flaky")
	fl.IntVar(&f.jobs, "jobs", defaultJobs, "cases that run at once where the target allows it")
	fl.DurationVar(&f.timeout, "timeout", 0,
		fmt.Sprintf("bound of a case that states none (default %v)", conformance.DefaultCaseTimeout))
	fl.BoolVar(&f.slow, "slow", false, "also run the cases that wait for minutes of real time")
	fl.BoolVar(&f.strict, "strict", false, "take a warn for a failure")
	fl.IntVar(&f.maxInconclusive, "max-inconclusive", 0,
		"inconclusive cases that still exit with 0")
	return cmd
}

func (a *app) check(ctx context.Context, patterns []string, f checkFlags, given func(flag string) bool) error {
	if err := f.validateNumbers(); err != nil {
		return err
	}
	selected, err := conformance.Select(a.suites, patterns, conformance.Level(f.level))
	if err != nil {
		return err
	}
	if f.tape != "" {
		if selected, patterns, err = f.onTape(selected, given("seed")); err != nil {
			return err
		}
	}
	baseline, successor, err := f.loadBaselines(a.suites)
	if err != nil {
		return err
	}
	out, err := a.openOutputs(f.format, f.output, given("format"))
	if err != nil {
		return err
	}
	defer out.close()
	target, err := f.open(ctx, selected)
	if err != nil {
		return err
	}
	tape, err := f.openTape()
	if err != nil {
		return err
	}
	final := func(res conformance.Result) conformance.Result {
		if f.strict {
			res = res.Strict()
		}
		return res
	}
	r, err := conformance.Run(ctx, target, conformance.Options{
		Suites: a.suites, Select: patterns, Level: conformance.Level(f.level), Seed: f.seed,
		Repeat: f.repeat, Jobs: f.jobs, Slow: f.slow, Tape: f.record != "", Timeout: f.timeout,
		MaxInconclusive: f.maxInconclusive, Baseline: baseline, Version: version(),
		OnResult:      out.progress(len(selected), final),
		RepeatCommand: f.repeatCommand,
	})
	if err != nil {
		return err
	}
	for i := range r.Results {
		r.Results[i] = final(r.Results[i])
	}
	r.Exit = r.Judge(f.maxInconclusive)
	a.exit = r.Exit
	if err := out.write(r); err != nil {
		return err
	}
	if err := a.writeTape(tape, r); err != nil {
		return err
	}
	return f.storeBaseline(a, successor, r)
}

func (f *checkFlags) validateNumbers() error {
	switch {
	case f.repeat < 1:
		return usagef("--repeat %d: use 1 or more", f.repeat)
	case f.repeat > 1 && f.record+f.tape != "":
		return usagef("--repeat %d: a tape has one run of each case", f.repeat)
	case f.tape != "" && f.record != "":
		return usagef("--record with --tape: it would be the same tape")
	case f.tape != "" && f.timeout > 0:
		return usagef("--timeout %v with --tape: the tape has that of its run", f.timeout)
	case f.jobs < 1:
		return usagef("--jobs %d: use 1 or more", f.jobs)
	case f.timeout < 0:
		return usagef("--timeout %v: use a positive duration, such as 30s", f.timeout)
	case f.maxInconclusive < 0:
		return usagef("--max-inconclusive %d: use 0 or more", f.maxInconclusive)
	}
	return nil
}

// loadBaselines returns the baseline that the run is held to, or nil, and the
// one that --write-baseline begins with: the same, or what the file to be
// written has now.
func (f *checkFlags) loadBaselines(
	suites []conformance.Suite,
) (expect, successor *conformance.Baseline, err error) {
	load := func(path string) (*conformance.Baseline, error) {
		b, err := conformance.LoadBaseline(path)
		if err != nil {
			return nil, err
		}
		return b, b.Check(suites)
	}
	if f.baseline != "" {
		if expect, err = load(f.baseline); err != nil {
			return nil, nil, err
		}
		return expect, expect, nil
	}
	if _, err := os.Stat(f.writeBaseline); f.writeBaseline == "" || err != nil {
		return nil, &conformance.Baseline{}, nil
	}
	successor, err = load(f.writeBaseline)
	return nil, successor, err
}

// storeBaseline serves --write-baseline. What a target that was never judged
// shows is no baseline.
func (f *checkFlags) storeBaseline(a *app, b *conformance.Baseline, r *conformance.Report) error {
	if f.writeBaseline == "" {
		return nil
	}
	if r.Exit == conformance.ExitUnreachable || r.Exit == conformance.ExitHarness {
		fmt.Fprintf(a.err, "p2pspec: %s was not written: this run judged nothing\n", f.writeBaseline)
		return nil
	}
	b.Update(r.Results, f.strict)
	return asFault(b.Write(f.writeBaseline))
}

// repeatCommand is the command line that judges one case as this run did.
func (f *checkFlags) repeatCommand(id string) string {
	words := append([]string{"p2pspec", "check", id}, f.targetFlags.words()...)
	words = append(words, "--seed", fmt.Sprint(f.seed))
	if f.slow {
		words = append(words, "--slow")
	}
	if f.timeout > 0 {
		words = append(words, "--timeout", f.timeout.String())
	}
	for i, w := range words {
		words[i] = quote(w)
	}
	return strings.Join(words, " ")
}

// explain is what a case sends and accepts, for the reports that have room.
func (a *app) explain(id string) string {
	for _, s := range a.suites {
		for _, c := range s.Cases {
			if c.ID == id {
				return c.Explain
			}
		}
	}
	return ""
}
