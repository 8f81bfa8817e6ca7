// Package probe asks two towers, one for pictures and one for texts, what they
// have learned, and says how sure the answer is.
//
// # Terms
//
// [Towers] turn pictures and texts into rows of unit length; a score is the
// product of two rows. A [Suite] is a list of pictures with items about them:
//
//	choice     a picture, a true text and false ones
//	pair       two pictures and two texts that belong one to one (Winoground)
//	retrieval  pictures and their texts, each to be found among all
//	class      a picture and the class it has, given by prompts
//
// [Run] asks all items and gives a [Result] of figures. Drawn scenes that no
// training has seen make a suite with [Scenes]; the field's own suites are read
// from their published files by [Load].
//
// # What is right
//
// The true answer must score strictly more than every other. A tie is wrong,
// and counted: towers that give everything the same row are at nought, not at
// one half. A row that is not finite is an error, not a wrong answer.
//
// Every share has a Wilson 95 % interval (Wilson, JASA 22, 1927). The interval
// of the difference of two shares is Newcombe's (Statistics in Medicine 17,
// 1998, method 10), which joins the two Wilson intervals. It takes the shares as
// independent; two models asked the same items mostly agree, so it is wide
// rather than narrow.
//
// # The blind baseline
//
// Beside each figure stands that of a guesser that never sees the picture: it
// takes the likelier text. Hsieh et al. (SugarCrepe, NeurIPS 2023) showed that
// such guessers solve much of older suites, so a model's figure means what it
// has beyond the blind one. The guesser here is a [Bigram] model of words: a
// stand-in for a large language model, weaker than one, but enough to show what
// a text gives away by its words and their neighbours. It is fitted on the
// training texts where [Options] has them, else on the true texts of the suite's
// other pictures, in ten folds, which knows the suite's style and is the
// stronger guesser.
package probe
