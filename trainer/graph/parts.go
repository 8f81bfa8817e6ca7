package graph

import "recaption/internal/ort"

// inParts is [Model.Step] for a batch larger than what the towers hold at once:
// features of all parts, then the loss over all of them, then each part again,
// backward, with its share of the features' gradients. The result is that of the
// whole batch, up to the order of sums.
func (m *Model) inParts(b Batch, images int) (float32, error) {
	part, length, width := m.opt.Part, b.Length, m.cfg.Projection
	side := len(b.Pixels) / images
	imageRows, err := m.embedImages(b.Pixels, side, part)
	if err != nil {
		return 0, err
	}
	texts := append(append([]int64{}, b.Texts...), b.Negatives...)
	textRows, err := m.embedTexts(texts, length, part)
	if err != nil {
		return 0, err
	}
	loss, dImages, dTexts, err := m.contrast(imageRows, textRows[:images*width], textRows[images*width:])
	if err != nil {
		return 0, err
	}
	// What the towers write over is kept apart and added up: the loss's own
	// gradients are there already, of parameters that no tower has.
	sums := m.sums()
	err = eachPart(images, part, func(from, to int) error {
		return m.back("backward_images", BackwardImages, sums, from > 0, nil, 0, func(in *values) []ort.Feed {
			return []ort.Feed{
				{Name: InPixels, Value: in.pixels(m.cfg, b.Pixels[from*side:to*side])},
				{Name: ImageSlope, Value: in.rows(dImages[from*width:to*width], width)},
			}
		})
	})
	if err != nil {
		return 0, err
	}
	err = eachPart(len(texts)/length, part, func(from, to int) error {
		ids := texts[from*length : to*length]
		return m.back("backward_texts", BackwardTexts, sums, from > 0, ids, length, func(in *values) []ort.Feed {
			return []ort.Feed{
				{Name: InTexts, Value: in.ids(ids, length)},
				{Name: TextSlope, Value: in.rows(dTexts[from*width:to*width], width)},
			}
		})
	})
	if err != nil {
		return 0, err
	}
	m.takeSums(sums)
	return loss, nil
}

// eachPart calls f for n things, part at a time.
func eachPart(n, part int, f func(from, to int) error) error {
	for from := 0; from < n; from += part {
		if err := f(from, min(from+part, n)); err != nil {
			return err
		}
	}
	return nil
}

// EmbedImages gives the features of images, one row of norm 1 each, computed in
// parts of at most part.
func (m *Model) EmbedImages(pixels []float32, part int) ([]float32, error) {
	return m.embedImages(pixels, m.cfg.Vision.Channels*m.cfg.Vision.Image*m.cfg.Vision.Image, part)
}

// EmbedTexts gives the features of texts of one length.
func (m *Model) EmbedTexts(ids []int64, length, part int) ([]float32, error) {
	return m.embedTexts(ids, length, part)
}

func (m *Model) embedImages(pixels []float32, side, part int) ([]float32, error) {
	return m.embed("embed_images", EmbedImages, OutImages, len(pixels)/side, part, func(in *values, from, to int) ort.Feed {
		return ort.Feed{Name: InPixels, Value: in.pixels(m.cfg, pixels[from*side:to*side])}
	})
}

func (m *Model) embedTexts(ids []int64, length, part int) ([]float32, error) {
	return m.embed("embed_texts", EmbedTexts, OutTexts, len(ids)/length, part, func(in *values, from, to int) ort.Feed {
		return ort.Feed{Name: InTexts, Value: in.ids(ids[from*length:to*length], length)}
	})
}

func (m *Model) embed(name string, write func(Config) []byte, out string, n, part int, feed func(in *values, from, to int) ort.Feed) ([]float32, error) {
	p, err := m.load(name, func() []byte { return write(m.cfg) })
	if err != nil {
		return nil, err
	}
	all := make([]float32, 0, n*m.cfg.Projection)
	err = eachPart(n, part, func(from, to int) error {
		var in values
		defer in.close()
		f := feed(&in, from, to)
		if in.err != nil {
			return in.err
		}
		got, err := m.run(p, []ort.Feed{f}, []string{out}, nil, 0)
		if err != nil {
			return err
		}
		defer got[0].Close()
		rows, err := ort.Data[float32](got[0])
		all = append(all, rows...)
		return err
	})
	return all, err
}

// contrast gives loss and gradients of all features; those of texts and of
// negatives are one behind the other.
func (m *Model) contrast(images, texts, negatives []float32) (loss float32, dImages, dTexts []float32, err error) {
	name, with := "contrast", len(negatives) > 0
	names := []string{OutLoss, ImageSlope, TextSlope}
	if with {
		name, names = "contrast with negatives", append(names, NegativeSlope)
	}
	p, err := m.load(name, func() []byte { return Contrast(m.cfg, m.loss, with) })
	if err != nil {
		return 0, nil, nil, err
	}
	var in values
	defer in.close()
	feeds := []ort.Feed{
		{Name: InImageFeatures, Value: in.rows(images, m.cfg.Projection)},
		{Name: InTextFeatures, Value: in.rows(texts, m.cfg.Projection)},
	}
	if with {
		feeds = append(feeds, ort.Feed{Name: InOtherFeatures, Value: in.rows(negatives, m.cfg.Projection)})
	}
	if in.err != nil {
		return 0, nil, nil, in.err
	}
	out, err := m.run(p, feeds, names, nil, 0)
	if err != nil {
		return 0, nil, nil, err
	}
	var got [4][]float32
	for i, v := range out {
		d, err := ort.Data[float32](v)
		if err != nil {
			return 0, nil, nil, err
		}
		got[i] = append([]float32{}, d...)
		v.Close()
	}
	return got[0][0], got[1], append(got[2], got[3]...), nil
}

// back runs a tower backward over one part. The gradients that it writes are
// put into sums, or added to what is there.
func (m *Model) back(name string, write func(Config) []byte, sums [][]float32, more bool, ids []int64, length int, feeds func(in *values) []ort.Feed) error {
	p, err := m.load(name, func() []byte { return write(m.cfg) })
	if err != nil {
		return err
	}
	var in values
	defer in.close()
	f := feeds(&in)
	if in.err != nil {
		return in.err
	}
	if _, err := m.run(p, f, nil, ids, length); err != nil {
		return err
	}
	for _, i := range p.writes {
		g := m.Tensors[i].Gradient
		if !more {
			copy(sums[i], g)
			continue
		}
		for j, v := range g {
			sums[i][j] += v
		}
	}
	return nil
}

// sums gives room for a sum of every gradient.
func (m *Model) sums() [][]float32 {
	total := 0
	for _, t := range m.Tensors {
		total += len(t.Gradient)
	}
	if m.scratch == nil {
		m.scratch = make([]float32, total)
	}
	all, rest := make([][]float32, len(m.Tensors)), m.scratch
	for i, t := range m.Tensors {
		all[i], rest = rest[:len(t.Gradient)], rest[len(t.Gradient):]
		copy(all[i], t.Gradient) // of scale and bias, which no tower writes
	}
	return all
}

func (m *Model) takeSums(sums [][]float32) {
	for i, t := range m.Tensors {
		copy(t.Gradient, sums[i])
	}
}
