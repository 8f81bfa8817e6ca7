// Package train trains a CLIP model on batches: steps, checkpoints, and the
// towers that come out.
//
// A training has a name, under which everything of it rests in the store. Run
// goes on from its newest checkpoint, and ends with the same weights, bit for
// bit, as if it had never been stopped.
package train
