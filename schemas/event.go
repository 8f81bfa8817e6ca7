package schemas

import "fmt"

// ShardReady says that a shard's captions are committed. It may be said more
// than once; who reads it takes each receipt once.
type ShardReady struct {
	Kind       string    `json:"kind"`
	Version    int       `json:"version"`
	Dataset    DatasetID `json:"dataset"`
	Run        RunID     `json:"run"`
	Shard      ShardID   `json:"shard"`
	Recipe     RecipeID  `json:"recipe"`
	Generation int       `json:"generation"`
	Attempt    AttemptID `json:"attempt"`
	Rows       int       `json:"rows"`
	Accepted   int       `json:"accepted"` // captions that the run's gate accepts
}

// Receipt identifies the receipt that the event announces.
func (e ShardReady) Receipt() string {
	return fmt.Sprintf("%s-%s-%d", e.Recipe.Short(), e.Shard, e.Generation)
}

// Encode writes the event.
func (e ShardReady) Encode() ([]byte, error) {
	e.Kind, e.Version = "shard_ready", eventVersion
	return encode(e)
}

// DecodeShardReady reads an event.
func DecodeShardReady(b []byte) (ShardReady, error) {
	var e ShardReady
	if err := decode(b, "shard_ready", eventVersion, &e); err != nil {
		return ShardReady{}, err
	}
	if err := checked("shard ready",
		idErr(ParseDatasetID(string(e.Dataset))), idErr(ParseRunID(string(e.Run))), idErr(ParseShardID(string(e.Shard))),
		idErr(ParseRecipeID(string(e.Recipe))), idErr(ParseAttemptID(string(e.Attempt))),
	); err != nil {
		return ShardReady{}, err
	}
	if e.Generation < 0 || e.Rows < 0 || e.Accepted < 0 {
		return ShardReady{}, fmt.Errorf("%w: shard ready: negative count", ErrMalformed)
	}
	return e, nil
}
