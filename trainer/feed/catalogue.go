package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"

	"golang.org/x/sync/errgroup"

	"recaption/schemas"
	"recaption/shards"
)

// checkers bounds the receipts that a listing reads at once.
const checkers = 16

// Why a receipt is set aside.
const (
	ReceiptMissing  = "receipt_missing"
	ReceiptUnread   = "receipt_unreadable" // malformed, or of a later version
	UnknownShard    = "unknown_shard"      // of no part of the revisions trained on
	RowsDiffer      = "rows_differ"        // captions and samples have different counts
	CaptionsMissing = "captions_missing"
	CaptionsCorrupt = "captions_corrupt"
	SamplesMissing  = "samples_missing"
	SamplesCorrupt  = "samples_corrupt"
)

// Catalogue knows the shards of some revisions that have captions, and the
// newest captions of each recipe that a policy weighs. Its methods may be
// called from any goroutine.
//
// It takes each receipt once. A receipt with which something is wrong is set
// aside with the reason and looked at again by the next listing; the generation
// before it, if there is one, stays. About 2 KiB are held a shard and recipe.
type Catalogue struct {
	store   shards.Store
	sources map[schemas.DatasetID]schemas.RevisionID
	policy  schemas.Policy
	log     *slog.Logger
	changed chan struct{} // something was taken

	reading sync.Mutex // held while part records are read

	mu       sync.Mutex // guards what follows
	parts    map[string]bool
	files    map[shardKey]schemas.File // of the samples
	checked  map[shardKey]string       // shards that were opened: what is wrong with them, or empty
	captions map[captionsKey]schemas.EpochCaptions
	aside    map[captionsKey]map[int]string // reasons, by generation
	shards   map[shardKey]bool              // with captions
	rows     int64                          // of these
}

type shardKey struct {
	dataset schemas.DatasetID
	shard   schemas.ShardID
}

type captionsKey struct {
	shardKey
	recipe schemas.RecipeID
}

// NewCatalogue makes an empty one of the sources, which are of different
// datasets.
func NewCatalogue(st shards.Store, sources []Source, policy schemas.Policy, log *slog.Logger) (*Catalogue, error) {
	if err := policy.Validate(); err != nil {
		return nil, err
	}
	c := &Catalogue{
		store: st, sources: map[schemas.DatasetID]schemas.RevisionID{}, policy: policy, log: log, changed: make(chan struct{}, 1),
		parts: map[string]bool{}, files: map[shardKey]schemas.File{}, checked: map[shardKey]string{},
		captions: map[captionsKey]schemas.EpochCaptions{}, aside: map[captionsKey]map[int]string{}, shards: map[shardKey]bool{},
	}
	for _, s := range sources {
		if other, ok := c.sources[s.Dataset]; ok {
			return nil, fmt.Errorf("dataset %s: revisions %s and %s: want one, since both hold its samples", s.Dataset, other, s.Revision)
		}
		c.sources[s.Dataset] = s.Revision
	}
	return c, nil
}

// List takes all that rests. It may be repeated.
func (c *Catalogue) List(ctx context.Context) error {
	for d := range c.sources {
		if err := c.listParts(ctx, d); err != nil {
			return err
		}
	}
	recipes, err := listRecipes(ctx, c.store)
	if err != nil {
		return err
	}
	c.again()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(checkers)
	for _, recipe := range recipes {
		if c.policy.Weight(recipe) == 0 {
			continue
		}
		for o, err := range c.store.List(gctx, shards.CaptionsPrefix(recipe), "") {
			if err != nil {
				return errors.Join(fmt.Errorf("list captions of recipe %s: %w", recipe.Short(), err), g.Wait())
			}
			r, shard, generation, err := shards.ParseReceiptKey(o.Key)
			if err != nil {
				continue // captions, or no key of ours
			}
			if d, ok := c.datasetOf(shard); ok {
				g.Go(func() error { return c.take(gctx, captionsKey{shardKey{d, shard}, r}, generation) })
			}
		}
	}
	return g.Wait()
}

// Take takes the receipt that an event announces, unless it was taken. An
// error says that the store did not answer: take it again later.
func (c *Catalogue) Take(ctx context.Context, e schemas.ShardReady) error {
	key := captionsKey{shardKey{e.Dataset, e.Shard}, e.Recipe}
	if _, ok := c.sources[e.Dataset]; !ok || c.policy.Weight(e.Recipe) == 0 {
		return nil
	}
	if c.known(key, e.Generation) {
		return nil
	}
	if _, ok := c.file(key.shardKey); !ok {
		if err := c.listParts(ctx, e.Dataset); err != nil {
			return err
		}
	}
	return c.take(ctx, key, e.Generation)
}

// Changed tells, at some time after, that something was taken.
func (c *Catalogue) Changed() <-chan struct{} { return c.changed }

