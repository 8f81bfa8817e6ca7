package graph

// contrast writes the loss of a batch: features of images and of texts, row i of
// both from sample i, and perhaps features of hard negatives, which belong to
// nobody. It gives the loss, a scalar, and the gradients of all features, and
// notes those of scale and bias.
func (b *builder) contrast(l Loss, images, texts, negatives string) (loss, dImages, dTexts, dNegatives string) {
	batch := b.op("Cast", attrs{"to": int64(1)}, b.reshape(b.sizes(images, 0, 1)))
	share := b.op("Reciprocal", nil, batch)
	scale := b.op("Exp", nil, b.param("logit_scale"))
	all := texts
	if negatives != "" {
		all = b.concat(0, texts, negatives)
	}
	logits := b.mul(b.product(images, all, false, true, 1), scale)
	if l == SigLIP {
		logits = b.add(logits, b.param("logit_bias"))
	}
	own := b.mul(b.sum(b.mul(images, texts), true, 1), scale) // logits of the pairs, [batch, 1]

	var rows, columns string // gradients of the logits, without those of the pairs; columns are of texts alone
	var pairs string         // and how much a pair's is less
	if l == SigLIP {
		// - Σ log σ(±l) = Σ softplus(l) - Σ l of the pairs.
		own = b.add(own, "logit_bias")
		loss = b.mul(b.sub(b.total(b.op("Softplus", nil, logits)), b.total(own)), share)
		rows, pairs = b.mul(b.op("Sigmoid", nil, logits), share), share
		b.gradient("logit_bias", b.sub(b.total(rows), b.number(1)))
	} else {
		half := b.times(share, 0.5)
		rowSum, rowShare := b.softmax(logits, 1)
		inner := logits
		if negatives != "" {
			inner = b.op("Slice", nil, logits, b.ints(0), b.sizes(texts, 0, 1), b.ints(1))
		}
		columnSum, columnShare := b.softmax(inner, 0)
		loss = b.sub(b.mul(b.add(b.total(rowSum), b.total(columnSum)), half), b.mul(b.total(own), share))
		rows, columns, pairs = b.mul(rowShare, half), b.mul(columnShare, half), share
		if negatives == "" {
			rows, columns = b.add(rows, columns), ""
		}
	}
	dAll := b.product(rows, images, true, false, 1)
	dImages = b.sub(b.product(rows, all, false, false, 1), b.mul(texts, pairs))
	dTexts = dAll
	slope := b.total(b.mul(rows, b.unbiased(l, logits)))
	if negatives != "" {
		count := b.sizes(texts, 0, 1)
		dTexts = b.op("Slice", nil, dAll, b.ints(0), count, b.ints(0))
		dNegatives = b.mul(b.op("Slice", nil, dAll, count, b.ints(end), b.ints(0)), scale)
	}
	if columns != "" {
		dTexts = b.add(dTexts, b.product(columns, images, true, false, 1))
		dImages = b.add(dImages, b.product(columns, texts, false, false, 1))
		slope = b.add(slope, b.total(b.mul(columns, b.op("Slice", nil, logits, b.ints(0), b.sizes(texts, 0, 1), b.ints(1)))))
	}
	b.gradient("logit_scale", b.sub(slope, b.mul(b.total(b.unbiased(l, own)), pairs)))
	return loss, b.mul(dImages, scale), b.mul(b.sub(dTexts, b.mul(images, pairs)), scale), dNegatives
}

// unbiased takes the bias out of logits: the scale's gradient does not see it.
func (b *builder) unbiased(l Loss, logits string) string {
	if l == SigLIP {
		return b.sub(logits, "logit_bias")
	}
	return logits
}

// softmax gives, over one dimension, the logarithm of the sum of exponentials,
// and each one's share of the sum.
func (b *builder) softmax(logits string, axis int64) (logSum, share string) {
	top := b.max(logits, axis)
	e := b.op("Exp", nil, b.sub(logits, top))
	s := b.sum(e, true, axis)
	return b.add(top, b.op("Log", nil, s)), b.div(e, s)
}
