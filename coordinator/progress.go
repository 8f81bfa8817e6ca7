package coordinator

import (
	"cmp"
	"maps"
	"slices"

	"recaption/schemas"
)

// Progress is a fold over part records and receipts: what a run has come to.
type Progress struct {
	Parts            int                          `json:"parts"`                  // of the source, or those within the limit once they are cut
	PartsCut         int                          `json:"parts_cut"`              // with a record
	PartsUnread      int                          `json:"parts_unread,omitempty"` // given up for this time
	Samples          int                          `json:"samples"`                // rows of the parts cut
	Shards           int                          `json:"shards"`
	ShardsDone       int                          `json:"shards_done"`                // with a receipt
	ShardsUncounted  int                          `json:"shards_uncounted,omitempty"` // captioned, but what rests of them can't be read
	Rows             int                          `json:"rows"`                       // of the shards done
	Statuses         map[schemas.RowStatus]int    `json:"statuses"`                   // of those rows
	Reasons          map[schemas.Reason]int       `json:"reasons"`
	Captions         int                          `json:"captions"` // written, further tries included
	Accepted         int                          `json:"accepted"` // rows with a caption that the gate accepts
	Flags            map[schemas.Flag]int         `json:"flags"`
	Tokens           int64                        `json:"tokens"`
	Seconds          map[string]float64           `json:"seconds"` // by stage, summed over goroutines
	Faults           []schemas.Fault              `json:"faults"`  // what the parts lost, by reason
	Repeated         *schemas.Repeated            `json:"repeated,omitempty"`
	RepeatedCaptions []Repeated                   `json:"repeated_captions,omitempty"`
	SampleStatuses   map[schemas.SampleStatus]int `json:"sample_statuses"` // as cut
}

// Repeated is a caption that is the most frequent one of shards. It never decides
// a row.
type Repeated struct {
	Caption string `json:"caption"`
	Rows    int    `json:"rows"`   // that have it, in those shards: at least so many in all
	Shards  int    `json:"shards"` // of which it is the most frequent caption
}

// mostRepeated bounds the captions that are kept. What so many shards have alike
// that it matters is among them long before it could be crowded out.
const mostRepeated = 64

func newProgress() Progress {
	return Progress{
		Statuses:       map[schemas.RowStatus]int{},
		Reasons:        map[schemas.Reason]int{},
		Flags:          map[schemas.Flag]int{},
		Seconds:        map[string]float64{},
		SampleStatuses: map[schemas.SampleStatus]int{},
		Faults:         []schemas.Fault{},
	}
}

// clone is a copy that shares nothing with p.
func (p Progress) clone() Progress {
	p.Statuses, p.Reasons, p.Flags = maps.Clone(p.Statuses), maps.Clone(p.Reasons), maps.Clone(p.Flags)
	p.Seconds, p.SampleStatuses = maps.Clone(p.Seconds), maps.Clone(p.SampleStatuses)
	p.Faults = append([]schemas.Fault{}, p.Faults...)
	p.RepeatedCaptions = slices.Clone(p.RepeatedCaptions)
	return p
}

// addPart takes one part's record.
func (p *Progress) addPart(r schemas.PartRecord) {
	p.PartsCut++
	for _, s := range r.Shards {
		p.Shards++
		p.Samples += s.File.Rows
		addAll(p.SampleStatuses, s.Statuses)
	}
	for _, f := range r.Faults {
		p.addFault(f)
	}
}

func (p *Progress) addFault(f schemas.Fault) {
	for i := range p.Faults {
		if g := &p.Faults[i]; g.Reason == f.Reason {
			g.Count += f.Count
			g.Lost = g.Lost || f.Lost
			if g.Detail == "" || f.Detail != "" && f.Detail < g.Detail {
				g.Detail = f.Detail // one of them, whatever the order in which they come
			}
			return
		}
	}
	p.Faults = append(p.Faults, f)
}

// addReceipt takes one shard's receipt.
func (p *Progress) addReceipt(r schemas.Receipt) {
	p.ShardsDone++
	p.Rows += r.File.Rows
	addAll(p.Statuses, r.Statuses)
	addAll(p.Reasons, r.Reasons)
	addAll(p.Flags, r.Flags)
	p.Captions += r.Captions
	p.Accepted += r.Accepted
	p.Tokens += r.Tokens
	addAll(p.Seconds, r.Seconds)
	if q := r.Repeated; q != nil && (p.Repeated == nil || moreRepeated(*q, *p.Repeated)) {
		p.Repeated = q
	}
	if q := r.Repeated; q != nil && q.Rows > 1 {
		p.addRepeated(*q)
	}
}

// addRepeated counts the most frequent caption of a shard.
func (p *Progress) addRepeated(q schemas.Repeated) {
	i := slices.IndexFunc(p.RepeatedCaptions, func(c Repeated) bool { return c.Caption == q.Caption })
	if i < 0 {
		i = len(p.RepeatedCaptions)
		p.RepeatedCaptions = append(p.RepeatedCaptions, Repeated{Caption: q.Caption})
	}
	p.RepeatedCaptions[i].Rows += q.Rows
	p.RepeatedCaptions[i].Shards++
	slices.SortFunc(p.RepeatedCaptions, func(a, b Repeated) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Caption, b.Caption))
	})
	p.RepeatedCaptions = p.RepeatedCaptions[:min(len(p.RepeatedCaptions), mostRepeated)]
}

// moreRepeated orders shards by how frequent one caption is in them, whatever
// the order in which they come.
func moreRepeated(a, b schemas.Repeated) bool {
	if a.Rows != b.Rows {
		return a.Rows > b.Rows
	}
	return a.Caption < b.Caption || a.Caption == b.Caption && (a.Share > b.Share || a.Share == b.Share && a.Opener < b.Opener)
}

func addAll[K comparable, V int | float64](to, from map[K]V) {
	for k, v := range from {
		to[k] += v
	}
}
