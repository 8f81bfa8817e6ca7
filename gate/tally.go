package gate

import "recaption/schemas"

// Tally counts the rows of one shard for its receipt. Equal rows give equal
// counts, in whatever order they are added. Make it with [Gate.Tally].
type Tally struct {
	gate     *Gate
	statuses map[schemas.RowStatus]int
	reasons  map[schemas.Reason]int
	flags    map[schemas.Flag]int
	captions int
	accepted int
	tokens   int64
	stats    Stats
}

// Tally starts counting.
func (g *Gate) Tally() *Tally {
	return &Tally{gate: g, statuses: map[schemas.RowStatus]int{}, reasons: map[schemas.Reason]int{}, flags: map[schemas.Flag]int{}}
}

// Add counts one row of a sample with that alt-text.
func (t *Tally) Add(altText *string, row schemas.CaptionRow) {
	t.statuses[row.Status]++
	if row.Reason != "" {
		t.reasons[row.Reason]++
	}
	for _, c := range row.Captions {
		t.captions++
		t.tokens += int64(c.Tokens)
		for _, f := range t.gate.Judge(altText, c).Flags {
			t.flags[f]++
		}
	}
	if v, ok := t.gate.Accepted(altText, row); ok {
		t.accepted++
		t.stats.Add(v.Text)
	}
}

// Into writes the counts into a receipt.
func (t *Tally) Into(r *schemas.Receipt) {
	r.Statuses, r.Reasons, r.Flags = t.statuses, t.reasons, t.flags
	r.Captions, r.Accepted, r.Tokens = t.captions, t.accepted, t.tokens
	r.Repeated = t.stats.Repeated()
}
