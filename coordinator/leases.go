package coordinator

import (
	"context"
	"errors"

	"recaption/schemas"
)

// Free ends the leases on a pool's jobs and on the parts to be cut. It is for
// who knows that whoever took them has ended: the one process that uses an
// embedded server, before it works. Call it after [Coordinator.Ensure].
func (c *Coordinator) Free(ctx context.Context, pool schemas.Pool) error {
	jobs, err := c.conn.Jobs(pool)
	if err != nil {
		return err
	}
	j, jobsErr := jobs.Free(ctx, c.cfg.Lease)
	p, partsErr := c.conn.Cuts().Free(ctx, c.cfg.Lease)
	if j+p > 0 {
		c.log.Info("freed what a process that has ended had in hand", "jobs", j, "parts", p)
	}
	return errors.Join(jobsErr, partsErr)
}

// TellLeases logs how many jobs and parts are in others' hands: a run waits for
// those, and one whose holder has died comes back only when its lease runs out.
func (c *Coordinator) TellLeases(ctx context.Context, pool schemas.Pool) error {
	jobs, err := c.conn.Jobs(pool)
	if err != nil {
		return err
	}
	j, jobsErr := jobs.Depth(ctx)
	p, partsErr := c.conn.Cuts().Depth(ctx)
	if j.InHand+p.InHand > 0 {
		c.log.Info("in the hands of others; what a process that has ended had is free when its lease runs out",
			"jobs", j.InHand, "parts", p.InHand, "lease", c.cfg.Lease.AckWait)
	}
	return errors.Join(jobsErr, partsErr)
}
