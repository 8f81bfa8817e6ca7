package feed

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"runtime"
	"sync"

	"recaption/schemas"
	"recaption/shards"
	"recaption/trainer/mix"
)

// ReaderConfig says which samples a reader takes, and what it may use.
type ReaderConfig struct {
	Reader   int   // 0 to Of-1
	Of       int   // readers: each takes every Of-th position
	Bytes    int64 // most bytes of record batches in memory; Go's collector lets garbage lie beside them
	Ahead    int64 // of them, bytes that are read before the order needs them
	Fetchers int   // windows read at once; 0: twice the cores
	Tries    int   // at what the store does not give, before the reading ends
}

// DefaultReaderConfig is for one reader that holds up to 1 GiB.
func DefaultReaderConfig() ReaderConfig {
	return ReaderConfig{Of: 1, Bytes: 1 << 30, Ahead: 64 << 20, Tries: 5}
}

// Validate names every fault.
func (c ReaderConfig) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("reader: "+format, args...)) }
	if c.Of < 1 || c.Reader < 0 || c.Reader >= c.Of {
		bad("reader %d of %d: want 0 to one less than the readers", c.Reader, c.Of)
	}
	if c.Bytes < 1 {
		bad("bytes %d: want at least 1", c.Bytes)
	}
	if c.Ahead < 0 {
		bad("ahead %d: want 0 or more bytes", c.Ahead)
	}
	if c.Fetchers < 0 || c.Fetchers > 1024 {
		bad("fetchers %d: want 0 to 1024", c.Fetchers)
	}
	if c.Tries < 1 || c.Tries > 100 {
		bad("tries %d: want 1 to 100", c.Tries)
	}
	return errors.Join(errs...)
}

// Reader reads the samples of one list. Its methods may be called from any
// goroutine.
type Reader struct {
	store     shards.Store
	list      schemas.EpochList
	cfg       ReaderConfig
	log       *slog.Logger
	order     *mix.Order
	mixer     *mix.Mixer
	withdrawn map[schemas.DatasetID]*shards.WithdrawnSamples
	opened    *opened

	mu      sync.Mutex // guards what follows
	shown   map[mix.Kind]int64
	skipped map[string]int64
}

// Sample is what a training sees of a row.
type Sample struct {
	Position  int64
	Dataset   schemas.DatasetID
	Key       string
	Image     []byte // the file as it came; not to be written to
	MediaType string
	mix.Text
}

// Open makes a reader of a list: it reads the list's recipes and records of
// withdrawn samples.
func Open(ctx context.Context, st shards.Store, l schemas.EpochList, cfg ReaderConfig, log *slog.Logger) (*Reader, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Fetchers == 0 {
		cfg.Fetchers = 2 * runtime.GOMAXPROCS(0)
	}
	n := needs(l)
	if n > cfg.Bytes {
		return nil, fmt.Errorf("reader: bytes %d: the order of epoch %d of training %s needs %d at once; allow more, or freeze lists for fewer", cfg.Bytes, l.Epoch, l.Training, n)
	}
	cfg.Bytes = min(cfg.Bytes, n+cfg.Ahead)
	r := &Reader{
		store: st, list: l, cfg: cfg, log: log, order: mix.NewOrder(l), opened: newOpened(st),
		withdrawn: map[schemas.DatasetID]*shards.WithdrawnSamples{}, shown: map[mix.Kind]int64{}, skipped: map[string]int64{},
	}
	recipes := map[schemas.RecipeID]schemas.Recipe{}
	for _, e := range l.Entries {
		for _, c := range e.Captions {
			if _, ok := recipes[c.Recipe]; ok {
				continue
			}
			recipe, err := shards.ReadRecipe(ctx, st, c.Recipe)
			if err != nil {
				return nil, fmt.Errorf("epoch %d of training %s: %w", l.Epoch, l.Training, err)
			}
			recipes[c.Recipe] = recipe
		}
	}
	for d, n := range l.Withdrawn {
		w, err := shards.ReadWithdrawn(ctx, st, d, n)
		if err != nil {
			return nil, err
		}
		r.withdrawn[d] = w
	}
	var err error
	r.mixer, err = mix.NewMixer(l, recipes)
	return r, err
}

// Len is the number of positions of the epoch. Of these, those of rows with
// nothing to show give no sample.
func (r *Reader) Len() int64 { return r.order.Len() }

// List is the list that is read.
func (r *Reader) List() schemas.EpochList { return r.list }

// Start is the position of the reader's first sample, and Start(n) that of the
// one behind n of its positions.
func (r *Reader) Start(positions int64) int64 {
	return int64(r.cfg.Reader) + positions*int64(r.cfg.Of)
}

// Counts says what a reader has come across.
type Counts struct {
	Shown   map[mix.Kind]int64
	Skipped map[string]int64 // rows without a sample, and captions that could not be read, by reason
}

// Counts gives the counts of now.
func (r *Reader) Counts() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Counts{maps.Clone(r.shown), maps.Clone(r.skipped)}
}

func (r *Reader) countShown(k mix.Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shown[k]++
}

func (r *Reader) countSkipped(reason string, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skipped[reason] += n
}

// Samples gives the reader's samples from a position on, in their order: of
// the positions that are Reader modulo Of. A sample may be kept; it keeps the
// memory of its record batch. The first error ends the iteration.
func (r *Reader) Samples(ctx context.Context, from int64) iter.Seq2[Sample, error] {
	of := int64(r.cfg.Of)
	if ahead := ((int64(r.cfg.Reader)-from)%of + of) % of; ahead > 0 {
		from += ahead
	}
	return func(yield func(Sample, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		l := newLoader(r, from)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		wg.Go(func() { l.run(ctx) })
		for place := range r.order.From(from, of) {
			row, err := l.row(ctx, place)
			switch {
			case err != nil:
				yield(Sample{}, err)
				return
			case row.Kind == mix.None:
				r.countSkipped(row.Reason, 1)
				continue
			}
			r.countShown(row.Kind)
			if !yield(row, nil) {
				return
			}
		}
	}
}

// needs is the most bytes that the order of a list needs in memory at once:
// the largest window of each lane.
func needs(l schemas.EpochList) int64 {
	o := mix.NewOrder(l)
	largest := map[int]int64{}
	for w := range o.Windows(0) {
		largest[w.ID.Lane] = max(largest[w.ID.Lane], weigh(l, w.Batches))
	}
	var sum int64
	for _, n := range largest {
		sum += n
	}
	return sum
}

// weigh is the bytes of record batches and of the captions of their rows.
func weigh(l schemas.EpochList, batches []mix.Batch) int64 {
	var n int64
	for _, b := range batches {
		e := l.Entries[b.Entry]
		n += e.File.Batches[b.Index].Bytes
		for _, c := range e.Captions {
			first := 0
			for _, cb := range c.File.Batches {
				if first < b.First+b.Rows && first+cb.Rows > b.First {
					n += cb.Bytes
				}
				first += cb.Rows
			}
		}
	}
	return n
}
