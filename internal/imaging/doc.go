// Package imaging decodes and resizes pictures to the very bytes that Pillow
// gives, so that a model sees here what it saw when it was trained.
//
// Terms:
//
//   - A picture is 8-bit RGB, three bytes a pixel, rows without padding. All
//     other kinds (grey, palette, CMYK, 16 bits, alpha) become RGB by the rules
//     of Pillow's convert("RGB"): alpha and colour keys are dropped, not
//     blended, and 16-bit grey is clipped, not scaled.
//   - The signature decides the format. A name or a media type never does.
//   - The orientation that a camera wrote down is applied where it is asked
//     for: Hugging Face's loaders do so for paths and addresses and don't for
//     pictures that are handed over decoded.
//
// Bytes come from strangers. Every decoder returns a picture or a DecodeError
// whose reason is one of five; the size in the header is checked against a
// limit before anything of that size is allocated, and what a decoder allocates
// is bounded by that limit and by the length of its input.
//
// All functions may be called from any goroutine; none starts one.
package imaging
