package worker

import (
	"errors"
	"time"

	"recaption/schemas"
	"recaption/shards"
)

// verdict is what becomes of a job after an attempt that did not commit.
type verdict int

const (
	retry   verdict = iota // hand it back, with a delay that grows with the attempt
	release                // not the job's fault: hand it back
	reject                 // another attempt can't help: take it off the queue
	abandon                // another attempt has it: say nothing
)

func (v verdict) String() string {
	return [...]string{"retry", "release", "reject", "abandon"}[v]
}

// judge decides what a failed attempt means for its job. cause is that of the
// attempt's context, nil while it was not cancelled; err is what the attempt
// returned.
func judge(cause, err error) verdict {
	switch {
	case errors.Is(cause, errLeaseLost):
		return abandon
	case errors.Is(cause, errDrained):
		return release
	case errors.Is(err, schemas.ErrVersion), errors.Is(err, errOtherModel):
		return release // a newer worker, or one with that model, can do it
	case errors.Is(err, schemas.ErrMalformed), errors.Is(err, shards.ErrCorrupt):
		return reject
	}
	return retry
}

// delay is how long a job rests before its next delivery. It grows from two
// seconds by doubling, to a minute: a store that is down for a moment costs
// little, and one that is down for long is not hammered.
func delay(v verdict, attempt int) time.Duration {
	switch v {
	case retry:
		return min(time.Minute, time.Second<<min(attempt, 6))
	case release:
		return 0
	}
	return 0
}
