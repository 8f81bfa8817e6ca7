package main

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"

	"recaption/gate"
	"recaption/schemas"
	"recaption/shards"
)

// audit reads everything that a store holds and reports what is not as it was
// committed. It holds some record batches and one record, and remembers 8 bytes
// of each key that it met: of objects, and of the samples of one revision.
// Two keys of a million share their 8 bytes, and would be taken for one, with a
// probability of about 1 in 30 million.
type audit struct {
	st     shards.Store
	report func(fault) error
	counts verified

	seed    maphash.Seed
	known   map[uint64]struct{} // objects that are what they should be, or whose fault is told
	checked map[uint64]struct{} // sample shards held against their digests
	rows    map[uint64]struct{} // keys of the samples of one revision
	part    string              // key of the record that names the shard looked at
	recipes []auditRecipe
	ended   map[endedRun]schemas.RunID
}

type auditRecipe struct {
	id      schemas.RecipeID
	prompts []schemas.Prompt
}

// endedRun is what a run that has ended has seen through.
type endedRun struct {
	revision
	recipe schemas.RecipeID
}

func newAudit(st shards.Store, report func(fault) error) *audit {
	return &audit{
		st: st, report: report, seed: maphash.MakeSeed(),
		known: map[uint64]struct{}{}, checked: map[uint64]struct{}{}, ended: map[endedRun]schemas.RunID{},
	}
}

func (a *audit) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{a.listRecipes, a.listRuns, a.datasets, a.rest} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// fault reports what was found about an object, and what mends it.
func (a *audit) fault(key, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	a.counts.Faults++
	return a.report(fault{
		Key:    key,
		Fault:  strings.ReplaceAll(err.Error(), key, "it"),
		Remedy: remedy(key, a.part, errors.Is(err, shards.ErrNotFound)),
	})
}

// damaged reports err as the fault of an object, and returns it instead where
// it is about the store, or about us, and says nothing of the object.
func (a *audit) damaged(ctx context.Context, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, shards.ErrCorrupt), errors.Is(err, shards.ErrNotFound),
		errors.Is(err, schemas.ErrMalformed), errors.Is(err, schemas.ErrVersion), errors.Is(err, schemas.ErrID):
		return a.fault(key, "%w", err)
	}
	return err
}

func (a *audit) hash(key string) uint64 { return maphash.String(a.seed, key) }

// met notes that a record names the object, or that it is one.
func (a *audit) met(key string) { a.known[a.hash(key)] = struct{}{} }

// meet adds a key to a set and reports whether it is new.
func (a *audit) meet(set map[uint64]struct{}, key string) bool {
	h := a.hash(key)
	_, had := set[h]
	set[h] = struct{}{}
	return !had
}

func (a *audit) listRecipes(ctx context.Context) error {
	ids, err := recipes(ctx, a.st)
	if err != nil {
		return err
	}
	for _, id := range ids {
		key := shards.RecipeKey(id)
		a.met(key)
		a.counts.Recipes++
		r, err := shards.ReadRecipe(ctx, a.st, id)
		if err := a.damaged(ctx, key, err); err != nil {
			return err
		}
		a.recipes = append(a.recipes, auditRecipe{id, r.Prompts})
	}
	for o, err := range a.st.List(ctx, "gates/", "") {
		if err != nil {
			return err
		}
		a.met(o.Key)
		id := schemas.GateID(schemas.Digest{}.String())
		if n := len("gates/"); len(o.Key) == n+64+len(".json") {
			id = schemas.GateID(o.Key[n : n+64])
		}
		_, err := shards.ReadGate(ctx, a.st, id)
		if err := a.damaged(ctx, o.Key, err); err != nil {
			return err
		}
	}
	return nil
}

// listRuns reads the records of runs, to know which have ended.
func (a *audit) listRuns(ctx context.Context) error {
	for o, err := range a.st.List(ctx, "runs/", "") {
		if err != nil {
			return err
		}
		id, n, err := shards.ParseRunKey(o.Key)
		if err != nil {
			continue // not ours
		}
		a.met(o.Key)
		r, err := shards.ReadRun(ctx, a.st, id, n)
		if err == nil && r.Run != id {
			err = fmt.Errorf("%w: it is a record of run %s", schemas.ErrMalformed, r.Run)
		}
		if err := a.damaged(ctx, o.Key, err); err != nil {
			return err
		}
		if err == nil && r.State == schemas.RunEnded {
			a.ended[endedRun{revision{r.Dataset, r.Revision}, r.Recipe}] = r.Run
		}
	}
	return nil
}

func (a *audit) datasets(ctx context.Context) error {
	names := map[schemas.DatasetID]struct{}{}
	for rev, err := range revisions(ctx, a.st) {
		if err != nil {
			return err
		}
		names[rev.dataset] = struct{}{}
		a.counts.Revisions++
		if err := a.revision(ctx, rev); err != nil {
			return err
		}
	}
	a.counts.Datasets = len(names)
	return nil
}

