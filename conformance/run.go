package conformance

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Run judges target by the selected cases. It neither prints nor exits. The
// error is a *[UsageError] when nothing can be run; whatever the target does
// ends in a report.
func Run(ctx context.Context, target Target, opts Options) (*Report, error) {
	selected, err := Select(opts.Suites, opts.Select, opts.Level)
	if err != nil {
		return nil, err
	}
	if opts.Baseline != nil {
		if err := opts.Baseline.Check(opts.Suites); err != nil {
			return nil, err
		}
	}
	r := &runner{ctx: ctx, target: target, opts: opts}
	report := &Report{
		Schema: Schema, Version: opts.Version, CaseSet: caseSet(selected), Target: target.Identity(),
		Seed: opts.Seed, Started: time.Now().UTC(),
	}
	report.Results, report.Unreachable = r.run(selected)
	slices.Sort(r.notes)
	report.Notes = r.notes
	report.Summary = summarise(report.Results)
	report.Duration = time.Since(report.Started)
	report.Exit = report.Judge(opts.MaxInconclusive)
	return report, nil
}

type runner struct {
	ctx    context.Context
	target Target
	opts   Options
	emit   sync.Mutex // one result at a time
	notes  []string

	// The instance that cases share when a fresh one has a cost.
	net  Network
	inst Instance
}

func (r *runner) run(selected []Selected) (results []Result, unreachable string) {
	defer r.dropShared()
	if reason := r.control(selected[0].Suite); reason != "" {
		for _, s := range selected {
			results = append(results, r.final(r.unreached(s, reason)))
		}
		return results, reason
	}
	if r.target.PerCase() {
		return r.runParallel(selected), ""
	}
	for _, s := range selected {
		if unreachable != "" {
			results = append(results, r.final(r.unreached(s, unreachable)))
			continue
		}
		res := r.judge(s)
		if res.Verdict == Fail || res.Verdict == Warn || res.Verdict == Inconclusive {
			unreachable = r.reprobe(s.Suite, &res)
		}
		results = append(results, r.final(res))
	}
	return results, unreachable
}

func (r *runner) runParallel(selected []Selected) []Result {
	results := make([]Result, len(selected))
	next := make(chan int)
	var wg sync.WaitGroup
	for range max(1, r.opts.Jobs) {
		wg.Go(func() {
			for i := range next {
				results[i] = r.final(r.judge(selected[i]))
			}
		})
	}
	for i := range selected {
		next <- i
	}
	close(next)
	wg.Wait()
	return results
}

// judge runs a case as often as asked and folds the verdicts.
func (r *runner) judge(s Selected) Result {
	res := r.once(s, 0)
	for i := 1; i < r.opts.Repeat && res.Verdict != Skipped && res.Verdict != Unsupported; i++ {
		if res.Runs == nil {
			res.Runs = []Verdict{res.Verdict}
		}
		again := r.once(s, i)
		again.Runs = append(res.Runs, again.Verdict)
		if again.Verdict != res.Verdict {
			again.Overlay, res.Overlay = Flaky, Flaky
		}
		if worse(again.Verdict, res.Verdict) {
			again.Overlay = max(again.Overlay, res.Overlay)
			res = again
		} else {
			res.Runs = again.Runs
		}
	}
	return res
}

// worse orders verdicts by how much they should alarm.
func worse(a, b Verdict) bool {
	rank := map[Verdict]int{Error: 7, Fail: 6, Inconclusive: 5, Warn: 4, Info: 3, Unsupported: 2, Skipped: 1}
	return rank[a] > rank[b]
}

// once runs a case one time.
func (r *runner) once(s Selected, run int) Result {
	began := time.Now()
	t := &T{
		ctx: r.ctx, suite: s.Suite, c: s.Case, target: r.standIn(s.Case),
		rand:    spec.NewRand(caseSeed(r.opts.Seed, s.Case.ID, run)),
		sockets: map[netip.AddrPort]*Socket{}, streams: map[spec.Conn]*Stream{},
		accepts: map[netip.AddrPort]*Listener{},
	}
	if v, why := r.prerequisites(t); v != "" {
		t.verdict, t.reason = v, why
	} else if err := r.equip(t); err != nil {
		t.verdict = Inconclusive
		t.failure = &Failure{Message: err.Error(), Whose: EnvironmentFault}
	} else {
		t.play(r.timeout(s.Case))
		r.release(t)
	}
	return Result{
		Case: s.Case.ID, Suite: s.Suite.Name, Rev: s.Case.Rev, Level: s.Case.Level, Requirements: s.Case.Requirements,
		Verdict: t.verdict, Reason: t.reason, Failure: t.failure, Observed: t.observed, Duration: time.Since(began),
		RTT: t.rtt, Transcript: t.log.entries, Omitted: t.log.omitted,
	}
}

func (r *runner) timeout(c *Case) time.Duration {
	switch {
	case c.Within > 0:
		return c.Within
	case r.opts.Timeout > 0:
		return r.opts.Timeout
	default:
		return DefaultCaseTimeout
	}
}

// standIn is the target that plays the case.
func (r *runner) standIn(c *Case) Target {
	if chooser, ok := r.target.(Chooser); ok {
		return chooser.For(c)
	}
	return r.target
}

func (r *runner) prerequisites(t *T) (Verdict, string) {
	for _, need := range t.c.Needs {
		if need == NeedClock && r.opts.Slow {
			continue
		}
		if ok, why := t.target.Can(need); !ok {
			if _, ok := t.target.(Commanded); ok && need.verb() != "" {
				return Unsupported, why
			}
			return Skipped, why
		}
	}
	return "", ""
}

