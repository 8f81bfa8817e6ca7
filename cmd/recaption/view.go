package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"recaption/coordinator"
)

// view shows a run's progress while it lasts.
type view interface {
	// show takes the newest state. It is called by one goroutine at a time.
	show(p coordinator.Progress)
	// done takes the view away.
	done()
}

// newView gives bars on a terminal and lines elsewhere.
func newView(out *os.File, log *slog.Logger) view {
	if term.IsTerminal(int(out.Fd())) {
		return newBars(out)
	}
	return &lines{log: log, rate: &rate{}}
}

// rate measures rows a second since the first row that this process saw done.
type rate struct {
	from time.Time
	base int
	seen bool
}

// perSecond is zero until there is something to measure.
func (r *rate) perSecond(rows int) float64 {
	now := time.Now()
	if !r.seen {
		r.from, r.base, r.seen = now, rows, true
		return 0
	}
	if d := now.Sub(r.from).Seconds(); d > 0 {
		return float64(rows-r.base) / d
	}
	return 0
}

// left is the time that the rows that are cut and not done would take.
func left(p coordinator.Progress, perSecond float64) string {
	if perSecond <= 0 {
		return "unknown"
	}
	d := time.Duration(float64(p.Samples-p.Rows) / perSecond * float64(time.Second))
	return d.Round(time.Second).String()
}

func acceptedShare(p coordinator.Progress) string {
	if p.Rows == 0 {
		return "0 accepted"
	}
	return fmt.Sprintf("%s accepted (%.1f %%)", humanize.Comma(int64(p.Accepted)), 100*float64(p.Accepted)/float64(p.Rows))
}

// lines logs a line every few seconds, and one when all that is cut is done.
type lines struct {
	log   *slog.Logger
	rate  *rate
	last  time.Time
	ended bool // the last line told of the end
}

const lineEvery = 5 * time.Second

func (l *lines) show(p coordinator.Progress) {
	per := l.rate.perSecond(p.Rows)
	finished := p.Parts > 0 && p.PartsCut == p.Parts && p.ShardsDone == p.Shards
	if time.Since(l.last) < lineEvery && !finished || finished && l.ended {
		return
	}
	l.last, l.ended = time.Now(), finished
	log := l.log
	if n := p.PartsUnread; n > 0 {
		log = log.With("parts_unread", n)
	}
	if n := p.ShardsUncounted; n > 0 {
		log = log.With("shards_uncounted", n)
	}
	log.Info("progress",
		"parts", fmt.Sprintf("%d/%d", p.PartsCut, p.Parts),
		"shards", fmt.Sprintf("%d/%d", p.ShardsDone, p.Shards),
		"rows", fmt.Sprintf("%d/%d", p.Rows, p.Samples),
		"accepted", p.Accepted,
		"rows_per_second", fmt.Sprintf("%.1f", per),
		"left", left(p, per))
}

func (l *lines) done() {}

// bars draws one bar for the cut and one for the captions.
type bars struct {
	progress *mpb.Progress
	cut, cap *mpb.Bar
	rate     *rate
	facts    atomic.Value // string: what stands behind the captions' bar, read by the library's goroutine
}

func newBars(out io.Writer) *bars {
	b := &bars{progress: mpb.New(mpb.WithOutput(out), mpb.WithWidth(32), mpb.WithAutoRefresh()), rate: &rate{}}
	b.cut = b.progress.AddBar(0,
		mpb.PrependDecorators(decor.Name("cut", decor.WC{W: 9, C: decor.DindentRight})),
		mpb.AppendDecorators(decor.CountersNoUnit("%d / %d parts")))
	b.facts.Store("")
	b.cap = b.progress.AddBar(0,
		mpb.PrependDecorators(decor.Name("caption", decor.WC{W: 9, C: decor.DindentRight})),
		mpb.AppendDecorators(decor.CountersNoUnit("%d / %d samples, "), decor.Any(func(decor.Statistics) string {
			return b.facts.Load().(string)
		})))
	return b
}

func (b *bars) show(p coordinator.Progress) {
	per := b.rate.perSecond(p.Rows)
	b.facts.Store(fmt.Sprintf("%.1f/s, %s, %s left", per, acceptedShare(p), left(p, per)))
	b.cut.SetTotal(int64(p.Parts), false)
	b.cut.SetCurrent(int64(p.PartsCut))
	b.cap.SetTotal(int64(p.Samples), false)
	b.cap.SetCurrent(int64(p.Rows))
}

func (b *bars) done() {
	b.cut.EnableTriggerComplete()
	b.cap.EnableTriggerComplete()
	b.cut.Abort(false)
	b.cap.Abort(false)
	b.progress.Wait()
}
