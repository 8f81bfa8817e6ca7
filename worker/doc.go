// Package worker turns caption jobs into committed captions: it fetches a
// shard, captions its rows with an engine, commits them with a receipt,
// announces the receipt and acknowledges the job, in that order.
//
// A crash between any two of these costs time only: the job is delivered
// again, and who takes it finds the receipt and goes on from there.
package worker
