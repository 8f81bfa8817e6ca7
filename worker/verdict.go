package worker

import (
	"errors"
	"io/fs"
	"slices"
	"syscall"
	"time"

	"recaption/internal/jetstream"
	"recaption/schemas"
	"recaption/shards"
	"recaption/worker/vlm"
)

// verdict is what becomes of a job after an attempt.
type verdict int

const (
	done    verdict = iota // its receipt is announced: acknowledge it
	reject                 // no attempt can help: commit its rows as failed, and acknowledge it
	abandon                // another attempt has it: say nothing
	release                // not the job's fault: hand it back at once
	pass                   // another worker can do it: hand it back, and leave it the time to get there
	rest                   // nobody's fault: queue it anew with all its deliveries, and take no other for a while
	retry                  // hand it back, with a delay that grows with the attempt
)

func (v verdict) String() string {
	return [...]string{"done", "reject", "abandon", "release", "pass", "rest", "retry"}[v]
}

// judge decides what an attempt means for its job. cause is that of the
// attempt's context, nil while it was not cancelled; err is what the attempt
// returned.
func judge(cause, err error) verdict {
	switch {
	case err == nil:
		return done
	case errors.Is(cause, errLeaseLost):
		return abandon
	case errors.Is(cause, errDrained), errors.Is(err, vlm.ErrStopped):
		return release
	case errors.Is(err, schemas.ErrVersion), errors.Is(err, errOtherModel):
		return pass // a newer worker, or one with that model
	case errors.Is(err, schemas.ErrMalformed), errors.Is(err, shards.ErrCorrupt), errors.Is(err, vlm.ErrSettings):
		return reject
	case slices.ContainsFunc(surroundings, func(target error) bool { return errors.Is(err, target) }):
		return rest
	}
	return retry
}

// surroundings are errors that say nothing about the job, only about where this
// worker runs. They may last for days, and are over for all jobs at once.
var surroundings = []error{
	shards.ErrTransient, shards.ErrNoBucket, shards.ErrDenied, fs.ErrPermission,
	syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE,
	jetstream.ErrUnavailable, jetstream.ErrNoStream, jetstream.ErrFull, jetstream.ErrDenied,
}

const (
	passRest  = 30 * time.Second // as a queue lets a job of a newer version rest
	retryMost = time.Minute
)

// delay is how long a job rests before its next delivery; for the verdict rest,
// how long its slot does, which had that verdict so many times in a row. For
// those and a retry it grows from two seconds by doubling, to a minute: a store
// that is down for a moment costs little, and one that is down for long is not
// hammered.
func delay(v verdict, attempt int) time.Duration {
	switch v {
	case pass:
		return passRest
	case rest, retry:
		return min(retryMost, time.Second<<min(attempt, 6))
	}
	return 0
}
