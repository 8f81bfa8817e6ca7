// Package jetstream carries jobs, events and heartbeats over NATS JetStream.
// It is the only package that knows NATS: what leaves it are types of package
// schemas, and its own errors.
//
//	stream       retention   subject                                       read by
//	CUTS         work queue  recaption.cut.<dataset>.<revision>.<part>     coordinators, one durable pull consumer
//	JOBS         work queue  recaption.job.<pool>.<run>.<job>.<copy>       workers, one durable pull consumer per pool
//	EVENTS       limits      recaption.event.<kind>.<dataset>.<recipe>     whoever follows, a durable consumer each
//	KV_workers   last value  heartbeats by worker, with a time to live     coordinators
//
// All of it is hints and leases. The store alone says what is done, so streams
// may be deleted at any moment: [Conn.EnsureStreams] and [Queue.Ensure], which
// coordinators repeat, make them anew, and reconciling fills them.
//
// # Queues
//
// A subject holds one message at most; a second one is refused, with
// [ErrQueued]. Jobs and cuts carry no message ID: the server would refuse an ID
// for minutes after its message was done, and a job that is published again
// after that has a reason. A job that is queued twice in a row costs a look at
// its receipt.
//
// A delivery is a lease for the queue's AckWait. Who holds it extends it, and
// owes it one verdict: [Delivery.Ack], [Delivery.Release], [Delivery.Requeue] or
// [Delivery.Reject]. Without one it is delivered again when the lease runs out.
// Each delivery counts until the job is queued anew, and one that used up MaxDeliver stays in the stream, on its subject,
// until a coordinator deals with it: [Queue.Spent].
//
// # Failing servers
//
// A connection is kept for ever. Every call may be repeated without harm, and
// repeats itself while the server is away, until its context ends; so give it
// a context that does. A server that answers that it can't store is not away:
// that is [ErrFull]. [Delivery.Extend] alone tries once: a lease has no time.
package jetstream
