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
	if opts.Tape && opts.Repeat > 1 {
		return nil, &UsageError{Message: "a tape has one run of each case, and more were asked for"}
	}
	if tapes, ok := target.(tapesTarget); ok {
		if err := tapes.suits(&opts); err != nil {
			return nil, err
		}
	}
	r := &runner{ctx: ctx, target: target, opts: opts}
	report := &Report{
		Schema: Schema, Version: opts.Version, CaseSet: caseSet(selected), Target: target.Identity(),
		Seed: opts.Seed, Started: time.Now().UTC(), Timeout: opts.Timeout,
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

	taped, tapedSteps int // bytes and steps of the tapes so far

	// The instance that cases share when a fresh one has a cost.
	net     Network
	inst    Instance
	sharing sharing
}

func (r *runner) run(selected []Selected) (results []Result, unreachable string) {
	defer r.dropShared()
	if reason := r.firstControl(selected); reason != "" {
		for _, s := range selected {
			results = append(results, r.final(r.unreached(s, reason)))
		}
		return results, reason
	}
	results = make([]Result, len(selected))
	var shared, apart []int
	jobs := r.opts.Jobs
	for i, s := range selected {
		if r.target.PerCase() || runsApart(standIn(r.target, s), s.Case) {
			apart = append(apart, i)
		} else {
			shared = append(shared, i)
		}
	}
	if !r.target.PerCase() {
		jobs = min(jobs, MaxPrograms)
	}
	waiting, working := r.partition(selected, apart)
	var wg sync.WaitGroup
	wg.Go(func() { r.runApart(selected, waiting, min(r.opts.Jobs, MaxWaiting), results) })
	unreachable = r.runShared(selected, shared, results)
	wg.Wait()
	r.dropShared()
	r.runApart(selected, working, jobs, results)
	return results, unreachable
}

// partition tells the cases that wait for programs of their own, which do next to
// nothing, from all others that have an instance of their own.
func (r *runner) partition(selected []Selected, apart []int) (waiting, working []int) {
	for _, i := range apart {
		if !r.target.PerCase() && selected[i].Case.Waits {
			waiting = append(waiting, i)
		} else {
			working = append(working, i)
		}
	}
	return waiting, working
}

// MaxPrograms is how many leechers or clusters run at once as programs of their
// own: they wait most of their time, and a loaded machine would tell on their timing.
const MaxPrograms = 4

// MaxWaiting is how many programs run at once that do next to nothing, while cases
// wait for what they do in time: [Case.Waits].
const MaxWaiting = 12

// runShared runs cases that share an instance, one by one.
func (r *runner) runShared(selected []Selected, which []int, results []Result) (unreachable string) {
	for _, i := range which {
		s := selected[i]
		if unreachable != "" {
			results[i] = r.final(r.unreached(s, unreachable))
			continue
		}
		res := r.judge(s)
		if res.Verdict == Fail || res.Verdict == Warn || res.Verdict == Inconclusive {
			unreachable = r.reprobe(s, &res)
		}
		results[i] = r.final(res)
	}
	return unreachable
}

// runApart runs cases that have an instance of their own, several at once.
func (r *runner) runApart(selected []Selected, which []int, jobs int, results []Result) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range max(1, jobs) {
		wg.Go(func() {
			for i := range next {
				results[i] = r.final(r.judge(selected[i]))
			}
		})
	}
	for _, i := range which {
		next <- i
	}
	close(next)
	wg.Wait()
}

