// Package feed brings finished shards to a training.
//
// Terms:
//
//   - A [Catalogue] knows what can be trained on: the shards of revisions with
//     the newest captions of each recipe. It is filled from a listing of the
//     store and from events, and freezes the list of an epoch.
//   - A [Reader] gives the samples of a list in the list's order, each with the
//     text that it shows (package mix), from any position on, for one of so many
//     readers. It range-reads record batches, verified, and holds as many bytes
//     of them as its configuration says.
//   - Batches decodes, crops, normalises and tokenises on all cores, into flat
//     buffers. The same list gives the same batches, whatever the cores and
//     however far is read ahead.
//
// What can't be read is passed over and counted, with the reason: a row whose
// sample is not usable, was withdrawn or has no text to show, a record batch
// that is damaged or gone, a picture that can't be decoded. What the store does
// not give now but may give later ends the reading instead: a training that goes
// on without it could not be repeated.
package feed