// Wait returns when there are shards of at least so many rows, or ctx ends. It
// is for one goroutine.
func (c *Catalogue) Wait(ctx context.Context, rows int64) error {
	for c.Stats().Rows < rows {
		select {
		case <-c.changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Stats counts what a catalogue holds.
type Stats struct {
	Shards   int            // with captions
	Rows     int64          // of these shards
	Receipts int            // taken and not replaced
	SetAside map[string]int // receipts, by reason
}

// Stats gives the counts of now.
func (c *Catalogue) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Stats{Shards: len(c.shards), Rows: c.rows, Receipts: len(c.captions), SetAside: map[string]int{}}
	for _, reasons := range c.aside {
		for _, reason := range reasons {
			s.SetAside[reason]++
		}
	}
	return s
}

// listParts takes the shards of part records that were not read before.
func (c *Catalogue) listParts(ctx context.Context, d schemas.DatasetID) error {
	c.reading.Lock()
	defer c.reading.Unlock()
	for o, err := range c.store.List(ctx, shards.PartsPrefix(d, c.sources[d]), "") {
		if err != nil {
			return fmt.Errorf("list parts of %s: %w", d, err)
		}
		if _, _, _, err := shards.ParsePartKey(o.Key); err != nil || c.hasPart(o.Key) {
			continue
		}
		p, err := shards.ReadPart(ctx, c.store, o.Key)
		if err != nil {
			return err
		}
		c.takePart(o.Key, d, p)
	}
	return nil
}

func (c *Catalogue) hasPart(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.parts[key]
}

func (c *Catalogue) takePart(key string, d schemas.DatasetID, p schemas.PartRecord) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parts[key] = true
	for _, s := range p.Shards {
		c.files[shardKey{d, s.ID}] = s.File
	}
}

func (c *Catalogue) file(k shardKey) (schemas.File, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.files[k]
	return f, ok
}

// datasetOf finds the dataset that has the shard.
func (c *Catalogue) datasetOf(s schemas.ShardID) (schemas.DatasetID, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for d := range c.sources {
		if _, ok := c.files[shardKey{d, s}]; ok {
			return d, true
		}
	}
	return "", false
}

// again forgets what is wrong, to look anew.
func (c *Catalogue) again() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.aside)
	maps.DeleteFunc(c.checked, func(_ shardKey, reason string) bool { return reason != "" })
}

// take reads a receipt, unless it or a newer one was taken or it was set
// aside, and looks whether what it names is there.
func (c *Catalogue) take(ctx context.Context, k captionsKey, generation int) error {
	if c.known(k, generation) {
		return nil
	}
	captions, reason, err := c.read(ctx, k, generation)
	if err != nil {
		return fmt.Errorf("take captions of shard %s: %w", k.shard.Short(), err)
	}
	if reason == "" {
		reason, err = c.checkSamples(ctx, k.shardKey)
		if err != nil {
			return fmt.Errorf("take shard %s: %w", k.shard.Short(), err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if reason != "" {
		c.log.Warn("captions set aside", "shard", k.shard.Short(), "recipe", k.recipe.Short(), "generation", generation, "reason", reason)
		if c.aside[k] == nil {
			c.aside[k] = map[int]string{}
		}
		c.aside[k][generation] = reason
		return nil
	}
	if old, ok := c.captions[k]; ok && old.Generation >= generation {
		return nil
	}
	if !c.shards[k.shardKey] {
		c.shards[k.shardKey] = true
		c.rows += int64(captions.File.Rows)
	}
	c.captions[k] = captions
	select {
	case c.changed <- struct{}{}:
	default:
	}
	return nil
}

func (c *Catalogue) known(k captionsKey, generation int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, ok := c.captions[k]
	_, aside := c.aside[k][generation]
	return ok && have.Generation >= generation || aside
}

// read reads a receipt and opens the captions that it names. A reason says
// that it is to be set aside.
func (c *Catalogue) read(ctx context.Context, k captionsKey, generation int) (schemas.EpochCaptions, string, error) {
	samples, ok := c.file(k.shardKey)
	if !ok {
		return schemas.EpochCaptions{}, UnknownShard, nil
	}
	r, err := shards.ReadReceipt(ctx, c.store, shards.ReceiptKey(k.recipe, k.shard, generation))
	switch {
	case errors.Is(err, shards.ErrNotFound):
		return schemas.EpochCaptions{}, ReceiptMissing, nil
	case errors.Is(err, schemas.ErrMalformed), errors.Is(err, schemas.ErrVersion):
		return schemas.EpochCaptions{}, ReceiptUnread, nil
	case err != nil:
		return schemas.EpochCaptions{}, "", err
	case r.Shard != k.shard || r.Recipe != k.recipe || r.Generation != generation:
		return schemas.EpochCaptions{}, ReceiptUnread, nil
	case r.File.Rows != samples.Rows:
		return schemas.EpochCaptions{}, RowsDiffer, nil
	}
	captions := schemas.EpochCaptions{Recipe: k.recipe, Generation: generation, Attempt: r.Attempt, File: r.File}
	reason, err := c.open(ctx, captionsObject(k.shard, captions), r.File, schemas.CaptionsSchema, CaptionsMissing, CaptionsCorrupt)
	return captions, reason, err
}

// checkSamples opens a sample shard, once.
func (c *Catalogue) checkSamples(ctx context.Context, k shardKey) (string, error) {
	c.mu.Lock()
	reason, ok := c.checked[k]
	f := c.files[k]
	c.mu.Unlock()
	if ok {
		return reason, nil
	}
	reason, err := c.open(ctx, shards.SampleShardKey(k.dataset, k.shard), f, schemas.SamplesSchema, SamplesMissing, SamplesCorrupt)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checked[k] = reason
	return reason, nil
}

func (c *Catalogue) open(ctx context.Context, key string, f schemas.File, schema, missing, corrupt string) (string, error) {
	r, err := shards.Open(ctx, c.store, key, f)
	switch {
	case errors.Is(err, shards.ErrNotFound):
		return missing, nil
	case errors.Is(err, shards.ErrCorrupt), errors.Is(err, schemas.ErrVersion):
		return corrupt, nil
	case err != nil:
		return "", err
	case r.SchemaName() != schema:
		return corrupt, nil
	}
	return "", nil
}

func captionsObject(s schemas.ShardID, c schemas.EpochCaptions) string {
	return shards.CaptionsKey(c.Recipe, s, c.Generation, c.Attempt)
}
