package schemas

import "time"

// Receipt commits an attempt's captions: for one shard, recipe and generation
// there is at most one. It is create-only; the first attempt wins.
type Receipt struct {
	Kind       string             `json:"kind"`
	Version    int                `json:"version"`
	Dataset    DatasetID          `json:"dataset"`
	Run        RunID              `json:"run"`
	Job        JobID              `json:"job"`
	Shard      ShardID            `json:"shard"`
	Recipe     RecipeID           `json:"recipe"`
	Gate       GateID             `json:"gate"` // that the counts are of
	Generation int                `json:"generation"`
	Attempt    AttemptID          `json:"attempt"`
	File       File               `json:"file"` // of the captions
	Statuses   map[RowStatus]int  `json:"statuses"`
	Reasons    map[Reason]int     `json:"reasons,omitempty"`
	Captions   int                `json:"captions"` // all tries
	Accepted   int                `json:"accepted"` // rows with a caption that the gate accepts
	Flags      map[Flag]int       `json:"flags,omitempty"`
	Tokens     int64              `json:"tokens"`  // generated
	Seconds    map[string]float64 `json:"seconds"` // by stage; stages overlap
	Repeated   *Repeated          `json:"repeated,omitempty"`
	Worker     string             `json:"worker"`
	Program    string             `json:"program"` // version
	Finished   time.Time          `json:"finished"`
}

// Repeated is a statistic over the shard's rows. It never decides a row.
type Repeated struct {
	Caption string  `json:"caption"` // the most frequent one
	Rows    int     `json:"rows"`
	Opener  string  `json:"opener"`       // the most frequent first three words
	Share   float64 `json:"opener_share"` // of captions that begin with it
}

// Ready is the event that announces the receipt.
func (r Receipt) Ready() ShardReady {
	return ShardReady{
		Kind: "shard_ready", Version: eventVersion,
		Dataset: r.Dataset, Run: r.Run, Shard: r.Shard, Recipe: r.Recipe,
		Generation: r.Generation, Attempt: r.Attempt, Rows: r.File.Rows, Accepted: r.Accepted,
	}
}

// Encode writes the receipt.
func (r Receipt) Encode() ([]byte, error) {
	r.Kind, r.Version = "receipt", receiptVersion
	return encode(r)
}

// DecodeReceipt reads the receipt and checks its identifiers and file.
func DecodeReceipt(b []byte) (Receipt, error) {
	var r Receipt
	if err := decode(b, "receipt", receiptVersion, &r); err != nil {
		return Receipt{}, err
	}
	return r, checked("receipt",
		idErr(ParseDatasetID(string(r.Dataset))), idErr(ParseRunID(string(r.Run))), idErr(ParseShardID(string(r.Shard))),
		idErr(ParseRecipeID(string(r.Recipe))), idErr(ParseAttemptID(string(r.Attempt))), r.File.validate(),
	)
}
