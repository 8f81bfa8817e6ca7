package schemas

import "fmt"

// CaptionJob is the unit of work, lease, retry and commit: one shard x one
// recipe x one generation x one selection of rows. It holds all that a worker
// needs to verify what it reads.
type CaptionJob struct {
	Kind       string     `json:"kind"`
	Version    int        `json:"version"`
	ID         JobID      `json:"id"`
	Run        RunID      `json:"run"`
	Pool       Pool       `json:"pool"`
	Dataset    DatasetID  `json:"dataset"`
	Shard      ShardID    `json:"shard"`
	File       File       `json:"file"` // of the sample shard
	Recipe     RecipeID   `json:"recipe"`
	Gate       GateID     `json:"gate"`
	Generation int        `json:"generation"`
	Rows       []RowRange `json:"rows,omitempty"` // to caption; nil: all. The others are taken from the generation before
}

// NewCaptionJob fills in the job's ID.
func NewCaptionJob(j CaptionJob) CaptionJob {
	j.Kind, j.Version = "caption_job", jobVersion
	j.ID = NewJobID(j.Shard, j.Recipe, j.Generation, j.Rows)
	return j
}

// Encode writes the job.
func (j CaptionJob) Encode() ([]byte, error) {
	if err := j.Validate(); err != nil {
		return nil, err
	}
	return encode(j)
}

// DecodeCaptionJob reads a job. It returns [ErrVersion] for one that a newer
// program wrote and [ErrMalformed] for anything else that is not a job.
func DecodeCaptionJob(b []byte) (CaptionJob, error) {
	var j CaptionJob
	if err := decode(b, "caption_job", jobVersion, &j); err != nil {
		return CaptionJob{}, err
	}
	if err := j.Validate(); err != nil {
		return CaptionJob{}, err
	}
	return j, nil
}

// Validate checks the job's identifiers and rows.
func (j CaptionJob) Validate() error {
	bad := func(err error) error { return fmt.Errorf("%w: caption job %s: %w", ErrMalformed, j.ID, err) }
	if err := checked("caption job "+string(j.ID),
		idErr(ParseJobID(string(j.ID))), idErr(ParseRunID(string(j.Run))), idErr(ParsePool(string(j.Pool))),
		idErr(ParseDatasetID(string(j.Dataset))), idErr(ParseShardID(string(j.Shard))),
		idErr(ParseRecipeID(string(j.Recipe))), idErr(ParseGateID(string(j.Gate))),
	); err != nil {
		return err
	}
	if want := NewJobID(j.Shard, j.Recipe, j.Generation, j.Rows); want != j.ID {
		return bad(fmt.Errorf("its digest is %s", want))
	}
	if j.Generation < 0 {
		return bad(fmt.Errorf("generation %d: want 0 or more", j.Generation))
	}
	if j.Generation == 0 && len(j.Rows) > 0 {
		return bad(fmt.Errorf("rows %v: want none in generation 0, which takes all", j.Rows))
	}
	if err := j.File.validate(); err != nil {
		return bad(err)
	}
	at := 0
	for _, r := range j.Rows {
		if r.From < at || r.To <= r.From || r.To > j.File.Rows {
			return bad(fmt.Errorf("rows %d to %d: want ranges in order within %d rows", r.From, r.To, j.File.Rows))
		}
		at = r.To
	}
	return nil
}

// Selects tells whether the job captions a row of its shard.
func (j CaptionJob) Selects(row int) bool {
	for _, r := range j.Rows {
		if r.Contains(row) {
			return true
		}
	}
	return len(j.Rows) == 0
}

// CutJob asks a coordinator to cut one part of a source.
type CutJob struct {
	Kind     string     `json:"kind"`
	Version  int        `json:"version"`
	Dataset  DatasetID  `json:"dataset"`
	Revision RevisionID `json:"revision"`
	Part     PartID     `json:"part"`
}

// Encode writes the job.
func (j CutJob) Encode() ([]byte, error) {
	j.Kind, j.Version = "cut_job", jobVersion
	return encode(j)
}

// DecodeCutJob reads a job.
func DecodeCutJob(b []byte) (CutJob, error) {
	var j CutJob
	if err := decode(b, "cut_job", jobVersion, &j); err != nil {
		return CutJob{}, err
	}
	if err := checked("cut job",
		idErr(ParseDatasetID(string(j.Dataset))), idErr(ParseRevisionID(string(j.Revision))), idErr(ParsePartID(string(j.Part))),
	); err != nil {
		return CutJob{}, err
	}
	return j, nil
}