// revision holds one cut of a dataset against its records.
func (a *audit) revision(ctx context.Context, rev revision) error {
	key := shards.DatasetKey(rev.dataset, rev.id)
	a.met(key)
	d, err := shards.ReadDataset(ctx, a.st, rev.dataset, rev.id)
	if err == nil && (d.Dataset != rev.dataset || d.Revision != rev.id) {
		err = fmt.Errorf("%w: it describes %s/%s", schemas.ErrMalformed, d.Dataset, d.Revision)
	}
	if err := a.damaged(ctx, key, err); err != nil {
		return err
	}
	a.rows = map[uint64]struct{}{}
	cut, taken := 0, 0
	for p, err := range partRecords(ctx, a.st, rev) {
		if err != nil {
			return err
		}
		a.met(p.key)
		cut++
		a.counts.Parts++
		err := p.err
		if err == nil && p.key != shards.PartKey(p.Dataset, p.Revision, p.Part) {
			err = fmt.Errorf("%w: it is the record of part %s of %s/%s", schemas.ErrMalformed, p.Part, p.Dataset, p.Revision)
		}
		if err := a.damaged(ctx, p.key, err); err != nil {
			return err
		}
		if err != nil {
			continue
		}
		taken += p.Rows()
		a.part = p.key
		for _, s := range p.Shards {
			if err := a.shard(ctx, rev, p.key, s); err != nil {
				return err
			}
		}
	}
	// Under a limit, the parts behind the one that reaches it are none of the run.
	if err != nil || cut == d.Parts || d.Limit > 0 && taken >= d.Limit {
		return nil
	}
	for e, run := range a.ended {
		if e.revision == rev {
			return a.fault(key, "run %s has ended, but %d of %d parts are cut", run, cut, d.Parts)
		}
	}
	return nil
}

// shard holds a sample shard against its record, then the captions that any
// recipe has of it against the shard.
func (a *audit) shard(ctx context.Context, rev revision, part string, s schemas.Shard) error {
	key := shards.SampleShardKey(rev.dataset, s.ID)
	a.met(key)
	a.counts.Shards++
	if s.File.SHA256.String() != string(s.ID) {
		return a.fault(part, "shard %s has the digest %s in it", s.ID, s.File.SHA256)
	}
	whole := true
	first := a.meet(a.checked, key)
	if first { // a shard may be in several revisions
		err := shards.Verify(ctx, a.st, key, s.File)
		whole = err == nil
		if err := a.damaged(ctx, key, err); err != nil {
			return err
		}
	}
	if whole {
		if err := a.samples(ctx, rev, key, s); err != nil {
			return err
		}
	}
	captioned := false
	for _, r := range a.recipes {
		has, err := a.captions(ctx, rev, s, r, whole, first)
		if err != nil {
			return err
		}
		captioned = captioned || has
		if run, ended := a.ended[endedRun{rev, r.id}]; ended && !has {
			if err := a.fault(shards.ReceiptKey(r.id, s.ID, 0), "run %s has ended without this receipt: %w", run, shards.ErrNotFound); err != nil {
				return err
			}
		}
	}
	if !captioned {
		a.counts.Uncaptioned++
	}
	return nil
}

// samples holds the rows of a sample shard against its record and their own
// digests, and their keys against those of the revision.
func (a *audit) samples(ctx context.Context, rev revision, key string, s schemas.Shard) error {
	r, err := shards.Open(ctx, a.st, key, s.File)
	if err != nil {
		return a.damaged(ctx, key, err)
	}
	statuses, reasons := map[schemas.SampleStatus]int{}, map[schemas.Reason]int{}
	for v, err := range r.Samples(ctx) {
		if err != nil {
			return a.damaged(ctx, key, err)
		}
		a.counts.Samples++
		statuses[v.Status]++
		if v.Reason != "" {
			reasons[v.Reason]++
		}
		if !a.meet(a.rows, v.Key) {
			if err := a.fault(key, "row %d: revision %s holds the key %q twice", v.Row, rev.id, v.Key); err != nil {
				return err
			}
		}
		if v.Image != nil && schemas.Sum(v.Image) != v.ImageSHA256 {
			if err := a.fault(key, "row %d, %q: the image is not the one of image_sha256", v.Row, v.Key); err != nil {
				return err
			}
		}
	}
	return errors.Join(sameCounts(a, key, "status", s.Statuses, statuses), sameCounts(a, key, "reason", s.Reasons, reasons))
}

// rest counts what no record names.
func (a *audit) rest(ctx context.Context) error {
	for o, err := range a.st.List(ctx, "", "") {
		if err != nil {
			return err
		}
		a.counts.Objects++
		a.counts.Bytes += o.Size
		if _, ok := a.known[a.hash(o.Key)]; !ok {
			a.counts.Orphans++
			a.counts.OrphanBytes += o.Size
		}
	}
	return nil
}

// sameCounts reports where a record counts otherwise than its rows do.
func sameCounts[K ~string](a *audit, key, what string, record, rows map[K]int) error {
	all := map[K]struct{}{}
	for k := range record {
		all[k] = struct{}{}
	}
	for k := range rows {
		all[k] = struct{}{}
	}
	for k := range all {
		if record[k] != rows[k] {
			if err := a.fault(key, "%s %s: its record counts %d rows, it has %d", what, k, record[k], rows[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

// gateOf reads the gate that a receipt's counts are of. It is nil where it
// can't be read, which is told once, where gates are listed.
func (a *audit) gateOf(ctx context.Context, r schemas.Receipt, prompts []schemas.Prompt) (*gate.Gate, error) {
	spec, err := shards.ReadGate(ctx, a.st, r.Gate)
	if err != nil {
		return nil, a.damaged(ctx, shards.GateKey(r.Gate), err)
	}
	return gate.New(spec, prompts)
}
