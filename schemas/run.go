package schemas

import "time"

// RunState is what a run's newest record says.
type RunState string

// The states of a run.
const (
	RunLaunched RunState = "launched"
	RunEnded    RunState = "ended"
)

// RunRecord is one entry of a run's append-only history.
type RunRecord struct {
	Kind     string     `json:"kind"`
	Version  int        `json:"version"`
	Run      RunID      `json:"run"`
	State    RunState   `json:"state"`
	Dataset  DatasetID  `json:"dataset"`
	Revision RevisionID `json:"revision"`
	Recipe   RecipeID   `json:"recipe"`
	Gate     GateID     `json:"gate"`
	Pool     Pool       `json:"pool"`
	At       time.Time  `json:"at"`
}

// Encode writes the record.
func (r RunRecord) Encode() ([]byte, error) {
	r.Kind, r.Version = "run", runVersion
	return encode(r)
}

// DecodeRunRecord reads the record and checks its identifiers.
func DecodeRunRecord(b []byte) (RunRecord, error) {
	var r RunRecord
	if err := decode(b, "run", runVersion, &r); err != nil {
		return RunRecord{}, err
	}
	return r, checked("run record",
		idErr(ParseRunID(string(r.Run))), idErr(ParseDatasetID(string(r.Dataset))), idErr(ParseRevisionID(string(r.Revision))),
		idErr(ParseRecipeID(string(r.Recipe))), idErr(ParseGateID(string(r.Gate))),
	)
}
