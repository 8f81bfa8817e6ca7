package schemas

import "fmt"

// Dataset describes one revision: what was cut, and how. It is written before
// the first part is committed.
type Dataset struct {
	Kind     string     `json:"kind"`
	Version  int        `json:"version"`
	Dataset  DatasetID  `json:"dataset"`
	Revision RevisionID `json:"revision"`
	Source   string     `json:"source"` // as the user gave it
	Format   string     `json:"format"` // webdataset, imagefolder
	Parts    int        `json:"parts"`
	Limit    int        `json:"limit,omitempty"` // first samples taken; 0: all
	Cut      CutLimits  `json:"cut"`
	Schema   string     `json:"schema"` // of the sample shards
}

// CutLimits bounds a shard.
type CutLimits struct {
	Rows  int   `json:"rows"`
	Bytes int64 `json:"bytes"`
}

// DefaultCutLimits are 1,024 samples or 256 MiB, whichever comes first.
func DefaultCutLimits() CutLimits { return CutLimits{Rows: 1024, Bytes: 256 << 20} }

// Encode writes the record.
func (d Dataset) Encode() ([]byte, error) {
	d.Kind, d.Version = "dataset", datasetVersion
	return encode(d)
}

// DecodeDataset reads the record and checks its identifiers.
func DecodeDataset(b []byte) (Dataset, error) {
	var d Dataset
	if err := decode(b, "dataset", datasetVersion, &d); err != nil {
		return Dataset{}, err
	}
	return d, checked("dataset", idErr(ParseDatasetID(string(d.Dataset))), idErr(ParseRevisionID(string(d.Revision))))
}

// PartRecord commits the cut of one part: which shards it gave, and what was
// noticed. It is create-only; the first cut of a part is the part.
type PartRecord struct {
	Kind     string     `json:"kind"`
	Version  int        `json:"version"`
	Dataset  DatasetID  `json:"dataset"`
	Revision RevisionID `json:"revision"`
	Part     PartID     `json:"part"`
	Location string     `json:"location"` // relative to the source
	Shards   []Shard    `json:"shards"`
	Faults   []Fault    `json:"faults,omitempty"` // what the part lost, by reason
}

// Shard is one sample shard of a part.
type Shard struct {
	ID       ShardID              `json:"id"`
	File     File                 `json:"file"`
	Statuses map[SampleStatus]int `json:"statuses"`
	Reasons  map[Reason]int       `json:"reasons,omitempty"`
}

// Fault counts what a reader had to leave out of a part, or noticed about it.
type Fault struct {
	Reason Reason `json:"reason"`
	Count  int    `json:"count"`
	Lost   bool   `json:"lost"`             // samples may be missing for it
	Detail string `json:"detail,omitempty"` // of the first: where, and what was found
}

// Rows is the number of samples in the part's shards.
func (p PartRecord) Rows() int {
	n := 0
	for _, s := range p.Shards {
		n += s.File.Rows
	}
	return n
}

// Encode writes the record.
func (p PartRecord) Encode() ([]byte, error) {
	p.Kind, p.Version = "part", partVersion
	return encode(p)
}

// DecodePartRecord reads the record and checks its identifiers and files.
func DecodePartRecord(b []byte) (PartRecord, error) {
	var p PartRecord
	if err := decode(b, "part", partVersion, &p); err != nil {
		return PartRecord{}, err
	}
	if err := checked("part",
		idErr(ParseDatasetID(string(p.Dataset))), idErr(ParseRevisionID(string(p.Revision))), idErr(ParsePartID(string(p.Part))),
	); err != nil {
		return PartRecord{}, err
	}
	for i, s := range p.Shards {
		if err := checked(fmt.Sprintf("part %s: shard %d", p.Part, i), idErr(ParseShardID(string(s.ID))), s.File.validate()); err != nil {
			return PartRecord{}, err
		}
	}
	return p, nil
}
