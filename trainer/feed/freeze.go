package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"recaption/schemas"
	"recaption/shards"
)

var (
	// ErrEmpty says that there is nothing to train on yet.
	ErrEmpty = errors.New("no shard has captions")
	// ErrOtherPlan says that the list that rests was frozen under another policy
	// or seed.
	ErrOtherPlan = errors.New("frozen under another plan")
)

// Plan says how an epoch's list is made.
type Plan struct {
	Training schemas.TrainingID
	Epoch    int
	Seed     int64
	Lanes    int   // most lanes of the order; a number with many divisors suits many readers
	Window   int   // record batches of a shard that a lane permutes together, and a reader asks for at once
	Bytes    int64 // most bytes of record batches that the order needs in memory at once: lanes become fewer for it
	CutShort int64 // position at which the epoch before was ended early so that this list holds at once; 0: it wasn't

	// Uncaptioned takes shards that have no captions too, for a policy that
	// shows alt-texts.
	Uncaptioned bool
}

// DefaultPlan mixes some 6,000 rows.
func DefaultPlan(t schemas.TrainingID, epoch int) Plan {
	return Plan{Training: t, Epoch: epoch, Lanes: 48, Window: 2, Bytes: 512 << 20}
}

// Freeze commits the list of an epoch with what the catalogue holds now, and
// gives the one that rests: another reader's, if it was first. It obeys all
// records of withdrawn samples that rest now.
func (c *Catalogue) Freeze(ctx context.Context, p Plan) (schemas.EpochList, error) {
	l, err := shards.ReadEpoch(ctx, c.store, p.Training, p.Epoch)
	if errors.Is(err, shards.ErrNotFound) {
		if l, err = c.list(ctx, p); err != nil {
			return schemas.EpochList{}, err
		}
		if l, err = shards.CommitEpoch(ctx, c.store, l); errors.Is(err, shards.ErrExists) {
			err = nil
		}
	}
	if err != nil {
		return schemas.EpochList{}, fmt.Errorf("freeze epoch %d of training %s: %w", p.Epoch, p.Training, err)
	}
	_, id, err := c.policy.Encode()
	if err != nil {
		return schemas.EpochList{}, err
	}
	if l.PolicyID != id || l.Seed != p.Seed {
		return schemas.EpochList{}, fmt.Errorf("epoch %d of training %s: %w: policy %s and seed %d, not policy %s and seed %d; name another training",
			p.Epoch, p.Training, ErrOtherPlan, l.PolicyID.Short(), l.Seed, id.Short(), p.Seed)
	}
	return l, nil
}

func (c *Catalogue) list(ctx context.Context, p Plan) (schemas.EpochList, error) {
	_, id, err := c.policy.Encode()
	if err != nil {
		return schemas.EpochList{}, err
	}
	l := schemas.EpochList{
		Kind: "epoch_list", Version: 1, Training: p.Training, Epoch: p.Epoch, Seed: p.Seed, PolicyID: id, Policy: c.policy,
		Order: schemas.EpochOrder{Lanes: p.Lanes, Window: p.Window}, CutShort: p.CutShort, Withdrawn: map[schemas.DatasetID]int{},
	}
	for d := range c.sources {
		n, err := shards.CountWithdrawn(ctx, c.store, d)
		if err != nil {
			return schemas.EpochList{}, err
		}
		if n > 0 {
			l.Withdrawn[d] = n
		}
	}
	if len(l.Withdrawn) == 0 {
		l.Withdrawn = nil
	}
	l.Entries = c.entries(p.Uncaptioned)
	if len(l.Entries) == 0 {
		return schemas.EpochList{}, ErrEmpty
	}
	if err := l.Order.Validate(); err != nil {
		return schemas.EpochList{}, err
	}
	for l.Order.Lanes > 1 && needs(l) > p.Bytes {
		l.Order.Lanes /= 2
	}
	return l, nil
}

// entries gives the shards in order, with their newest captions.
func (c *Catalogue) entries(uncaptioned bool) []schemas.EpochEntry {
	c.mu.Lock()
	defer c.mu.Unlock()
	byShard := map[shardKey][]schemas.EpochCaptions{}
	for k, captions := range c.captions {
		byShard[k.shardKey] = append(byShard[k.shardKey], captions)
	}
	if uncaptioned {
		for k := range c.files {
			if c.checked[k] == "" && byShard[k] == nil {
				byShard[k] = nil
			}
		}
	}
	var all []schemas.EpochEntry
	for k, captions := range byShard {
		slices.SortFunc(captions, func(a, b schemas.EpochCaptions) int { return cmp.Compare(a.Recipe, b.Recipe) })
		all = append(all, schemas.EpochEntry{Dataset: k.dataset, Shard: k.shard, File: c.files[k], Captions: captions})
	}
	slices.SortFunc(all, func(a, b schemas.EpochEntry) int {
		return cmp.Or(cmp.Compare(a.Dataset, b.Dataset), cmp.Compare(a.Shard, b.Shard))
	})
	return all
}

// Withdrawn tells whether samples were withdrawn since the list was frozen. A
// training that obeys at once ends its epoch and freezes the next list.
func Withdrawn(ctx context.Context, st shards.Store, l schemas.EpochList) (bool, error) {
	seen := map[schemas.DatasetID]bool{}
	for _, e := range l.Entries {
		if seen[e.Dataset] {
			continue
		}
		seen[e.Dataset] = true
		n, err := shards.CountWithdrawn(ctx, st, e.Dataset)
		if err != nil {
			return false, err
		}
		if n > l.Withdrawn[e.Dataset] {
			return true, nil
		}
	}
	return false, nil
}
