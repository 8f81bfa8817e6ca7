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
	for _, check := range []error{
		idErr(ParseJobID(string(j.ID))), idErr(ParseRunID(string(j.Run))), idErr(ParsePool(string(j.Pool))),
		idErr(ParseDatasetID(string(j.Dataset))), idErr(ParseShardID(string(j.Shard))),
		idErr(ParseRecipeID(string(j.Recipe))), idErr(ParseGateID(string(j.Gate))),
	} {
		if check != nil {
			return bad(check)
		}
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
	for _, check := range []error{
		idErr(ParseDatasetID(string(j.Dataset))), idErr(ParseRevisionID(string(j.Revision))), idErr(ParsePartID(string(j.Part))),
	} {
		if check != nil {
			return CutJob{}, fmt.Errorf("%w: cut job: %w", ErrMalformed, check)
		}
	}
	return j, nil
}

func idErr[T any](_ T, err error) error { return err }

func (f File) validate() error {
	switch {
	case f.SHA256.IsZero() || f.Bytes <= 0 || f.Rows < 0:
		return fmt.Errorf("file: want a digest, a size and rows")
	case f.Footer.Offset < 0 || f.Footer.Bytes <= 0 || f.Footer.Offset+f.Footer.Bytes > f.Bytes:
		return fmt.Errorf("file: footer at %d, %d bytes: outside the file's %d", f.Footer.Offset, f.Footer.Bytes, f.Bytes)
	}
	rows, at := 0, int64(0)
	for i, b := range f.Batches {
		if b.Offset < at || b.Bytes <= 0 || b.Bytes > f.Footer.Offset-b.Offset || b.Rows < 0 {
			return fmt.Errorf("file: batch %d at %d, %d bytes: out of order or outside the file", i, b.Offset, b.Bytes)
		}
		at = b.Offset + b.Bytes
		rows += b.Rows
	}
	if rows != f.Rows {
		return fmt.Errorf("file: %d rows, but its batches hold %d", f.Rows, rows)
	}
	return nil
}
