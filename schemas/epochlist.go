package schemas

import (
	"cmp"
	"fmt"
)

const epochListVersion = 1

// TrainingID is the name a user gives a training.
type TrainingID string

// ParseTrainingID checks s by the rule of [ParseDatasetID].
func ParseTrainingID(s string) (TrainingID, error) { return parseName[TrainingID]("training", s) }

// EpochList freezes what one epoch of a training reads. It is create-only, and
// with the recipes that it names it is all that a reader needs: order and texts
// follow from it.
type EpochList struct {
	Kind      string            `json:"kind"`
	Version   int               `json:"version"`
	Training  TrainingID        `json:"training"`
	Epoch     int               `json:"epoch"`
	Seed      int64             `json:"seed"`
	PolicyID  PolicyID          `json:"policy_sha256"`
	Policy    Policy            `json:"policy"`
	Order     EpochOrder        `json:"order"`
	CutShort  int64             `json:"cut_short,omitempty"` // position at which the epoch before ended early, so that this list holds at once; 0: it was read to its end
	Withdrawn map[DatasetID]int `json:"withdrawn,omitempty"` // records of withdrawn samples that are obeyed, by dataset
	Entries   []EpochEntry      `json:"entries"`             // sorted by dataset and shard, which are unique
}

// EpochOrder shuffles an epoch: windows, each of Window consecutive record
// batches of a shard, are dealt to Lanes, each lane permutes the rows of one
// window at a time, and the epoch takes a row from each lane in turn.
type EpochOrder struct {
	Lanes  int `json:"lanes"`
	Window int `json:"window"`
}

// EpochEntry is a sample shard with the captions that the policy weighs.
type EpochEntry struct {
	Dataset  DatasetID       `json:"dataset"`
	Shard    ShardID         `json:"shard"`
	File     File            `json:"file"`               // of the samples
	Captions []EpochCaptions `json:"captions,omitempty"` // sorted by recipe, which is unique
}

// EpochCaptions is a captions file, row for row beside its sample shard.
type EpochCaptions struct {
	Recipe     RecipeID  `json:"recipe"`
	Generation int       `json:"generation"`
	Attempt    AttemptID `json:"attempt"`
	File       File      `json:"file"`
}

// Rows is the number of rows of the list's sample shards.
func (l EpochList) Rows() int64 {
	var n int64
	for _, e := range l.Entries {
		n += int64(e.File.Rows)
	}
	return n
}

// Encode writes the list.
func (l EpochList) Encode() ([]byte, error) {
	l.Kind, l.Version = "epoch_list", epochListVersion
	l.Policy = l.Policy.settled()
	if err := l.validate(); err != nil {
		return nil, err
	}
	return encode(l)
}

// DecodeEpochList reads the list and checks it.
func DecodeEpochList(b []byte) (EpochList, error) {
	var l EpochList
	if err := decode(b, "epoch_list", epochListVersion, &l); err != nil {
		return EpochList{}, err
	}
	if err := l.Policy.checkVersions(); err != nil {
		return EpochList{}, err
	}
	return l, l.validate()
}

func (l EpochList) validate() error {
	if err := checked("epoch list", idErr(ParseTrainingID(string(l.Training)))); err != nil {
		return err
	}
	_, id, err := l.Policy.Encode()
	switch {
	case err != nil:
		return fmt.Errorf("%w: epoch list: %w", ErrMalformed, err)
	case id != l.PolicyID:
		return fmt.Errorf("%w: epoch list: its policy has digest %s, not %s", ErrMalformed, id, l.PolicyID)
	case l.Epoch < 0:
		return fmt.Errorf("%w: epoch list: epoch %d: want 0 or more", ErrMalformed, l.Epoch)
	case l.CutShort < 0 || l.CutShort > 0 && l.Epoch == 0:
		return fmt.Errorf("%w: epoch list: cut_short %d in epoch %d: want a position of an epoch before", ErrMalformed, l.CutShort, l.Epoch)
	}
	if err := l.Order.Validate(); err != nil {
		return fmt.Errorf("%w: epoch list: %w", ErrMalformed, err)
	}
	for d, n := range l.Withdrawn {
		if err := checked("epoch list", idErr(ParseDatasetID(string(d)))); err != nil {
			return err
		}
		if n < 0 {
			return fmt.Errorf("%w: epoch list: withdrawn %d: want 0 or more", ErrMalformed, n)
		}
	}
	for i, e := range l.Entries {
		if err := checked(fmt.Sprintf("epoch list: entry %d", i), e.validate()); err != nil {
			return err
		}
		if i > 0 && compareEntries(l.Entries[i-1], e) >= 0 {
			return fmt.Errorf("%w: epoch list: entry %d: not behind the one before", ErrMalformed, i)
		}
	}
	return nil
}

// Validate names the first fault.
func (o EpochOrder) Validate() error {
	if o.Lanes < 1 || o.Lanes > 1<<16 {
		return fmt.Errorf("lanes %d: want 1 to 65536", o.Lanes)
	}
	if o.Window < 1 || o.Window > 1<<16 {
		return fmt.Errorf("window %d: want 1 to 65536 record batches", o.Window)
	}
	return nil
}

func (e EpochEntry) validate() error {
	if _, err := ParseDatasetID(string(e.Dataset)); err != nil {
		return err
	}
	if _, err := ParseShardID(string(e.Shard)); err != nil {
		return err
	}
	if err := e.File.validate(); err != nil {
		return err
	}
	for i, c := range e.Captions {
		if _, err := ParseRecipeID(string(c.Recipe)); err != nil {
			return err
		}
		if _, err := ParseAttemptID(string(c.Attempt)); err != nil {
			return err
		}
		if err := c.File.validate(); err != nil {
			return err
		}
		if c.Generation < 0 {
			return fmt.Errorf("captions %d: generation %d: want 0 or more", i, c.Generation)
		}
		if c.File.Rows != e.File.Rows {
			return fmt.Errorf("captions %d: %d rows for %d samples", i, c.File.Rows, e.File.Rows)
		}
		if i > 0 && e.Captions[i-1].Recipe >= c.Recipe {
			return fmt.Errorf("captions %d: not behind those before", i)
		}
	}
	return nil
}

// compareEntries orders the entries of a list.
func compareEntries(a, b EpochEntry) int {
	return cmp.Or(cmp.Compare(a.Dataset, b.Dataset), cmp.Compare(a.Shard, b.Shard))
}
