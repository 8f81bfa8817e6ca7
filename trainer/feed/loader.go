package feed

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"recaption/schemas"
	"recaption/shards"
	"recaption/trainer/mix"
)

// Why rows have no sample, beside those of package mix and the statuses of
// samples.
const (
	Unreadable = "unreadable" // the record batch is damaged or gone
	Withheld   = "withdrawn"  // taken down after it was cut
	NoImage    = "no_image"
)

// UnreadableCaptions counts rows whose captions of one recipe are damaged,
// gone, or another shard's: they are shown as if it had made none.
const UnreadableCaptions = "unreadable_captions"

// loader brings the windows of a reader into memory, ahead of who reads.
//
// Windows are read in the order of their first positions, each when its bytes
// fit into the reader's. Since whoever waits for one has left all those behind
// it that end before, and the rest of the reader's lanes hold at most one window
// each, it always fits at last.
type loader struct {
	r      *Reader
	from   int64
	budget *semaphore.Weighted
	coming chan *loading // in order
	held   map[mix.WindowID]*loading
}

// loading is a window that is being read, or was.
type loading struct {
	id     mix.WindowID
	weight int64
	places []mix.Place
	rows   []Sample // of the places; what is left out has kind None
	next   int
	done   chan struct{} // closed when rows or err are there
	err    error
}

func newLoader(r *Reader, from int64) *loader {
	return &loader{
		r: r, from: from, budget: semaphore.NewWeighted(r.cfg.Bytes),
		coming: make(chan *loading, 1), held: map[mix.WindowID]*loading{},
	}
}

// run reads windows until all are read or ctx ends.
func (l *loader) run(ctx context.Context) {
	defer close(l.coming)
	var g errgroup.Group
	g.SetLimit(l.r.cfg.Fetchers)
	for w := range l.r.order.Windows(l.from) {
		places := l.r.order.Places(w, int64(l.r.cfg.Reader), int64(l.r.cfg.Of))
		for len(places) > 0 && places[0].Position < l.from {
			places = places[1:]
		}
		if len(places) == 0 {
			continue
		}
		ld := &loading{id: w.ID, weight: weigh(l.r.list, w.Batches), places: places, done: make(chan struct{})}
		if l.budget.Acquire(ctx, ld.weight) != nil {
			break
		}
		g.Go(func() error {
			defer close(ld.done)
			ld.rows, ld.err = l.r.load(ctx, w, places)
			return nil
		})
		select {
		case l.coming <- ld:
		case <-ctx.Done():
		}
	}
	_ = g.Wait() // they report to who waits for the window
}

// row gives the sample of a place, which is the next of its window.
func (l *loader) row(ctx context.Context, p mix.Place) (Sample, error) {
	ld := l.held[p.Window]
	for ld == nil {
		next, ok := <-l.coming
		if !ok {
			return Sample{}, ctx.Err()
		}
		if l.held[next.id] = next; next.id == p.Window {
			ld = next
		}
	}
	select {
	case <-ld.done:
	case <-ctx.Done():
		return Sample{}, ctx.Err()
	}
	if ld.err != nil {
		return Sample{}, ld.err
	}
	s := ld.rows[ld.next]
	ld.rows[ld.next] = Sample{}
	if ld.next++; ld.next == len(ld.rows) {
		delete(l.held, ld.id)
		l.budget.Release(ld.weight)
	}
	return s, nil
}

// load reads the samples of a window's places, in one request for the samples
// and one for the captions of each recipe.
func (r *Reader) load(ctx context.Context, w mix.Window, places []mix.Place) ([]Sample, error) {
	rows := make([]Sample, len(places))
	wanted := make(map[int]int, len(places)) // row to its place
	for i, p := range places {
		wanted[p.Row] = i
		rows[i] = Sample{Position: p.Position, Text: mix.Text{Kind: mix.None, Reason: Unreadable}}
	}
	e := r.list.Entries[w.Batches[0].Entry]
	var parts []schemas.RowRange
	for _, b := range w.Batches {
		parts = append(parts, schemas.RowRange{From: b.First, To: b.First + b.Rows})
	}
	samples, err := readParts(ctx, r, shards.SampleShardKey(e.Dataset, e.Shard), e.File, parts, (*shards.Reader).Samples,
		func(schemas.RowRange) {}) // their rows are counted when they are passed over
	if err != nil {
		return nil, err
	}
	made := map[int][]mix.RecipeRow{} // by row
	for _, c := range e.Captions {
		captions, err := readParts(ctx, r, captionsObject(e.Shard, c), c.File, parts, (*shards.Reader).Captions,
			func(lost schemas.RowRange) {
				for row := range wanted {
					if lost.Contains(row) {
						r.countSkipped(UnreadableCaptions, 1)
					}
				}
			})
		if err != nil {
			return nil, err
		}
		for _, m := range captions {
			if _, ok := wanted[m.Row]; ok {
				made[m.Row] = append(made[m.Row], mix.RecipeRow{Recipe: c.Recipe, CaptionRow: m.CaptionRow})
			}
		}
	}
	for _, s := range samples {
		if at, ok := wanted[s.Row]; ok {
			rows[at] = r.show(rows[at].Position, e.Dataset, s.Sample, made[s.Row])
		}
	}
	return rows, nil
}

