package vlm

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func waiting(lengths ...int) []*row {
	rows := make([]*row, len(lengths))
	for i, n := range lengths {
		rows[i] = newRow(context.Background(), &Prepared{ids: make([]int32, n)})
	}
	return rows
}

func lengths(rows []*row) []int {
	var out []int
	for _, r := range rows {
		out = append(out, len(r.p.ids))
	}
	return out
}

func noLimit(_, _ int) int { return 1 << 20 }

func TestTakeGroupsByLengthAroundTheOldest(t *testing.T) {
	for _, c := range []struct {
		name    string
		waiting []int
		most    int
		limit   limit
		want    []int
	}{
		{"all", []int{3, 40, 5}, 8, noLimit, []int{3, 5, 40}},
		{"same bucket first", []int{20, 90, 17, 60, 30, 100}, 3, noLimit, []int{20, 17, 30}},
		{"then the nearest", []int{20, 90, 60, 5}, 3, noLimit, []int{20, 5, 60}},
		{"oldest is served though others are more alike", []int{100, 5, 5, 5, 5}, 2, noLimit, []int{100, 5}},
		{"limit by the longest", []int{10, 12, 13, 90}, 8, func(n, _ int) int { return 160 / n }, []int{10, 12, 13}},
		{"limit by the whole", []int{10, 12, 13, 90}, 8, func(_, whole int) int { return 2 * 16 / whole }, []int{10, 12}},
		{"one goes even beyond the limit", []int{900}, 8, func(_, _ int) int { return 0 }, []int{900}},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := newQueue(0)
			for _, r := range waiting(c.waiting...) {
				q.add(r)
			}
			got := q.take(t.Context(), c.most, c.limit)
			if d := cmp.Diff(c.want, lengths(got)); d != "" {
				t.Error(d)
			}
			if rest := q.close(); len(rest)+len(got) != len(c.waiting) {
				t.Errorf("%d taken, %d left of %d", len(got), len(rest), len(c.waiting))
			}
		})
	}
}

func TestTakeLingersForAFullBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(10 * time.Millisecond)
		begin := time.Now()
		var first, second []*row
		var at []time.Duration
		done := make(chan struct{})
		go func() {
			defer close(done)
			first = q.take(t.Context(), 3, noLimit)
			at = append(at, time.Since(begin))
			second = q.take(t.Context(), 3, noLimit)
			at = append(at, time.Since(begin))
		}()
		rows := waiting(1, 2)
		q.add(rows[0])
		synctest.Wait() // the batch lingers, not full
		q.add(rows[1])
		<-time.After(20 * time.Millisecond) // the clock of the bubble: it went as it was
		for _, r := range waiting(4, 5, 6) {
			q.add(r) // full: it goes at once
		}
		<-done
		if d := cmp.Diff([]int{1, 2}, lengths(first)); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]int{4, 5, 6}, lengths(second)); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]time.Duration{10 * time.Millisecond, 20 * time.Millisecond}, at); d != "" {
			t.Error(d)
		}
	})
}

func TestIdleLanesShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(time.Millisecond)
		var mu sync.Mutex
		var sizes []int
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				got := q.take(t.Context(), 32, noLimit)
				mu.Lock()
				defer mu.Unlock()
				sizes = append(sizes, len(got))
			})
		}
		synctest.Wait()
		for _, r := range waiting(make([]int, 8)...) {
			q.add(r)
		}
		wg.Wait()
		if d := cmp.Diff([]int{4, 4}, sizes); d != "" {
			t.Error(d)
		}
	})
}

func TestTakeEndsWithItsContextAndTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(0)
		ctx, cancel := context.WithCancel(t.Context())
		defer context.AfterFunc(ctx, q.wake)()
		var wg sync.WaitGroup
		wg.Go(func() {
			if got := q.take(ctx, 1, noLimit); got != nil {
				t.Error("took rows after the end")
			}
		})
		synctest.Wait()
		cancel()
		wg.Wait()
		wg.Go(func() {
			if got := q.take(t.Context(), 1, noLimit); got != nil {
				t.Error("took rows from a closed queue")
			}
		})
		synctest.Wait()
		q.close()
		wg.Wait()
		if q.add(waiting(1)[0]) {
			t.Error("a closed queue takes rows")
		}
	})
}
