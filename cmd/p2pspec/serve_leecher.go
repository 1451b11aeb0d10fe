package main

import (
	"context"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/transport/torrent"
)

func (a *app) leecherCommand() *cobra.Command {
	var f torrentFlags
	var once bool
	cmd := &cobra.Command{
		Use:   "leecher TORRENT|MAGNET",
		Short: "Download a torrent, and share it",
		Long: `Download a torrent into --dir and share it until SIGINT or SIGTERM. What is there
already is checked and kept, also after an interruption of any kind. With --once
the command ends when everything is there: exit code 0 then, 1 if it was
interrupted before, 5 if the files could not be written.`,
		Example: `  p2pspec serve leecher x.torrent --dir ./content --peer 127.0.0.1:6881 --once
  p2pspec serve leecher 'magnet:?xt=urn:btih:…' --dir ./content --bootstrap 127.0.0.1:6882`,
		Args: oneTorrent,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := f.config(args[0])
			if err != nil {
				return err
			}
			return a.leech(cmd.Context(), cfg, once)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&once, "once", false, "end when everything is there")
	cmd.Flags().BoolVar(&once, "exit-when-done", false, "the same")
	return cmd
}

func (a *app) leech(ctx context.Context, cfg torrent.Config, once bool) error {
	story := &story{w: a.out}
	cfg.Observe = story.observe
	t, err := torrent.Start(cfg)
	if err != nil {
		return usagef("serve: %v; choose another --listen", err)
	}
	defer story.end()
	defer t.Close()
	started := time.Now()
	story.printf("listens on %v\n", t.LocalAddr())
	bar := a.newBar()
	defer bar.stop()
	complete := t.Complete()
	tick := time.NewTicker(bar.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			if once {
				a.exit = conformance.ExitUnmet
			}
			t.Close()
			return asFault(t.Err())
		case <-t.Failed():
			return &fault{t.Err()}
		case <-complete:
			complete = nil
			s := t.Status()
			bar.show(s)
			bar.stop()
			story.printf("complete: %s in %v\n", size(uint64(s.Length)), time.Since(started).Round(time.Millisecond))
			if once {
				t.Close()
				return asFault(t.Err())
			}
		case <-tick.C:
			bar.show(t.Status())
		}
	}
}

// bar shows progress: a bar on a terminal, a line now and then elsewhere.
type bar struct {
	lines   story
	every   time.Duration
	writer  progress.Writer // nil: lines
	tracker *progress.Tracker
	last    torrent.Status
	stopped bool
}

func (a *app) newBar() *bar {
	if !terminal(a.err) {
		return &bar{lines: story{w: a.err}, every: statsEvery}
	}
	b := &bar{every: 200 * time.Millisecond, writer: progress.NewWriter()}
	b.writer.SetOutputWriter(a.err)
	b.writer.SetUpdateFrequency(b.every)
	b.writer.SetTrackerPosition(progress.PositionRight)
	b.writer.Style().Visibility.ETA = true
	b.writer.Style().Visibility.Speed = true
	b.tracker = &progress.Tracker{Message: "pieces", Units: progress.UnitsBytes}
	b.writer.AppendTracker(b.tracker)
	go b.writer.Render()
	return b
}

// show says how far the download is, if that has changed.
func (b *bar) show(s torrent.Status) {
	if s == b.last || b.stopped {
		return
	}
	b.last = s
	switch {
	case s.Pieces == 0 && b.writer != nil:
		b.tracker.UpdateMessage("fetching the metadata")
	case s.Pieces == 0:
		b.lines.printf("fetching the metadata, %d streams\n", s.Conns)
	case b.writer != nil:
		b.tracker.UpdateMessage("downloading")
		b.tracker.UpdateTotal(s.Length)
		b.tracker.SetValue(s.Length / int64(s.Pieces) * int64(s.Held))
	default:
		b.lines.printf("%d of %d pieces, received %s, sent %s, %d streams\n",
			s.Held, s.Pieces, size(s.Received), size(s.Sent), s.Conns)
	}
}

// stop ends the display.
func (b *bar) stop() {
	if b.stopped {
		return
	}
	b.stopped = true
	if b.writer != nil {
		b.writer.Stop()
		for b.writer.IsRenderInProgress() {
			time.Sleep(time.Millisecond)
		}
	}
}