// readParts reads parts of a file that follow each other, at once; where
// something is damaged, each by itself, and tells lost of those that can't be
// read.
func readParts[T any](ctx context.Context, r *Reader, key string, f schemas.File, parts []schemas.RowRange,
	read func(*shards.Reader, context.Context, ...schemas.RowRange) iter.Seq2[T, error], lost func(schemas.RowRange),
) ([]T, error) {
	whole := schemas.RowRange{From: parts[0].From, To: parts[len(parts)-1].To}
	all, err := readAll(ctx, r, key, f, whole, read)
	if !damaged(err) {
		return all, err
	}
	for _, part := range parts {
		some, err := readAll(ctx, r, key, f, part, read)
		switch {
		case damaged(err):
			r.log.Warn("rows passed over", "object", key, "from", part.From, "to", part.To, "err", err)
			lost(part)
		case err != nil:
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// show gives what a training sees of a sample.
func (r *Reader) show(position int64, d schemas.DatasetID, s schemas.Sample, captions []mix.RecipeRow) Sample {
	out := Sample{Position: position, Dataset: d, Key: s.Key, Image: s.Image, MediaType: s.MediaType}
	switch {
	case r.withdrawn[d].Has(s.Key, s.ImageSHA256):
		out.Text = mix.Text{Kind: mix.None, Reason: Withheld}
	case s.Status == schemas.SampleOK && len(s.Image) == 0:
		out.Text = mix.Text{Kind: mix.None, Reason: NoImage}
	default:
		captions = slices.DeleteFunc(captions, func(c mix.RecipeRow) bool { return c.Key != s.Key }) // a sample that its worker could not read
		out.Text = r.mixer.Text(mix.Row{Dataset: d, Key: s.Key, Status: s.Status, AltText: s.AltText, Context: s.Context, Captions: captions})
	}
	if out.Kind == mix.None {
		out.Image = nil
	}
	return out
}

// damaged tells whether reading again would not help.
func damaged(err error) bool {
	return errors.Is(err, shards.ErrCorrupt) || errors.Is(err, shards.ErrNotFound) || errors.Is(err, shards.ErrChanged) || errors.Is(err, schemas.ErrVersion)
}

// readAll reads rows of a file, which are all or none. What the store does not
// give is asked for again, with pauses.
func readAll[T any](ctx context.Context, r *Reader, key string, f schemas.File, rows schemas.RowRange,
	read func(*shards.Reader, context.Context, ...schemas.RowRange) iter.Seq2[T, error],
) ([]T, error) {
	for try := 1; ; try++ {
		all, err := readOnce(ctx, r, key, f, rows, read)
		if err == nil || damaged(err) || ctx.Err() != nil || !errors.Is(err, shards.ErrTransient) {
			return all, err
		}
		if try >= r.cfg.Tries {
			return nil, fmt.Errorf("%w (%d tries)", err, try)
		}
		r.log.Warn("read again", "object", key, "try", try, "err", err)
		if err := rest(ctx, 100*time.Millisecond<<min(try, 6)); err != nil {
			return nil, err
		}
	}
}

func readOnce[T any](ctx context.Context, r *Reader, key string, f schemas.File, rows schemas.RowRange,
	read func(*shards.Reader, context.Context, ...schemas.RowRange) iter.Seq2[T, error],
) ([]T, error) {
	file, err := r.opened.get(ctx, key, f)
	if err != nil {
		return nil, err
	}
	all := make([]T, 0, rows.Len())
	for v, err := range read(file, ctx, rows) {
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	if len(all) != rows.Len() {
		return nil, fmt.Errorf("read %s: %w: %d rows, not %d", key, shards.ErrCorrupt, len(all), rows.Len())
	}
	return all, nil
}
