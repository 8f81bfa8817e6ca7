package graph

import (
	"fmt"
	"math/rand/v2"

	"recaption/internal/ort"
)

// Weights gives the model's own.
func (m *Model) Weights(name string) []float32 {
	for _, t := range m.Tensors {
		if t.Name == name {
			return t.Data
		}
	}
	return nil
}

// exportError is how far an exported tower's numbers may be from those of the graphs that
// train, whose sums have another order.
const exportError = 1e-4

// Export gives [VisionTower] and [TextTower] of the model, after running both beside the
// graphs that train it, on the same random images and texts. An error means that they
// do not give the same, and that they must not be used.
func (m *Model) Export() (vision, text []byte, err error) {
	const samples = 3
	c := m.cfg
	r := rand.New(rand.NewPCG(1, 2))
	pixels := make([]float32, samples*c.Vision.Channels*c.Vision.Image*c.Vision.Image)
	for i := range pixels {
		pixels[i] = float32(r.NormFloat64())
	}
	ids := make([]int64, samples*c.Text.Context)
	for i := range ids {
		ids[i] = r.Int64N(int64(c.Text.Vocab))
	}
	for s := range samples { // of different lengths, the longest one too
		ids[s*c.Text.Context+(c.Text.Context-1)/(s+1)] = int64(c.Text.EOS)
	}
	images, err := m.EmbedImages(pixels, samples)
	if err != nil {
		return nil, nil, err
	}
	texts, err := m.EmbedTexts(ids, c.Text.Context, samples)
	if err != nil {
		return nil, nil, err
	}
	vision, text = VisionTower(c, m.Weights), TextTower(c, m.Weights)
	var in values
	defer in.close()
	pixelValue, idValue := in.pixels(c, pixels), in.ids(ids, c.Text.Context)
	if in.err != nil {
		return nil, nil, in.err
	}
	if err := m.compare("vision_model.onnx", vision, ort.Feed{Name: InPixels, Value: pixelValue}, OutImages, images); err != nil {
		return nil, nil, err
	}
	if err := m.compare("text_model.onnx", text, ort.Feed{Name: InTexts, Value: idValue}, OutTexts, texts); err != nil {
		return nil, nil, err
	}
	return vision, text, nil
}

// compare runs an exported tower on the host.
func (m *Model) compare(name string, model []byte, feed ort.Feed, output string, want []float32) error {
	s, err := ort.LoadBytes(name, model, ort.Options{IntraThreads: m.opt.Threads})
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := s.NewRunner()
	if err != nil {
		return err
	}
	defer r.Close()
	out, err := r.Run([]ort.Feed{feed}, []ort.Fetch{{Name: output}})
	if err != nil {
		return err
	}
	defer out[0].Close()
	got, err := ort.Data[float32](out[0])
	if err != nil {
		return err
	}
	if len(got) != len(want) {
		return fmt.Errorf("export %s: %d numbers, training has %d", name, len(got), len(want))
	}
	for i, v := range got {
		if d := v - want[i]; !(d < exportError && d > -exportError) {
			return fmt.Errorf("export %s: number %d of %s is %g, training has %g", name, i, output, v, want[i])
		}
	}
	return nil
}