// equip gives t its network, and the shared instance when it may be shared.
func (r *runner) equip(t *T) (err error) {
	if t.target.PerCase() || t.c.own() {
		t.net, err = t.target.Network()
		return err
	}
	if r.net == nil {
		if r.net, err = r.target.Network(); err != nil {
			return err
		}
	}
	t.net = r.net
	if r.inst == nil {
		if r.inst, err = r.target.Start(r.ctx, r.net, StartOptions{}); err != nil {
			return fmt.Errorf("the target did not start: %w", err)
		}
		t.cold = true
	}
	t.inst = r.inst
	if ok, _ := r.target.Can(NeedFresh); ok {
		t.renew = r.renew
	}
	return nil
}

// renew starts the shared target again.
func (r *runner) renew(opt StartOptions) (Instance, error) {
	err := r.inst.Stop()
	r.inst = nil
	if err != nil {
		return nil, err
	}
	r.inst, err = r.target.Start(r.ctx, r.net, opt)
	return r.inst, err
}

// own reports that the case cannot use an instance that others used.
func (c *Case) own() bool {
	for _, n := range c.Needs {
		switch n {
		case NeedFresh, NeedBootstrap, NeedRestart, NeedIPv6:
			return true
		}
		if n.verb() != "" {
			return true
		}
	}
	return false
}

// release closes what the case opened and notices a target that died.
func (r *runner) release(t *T) {
	t.closeAll()
	if t.inst != nil {
		if err := t.inst.Exited(); err != nil {
			t.verdict, t.failure = Fail, &Failure{
				Message: "the target ended during the case: " + err.Error(), Whose: TargetFault,
				Causes: []string{"a crash: a refusal leaves the process running"},
			}
			if t.inst == r.inst {
				r.inst = nil
			}
		}
	}
	if t.net == r.net {
		return
	}
	if t.inst != nil {
		if err := t.inst.Stop(); err != nil {
			t.Observef("stopping the target: %v", err)
		}
	}
	t.net.Shut()
}

// reprobe finds out whether the shared target still answers after a case that
// went wrong, and returns why not.
func (r *runner) reprobe(suite *Suite, res *Result) string {
	reason := r.control(suite)
	for pause := time.Second; reason != "" && pause <= RecoverPause; pause *= 2 {
		select {
		case <-time.After(pause):
		case <-r.ctx.Done():
			return reason
		}
		reason = r.control(suite)
	}
	if reason == "" {
		return ""
	}
	res.Observed = append(res.Observed, "after this case the target no longer answers: "+reason)
	if ok, _ := r.target.Can(NeedFresh); ok {
		r.dropShared()
		res.Observed = append(res.Observed, "the target was started again for the cases that follow")
		return r.control(suite)
	}
	return reason
}

// RecoverPause is the longest pause between two attempts to reach a target
// that has stopped answering; it lets a short penalty for chatter pass.
const RecoverPause = 4 * time.Second

// control runs the suite's sanity exchange and returns why it failed.
func (r *runner) control(suite *Suite) string {
	c := &Case{ID: suite.Name + "/control", Level: Must, Run: suite.Control, Within: 10 * time.Second}
	res := r.once(Selected{Suite: suite, Case: c}, 0)
	switch {
	case res.Verdict == Pass:
		return ""
	case res.Failure != nil:
		return res.Failure.Message
	default:
		return "the control ended as " + string(res.Verdict)
	}
}

func (r *runner) unreached(s Selected, reason string) Result {
	return Result{
		Case: s.Case.ID, Suite: s.Suite.Name, Rev: s.Case.Rev, Level: s.Case.Level, Requirements: s.Case.Requirements,
		Verdict: Inconclusive, Reason: "the target is unreachable",
		Failure: &Failure{Message: reason, Whose: EnvironmentFault},
	}
}

// final holds a result to the baseline and shows it.
func (r *runner) final(res Result) Result {
	if r.opts.RepeatCommand != nil {
		res.Repeat = r.opts.RepeatCommand(res.Case)
	}
	r.emit.Lock()
	defer r.emit.Unlock()
	if r.opts.Baseline != nil {
		one := []Result{res}
		r.notes = append(r.notes, r.opts.Baseline.Apply(one)...)
		res = one[0]
	}
	if r.opts.OnResult != nil {
		r.opts.OnResult(res)
	}
	return res
}

func (r *runner) dropShared() {
	if r.inst != nil {
		_ = r.inst.Stop() // the run is over, or the instance is already lost
		r.inst = nil
	}
	if r.net != nil {
		r.net.Shut()
		r.net = nil
	}
}

// play runs the case on this goroutine and settles its verdict.
func (t *T) play(within time.Duration) {
	t.began = t.net.Now()
	t.deadline = t.began + within
	defer func() {
		switch p := recover().(type) {
		case nil, halt:
		default:
			t.verdict = Error
			t.failure = &Failure{Message: fmt.Sprintf("the case panicked: %v", p), Whose: SuiteFault, Got: string(debug.Stack())}
		}
	}()
	if t.inst != nil && t.cold {
		t.warmUp()
	}
	t.c.Run(t)
	if !t.earned {
		t.Inconclusivef("the target showed nothing well-formed that could support a pass")
	}
	t.verdict = Pass
}

func caseSeed(seed uint64, id string, run int) [32]byte {
	b := binary.LittleEndian.AppendUint64(nil, seed)
	b = binary.LittleEndian.AppendUint64(b, uint64(run))
	return sha256.Sum256(append(b, id...))
}

func caseSet(selected []Selected) string {
	h := sha256.New()
	for _, s := range selected {
		fmt.Fprintf(h, "%s %d\n", s.Case.ID, s.Case.Rev)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func summarise(results []Result) map[Verdict]int {
	sum := map[Verdict]int{}
	for _, res := range results {
		sum[res.Verdict]++
	}
	return sum
}
