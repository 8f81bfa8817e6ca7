// Package scenes draws the pictures that Recaption's own captioner learns from
// and is measured on: scenes of one to six objects, with an alt-text as poor as
// the web's, the title of a page, and the truth.
//
// A [Set] is a function from an index to a [Sample]: sample i is the same on
// every machine and needs no other sample. What a picture shows, [Scene], is
// decided in whole numbers, drawn in whole numbers ([Scene.Render]) and said in
// words that are a function of it ([Scene.Caption]); [Parse] reads such words
// back into [Facts], and [Compare] scores them fact by fact.
//
// # The world
//
// A picture has 96 x 96 pixels. An object is large or small, plain, striped or
// dotted, and has one of eight colours and eight shapes; a background is
// smooth, shaded or grainy in one of six pale colours. Within a scene colour
// and shape together occur once, so "the red star" always refers, unless all
// objects are equal and are counted. Layouts leave gaps: objects of one row
// differ by less than 9 pixels in height, all others by more than 37, large
// radii begin where small ones have long ended, and a single object keeps 8
// pixels from every border between the ninths of the picture.
//
// # The order of mention and the reference of relations
//
// Large objects are named first, then small ones, then those that sit on or in
// another; within each from the upper row to the lower, within a row from left
// to right. The first is introduced by itself. One that sits on or in another
// is told by that one; every other by the first. So each relation has one
// reference, whatever the distances.
//
// # What training never sees
//
// Six of the 64 pairs of colour and shape ([HeldPair]), one name in ten
// ([HeldName]), and one family in eight of the world of [Families].
package scenes
