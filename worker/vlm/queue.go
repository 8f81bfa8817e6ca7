package vlm

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// A queue holds the calls that wait. A batch is made around the call that
// waits longest, so none waits for ever, of the calls whose prompts are most
// like its own in length, so that little is padded.
type queue struct {
	linger time.Duration

	mu      sync.Mutex
	changed *sync.Cond
	waiting []*row // by arrival
	idle    int    // lanes in take
	closed  bool
}

// A limit is how many rows may run together.
type limit func(prompt, whole int) int

func newQueue(linger time.Duration) *queue {
	q := &queue{linger: linger}
	q.changed = sync.NewCond(&q.mu)
	return q
}

// add puts a row in line and says whether the queue still takes any.
func (q *queue) add(r *row) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.waiting = append(q.waiting, r)
	q.changed.Broadcast()
	return true
}

// drop takes a row out of line whose caller has gone.
func (q *queue) drop(r *row) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiting, r); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
	}
}

// close ends take and add, and returns what waits.
func (q *queue) close() []*row {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
	rest := q.waiting
	q.waiting = nil
	return rest
}

// wake lets take look at its context.
func (q *queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.changed.Broadcast()
}

// take waits for rows and takes at most most of them, fewer where other lanes
// are idle too or limited says so, which is asked with the padded length of the
// longest prompt and the longest that a row may become. It returns none when ctx has ended or the queue is closed.
func (q *queue) take(ctx context.Context, most int, limited limit) []*row {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.idle++
	defer func() { q.idle-- }()
	for {
		if ctx.Err() != nil || q.closed {
			return nil
		}
		if len(q.waiting) > 0 {
			left := q.linger - time.Since(q.waiting[0].since)
			if len(q.waiting) >= most || left <= 0 {
				break
			}
			t := time.AfterFunc(left, q.wake)
			q.changed.Wait()
			t.Stop()
			continue
		}
		q.changed.Wait()
	}
	share := (len(q.waiting) + q.idle - 1) / q.idle
	return q.pick(min(most, share), limited)
}

// pick takes the oldest row and those nearest to it in length.
func (q *queue) pick(most int, limited limit) []*row {
	oldest := q.waiting[0]
	near := slices.Clone(q.waiting)
	distance := func(r *row) int { return max(r.bucket()-oldest.bucket(), oldest.bucket()-r.bucket()) }
	slices.SortStableFunc(near, func(a, b *row) int { return cmp.Compare(distance(a), distance(b)) })
	n, prompt, whole := 0, 0, 0
	for n < len(near) && n < most {
		prompt, whole = max(prompt, near[n].bucket()), max(whole, near[n].longest())
		if n > 0 && n >= limited(prompt, whole) {
			break
		}
		n++
	}
	taken := near[:n]
	q.waiting = slices.DeleteFunc(q.waiting, func(r *row) bool { return slices.Contains(taken, r) })
	return taken
}
