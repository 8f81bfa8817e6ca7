// Package coordinator launches runs and sees them through: it cuts a source
// into sample shards, publishes a caption job for each shard that has no
// receipt, and follows the receipts until none is missing.
//
// It keeps nothing that it could not read again from the store. The streams
// carry hints: whatever is lost there is published again by reconciling, and
// any number of coordinators may follow one run, since all that they do may be
// done twice.
package coordinator
