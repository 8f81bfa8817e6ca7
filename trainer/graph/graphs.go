package graph

import (
	"recaption/internal/ort/onnx"
)

// The names of inputs and outputs. Images are [images, 3, size, size] floats,
// normalised; texts are [texts, length] tokens of int64, of any length up to the
// context, each with an end-of-text token.
const (
	InPixels        = "pixel_values"
	InTexts         = "input_ids"
	InNegatives     = "negative_ids" // hard negatives, [negatives, length]
	InImageFeatures = "image_embeds" // [images, projection], of norm 1
	InTextFeatures  = "text_embeds"
	InOtherFeatures = "negative_embeds"
	OutLoss         = "loss"
	OutImages       = "image_embeds"
	OutTexts        = "text_embeds"
	// Gradients of features: outputs of [Contrast], inputs of [Backward].
	ImageSlope    = "gradient.image_embeds"
	TextSlope     = "gradient.text_embeds"
	NegativeSlope = "gradient.negative_embeds"
)

func (b *builder) pixels(c Config) string {
	return b.input(InPixels, onnx.Float, "images", c.Vision.Channels, c.Vision.Image, c.Vision.Image)
}

func (b *builder) features(name, rows string, c Config) string {
	return b.input(name, onnx.Float, rows, c.Projection)
}

// Step is the whole step: pixels, texts and parameters to loss and gradients.
// With negatives it takes hard negatives too.
func Step(c Config, l Loss, negatives bool) []byte {
	b := newBuilder("step", c.Params(l))
	pixels, ids := b.pixels(c), b.input(InTexts, onnx.Int64, "texts", "length")
	images, backImages := b.vision(c.Vision, pixels)
	all := ids
	if negatives {
		all = b.concat(0, ids, b.input(InNegatives, onnx.Int64, "negatives", "length"))
	}
	features, backTexts := b.text(c.Text, all)
	texts, others := features, ""
	if negatives {
		count := b.sizes(ids, 0, 1)
		texts = b.op("Slice", nil, features, b.ints(0), count, b.ints(0))
		others = b.op("Slice", nil, features, count, b.ints(end), b.ints(0))
	}
	loss, dImages, dTexts, dOthers := b.contrast(l, images, texts, others)
	if negatives {
		dTexts = b.concat(0, dTexts, dOthers)
	}
	backImages(dImages)
	backTexts(dTexts)
	b.output(OutLoss, loss)
	b.outputGradients()
	return b.g.Marshal()
}

// EmbedImages is the vision tower alone: pixels to features.
func EmbedImages(c Config) []byte {
	b := newBuilder("embed_images", c.Params(CLIP))
	f, _ := b.vision(c.Vision, b.pixels(c))
	b.output(OutImages, f, "images", c.Projection)
	return b.g.Marshal()
}

// EmbedTexts is the text tower alone: texts to features.
func EmbedTexts(c Config) []byte {
	b := newBuilder("embed_texts", c.Params(CLIP))
	f, _ := b.text(c.Text, b.input(InTexts, onnx.Int64, "texts", "length"))
	b.output(OutTexts, f, "texts", c.Projection)
	return b.g.Marshal()
}

// Contrast is the loss alone: the features of a whole batch to the loss, their
// gradients, and those of scale and bias.
func Contrast(c Config, l Loss, negatives bool) []byte {
	b := newBuilder("contrast", c.Params(l))
	images, texts := b.features(InImageFeatures, "samples", c), b.features(InTextFeatures, "samples", c)
	others := ""
	if negatives {
		others = b.features(InOtherFeatures, "negatives", c)
	}
	loss, dImages, dTexts, dOthers := b.contrast(l, images, texts, others)
	b.output(OutLoss, loss)
	b.output(ImageSlope, dImages, "samples", c.Projection)
	b.output(TextSlope, dTexts, "samples", c.Projection)
	if negatives {
		b.output(NegativeSlope, dOthers, "negatives", c.Projection)
	}
	b.outputGradients()
	return b.g.Marshal()
}

// BackwardImages is the vision tower's gradient for a part of a batch: pixels
// and the gradient of their features to gradients of parameters.
func BackwardImages(c Config) []byte {
	b := newBuilder("backward_images", c.Params(CLIP))
	_, back := b.vision(c.Vision, b.pixels(c))
	back(b.features(ImageSlope, "images", c))
	b.outputGradients()
	return b.g.Marshal()
}

// BackwardTexts is the text tower's.
func BackwardTexts(c Config) []byte {
	b := newBuilder("backward_texts", c.Params(CLIP))
	_, back := b.text(c.Text, b.input(InTexts, onnx.Int64, "texts", "length"))
	back(b.features(TextSlope, "texts", c))
	b.outputGradients()
	return b.g.Marshal()
}
