package source

import (
	"fmt"
	"maps"
	"slices"

	"recaption/schemas"
)

// maxDetail bounds the text that describes the first fault of a reason.
const maxDetail = 300

// Report counts what a reader gave and what it noticed. Its zero value is
// ready for use. It is not safe for use by several goroutines.
type Report struct {
	Rows     int
	Bytes    int64 // of images
	Statuses map[schemas.SampleStatus]int
	Reasons  map[schemas.Reason]int // of rows

	where  string // put before the details: the file that is being read
	faults map[schemas.Reason]*schemas.Fault
}

// Faults lists what was noticed beside the rows, by reason in alphabetical
// order.
func (r *Report) Faults() []schemas.Fault {
	var out []schemas.Fault
	for _, reason := range slices.Sorted(maps.Keys(r.faults)) {
		out = append(out, *r.faults[reason])
	}
	return out
}

// Lost tells whether samples may be missing from the rows.
func (r *Report) Lost() bool {
	for _, f := range r.faults {
		if f.Lost {
			return true
		}
	}
	return false
}

// notice counts one fault that loses no sample.
func (r *Report) notice(reason schemas.Reason, format string, args ...any) {
	r.count(reason, 1, false, format, args...)
}

// loss counts one fault for which samples may be missing.
func (r *Report) loss(reason schemas.Reason, format string, args ...any) {
	r.count(reason, 1, true, format, args...)
}

func (r *Report) count(reason schemas.Reason, n int, lost bool, format string, args ...any) {
	if f, ok := r.faults[reason]; ok {
		f.Count += n
		f.Lost = f.Lost || lost
		return
	}
	detail := fmt.Sprintf(format, args...)
	if r.where != "" {
		detail = r.where + ": " + detail
	}
	if len(detail) > maxDetail {
		detail = detail[:maxDetail] + "…"
	}
	if r.faults == nil {
		r.faults = map[schemas.Reason]*schemas.Fault{}
	}
	r.faults[reason] = &schemas.Fault{Reason: reason, Count: n, Lost: lost, Detail: printable(detail)}
}

// row counts one sample.
func (r *Report) row(s schemas.Sample) {
	if r.Statuses == nil {
		r.Statuses = map[schemas.SampleStatus]int{}
		r.Reasons = map[schemas.Reason]int{}
	}
	r.Rows++
	r.Bytes += int64(len(s.Image))
	r.Statuses[s.Status]++
	if s.Reason != "" {
		r.Reasons[s.Reason]++
	}
}