// judge runs a case as often as asked and folds the verdicts.
func (r *runner) judge(s Selected) Result {
	res := r.excusing(s, 0)
	for i := 1; i < r.opts.Repeat && res.Verdict != Skipped && res.Verdict != Unsupported; i++ {
		if res.Runs == nil {
			res.Runs = []Verdict{res.Verdict}
		}
		again := r.excusing(s, i)
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

// excusing plays a case again whose outcome this machine may be to blame for.
func (r *runner) excusing(s Selected, run int) Result {
	res, excuse := r.once(s, run)
	for range MaxExcuses {
		if excuse == "" {
			break
		}
		again, still := r.once(s, run)
		again.Observed = append([]string{"played again: " + excuse}, again.Observed...)
		res, excuse = again, still
	}
	if excuse != "" {
		res.Verdict, res.Failure.Whose = Inconclusive, EnvironmentFault
	}
	return res
}

// MaxExcuses is how often a case is played again that this machine may be to
// blame for.
const MaxExcuses = 2

// worse orders verdicts by how much they should alarm.
func worse(a, b Verdict) bool {
	rank := map[Verdict]int{Error: 7, Fail: 6, Inconclusive: 5, Warn: 4, Info: 3, Unsupported: 2, Skipped: 1}
	return rank[a] > rank[b]
}

// once runs a case one time, and tells why this machine may be to blame for a
// bad outcome.
func (r *runner) once(s Selected, run int) (res Result, excuse string) {
	began := time.Now()
	t := &T{
		ctx: r.ctx, suite: s.Suite, c: s.Case, target: standIn(r.target, s),
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
		if r.opts.Tape {
			t.record()
		}
		t.play(r.timeout(s.Case))
		r.release(t)
	}
	if t.verdict != Fail && t.verdict != Warn && t.verdict != Inconclusive {
		t.excuse = ""
	}
	return Result{
		Case: s.Case.ID, Suite: s.Suite.Name, Rev: s.Case.Rev, Level: s.Case.Level, Requirements: s.Case.Requirements,
		Verdict: t.verdict, Reason: t.reason, Failure: t.failure, Observed: t.observed, Duration: time.Since(began),
		RTT: t.rtt, Transcript: t.log.entries, Omitted: t.log.omitted, Tape: r.shelve(t.tape),
	}, t.excuse
}

// shelve keeps a tape, while there is room for it.
func (r *runner) shelve(t *Tape) *Tape {
	if t == nil {
		return nil
	}
	r.emit.Lock()
	defer r.emit.Unlock()
	r.taped, r.tapedSteps = r.taped+t.size, r.tapedSteps+len(t.Steps)
	if r.taped > maxTapeBytes || r.tapedSteps > maxTapeSteps {
		r.notes = append(r.notes, fmt.Sprintf("%s is not on the tape, which is full", t.Case))
		return nil
	}
	return t
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
func standIn(target Target, s Selected) Target {
	if chooser, ok := target.(Chooser); ok {
		return chooser.For(s.Suite, s.Case)
	}
	return target
}

// Plays reports whether the target, or who stands in for it, plays the role of
// the case, and if not, why.
func Plays(target Target, s Selected) (ok bool, why string) {
	return plays(standIn(target, s), s.Case.Role)
}

func (r *runner) prerequisites(t *T) (Verdict, string) {
	if ok, why := plays(t.target, t.c.Role); !ok {
		return Skipped, why
	}
	for _, need := range t.c.Needs {
		if need == NeedClock && r.opts.Slow {
			continue
		}
		if ok, why := t.target.Can(need); !ok {
			if _, ok := t.target.(Commanded); need == NeedV2 || ok && need.verb() != "" {
				return Unsupported, why
			}
			return Skipped, why
		}
	}
	return "", ""
}

func plays(target Target, role Role) (ok bool, why string) {
	if p, ok := target.(Player); ok && role != "" {
		return p.Plays(role)
	}
	return true, ""
}

// reprobe finds out whether the shared target still answers after a case that
// went wrong, and returns why not.
func (r *runner) reprobe(s Selected, res *Result) string {
	reason := r.control(s)
	for pause := time.Second; reason != "" && pause <= RecoverPause; pause *= 2 {
		select {
		case <-time.After(pause):
		case <-r.ctx.Done():
			return reason
		}
		reason = r.control(s)
	}
	if reason == "" {
		return ""
	}
	res.Observed = append(res.Observed, "after this case the target no longer answers: "+reason)
	if ok, _ := standIn(r.target, s).Can(NeedFresh); ok {
		r.dropShared()
		res.Observed = append(res.Observed, "the target was started again for the cases that follow")
		return r.control(s)
	}
	return reason
}

// RecoverPause is the longest pause between two attempts to reach a target
// that has stopped answering; it lets a short penalty for chatter pass.
const RecoverPause = 4 * time.Second

// firstControl is the control of the first case that the target can play.
func (r *runner) firstControl(selected []Selected) string {
	if _, ok := r.target.(tapesTarget); ok {
		return "" // whoever was taped was there
	}
	for _, s := range selected {
		if ok, _ := Plays(r.target, s); ok {
			return r.control(s)
		}
	}
	return ""
}

// controlLimit bounds a control.
const controlLimit = 10 * time.Second

// control runs the sanity exchange of the case's suite, in the case's role, and
// returns why it failed.
func (r *runner) control(s Selected) string {
	c := &Case{
		ID: s.Suite.Name + "/control", Level: Must, Role: s.Case.Role, Run: s.Suite.Control, Within: controlLimit,
	}
	if c.Role == Member {
		c.Within = 2 * controlLimit // it starts many programs
	}
	res := r.excusing(Selected{Suite: s.Suite, Case: c}, 0)
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

// play runs the case on this goroutine and settles its verdict.
func (t *T) play(within time.Duration) {
	t.began = t.net.Now()
	t.deadline = t.began + within
	defer func() {
		switch p := recover().(type) {
		case nil, halt:
		case offTape:
			t.verdict = Inconclusive
			t.failure = &Failure{
				Message: "the case is not the one that was taped, so what the target would do is not known: " + p.why,
				Whose:   EnvironmentFault,
			}
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
