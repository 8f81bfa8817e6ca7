package schemas

// Heartbeat is what a worker says of itself every so often. It decides nothing:
// it is for who looks.
type Heartbeat struct {
	Kind     string      `json:"kind"`
	Version  int         `json:"version"`
	Worker   string      `json:"worker"`
	Program  string      `json:"program,omitempty"` // version
	Draining bool        `json:"draining,omitempty"`
	Jobs     []JobInHand `json:"jobs,omitempty"`
}

// JobInHand is a job that a worker has a lease on.
type JobInHand struct {
	Job     JobID      `json:"job"`
	Shard   ShardID    `json:"shard"`
	Attempt int        `json:"attempt"`        // of the job's deliveries, from 1
	Rows    []RowRange `json:"rows,omitempty"` // being captioned
}

// Encode writes the heartbeat.
func (h Heartbeat) Encode() ([]byte, error) {
	h.Kind, h.Version = "heartbeat", heartbeatVersion
	return encode(h)
}

// DecodeHeartbeat reads a heartbeat.
func DecodeHeartbeat(b []byte) (Heartbeat, error) {
	var h Heartbeat
	if err := decode(b, "heartbeat", heartbeatVersion, &h); err != nil {
		return Heartbeat{}, err
	}
	for _, j := range h.Jobs {
		if err := checked("heartbeat of "+h.Worker, idErr(ParseJobID(string(j.Job))), idErr(ParseShardID(string(j.Shard)))); err != nil {
			return Heartbeat{}, err
		}
	}
	return h, nil
}
