// Package mix says what a training shows, and in which order, as pure functions
// of an epoch list: no I/O, no clock, no state of a process.
//
// An [Order] gives the row at each position of an epoch from the list's counts
// alone, so that any reader can start anywhere. A [Mixer] applies the list's
// policy to one row and gives the text that it shows in this epoch.
// [Negatives] makes wrong texts of right ones.
//
// All random numbers come from SplitMix64, seeded by SHA-256 over what they
// depend on (see [NewRandom]), so that another program can draw the same. What
// a row shows depends on the list's seed and epoch, its dataset and its key,
// and on neither its place nor its neighbours. The policy's digest is left out
// of the seed on purpose: where two policies differ in one number, most rows
// show the same under both, and two trainings can be compared.
package mix
