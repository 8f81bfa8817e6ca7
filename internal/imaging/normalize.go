package imaging

import "fmt"

// Normalizer turns samples into a model's floats with the roundings of Hugging
// Face's processors: scaled in float64, rounded to float32, then the mean taken
// off and divided by the deviation in float32. Any other order of operations
// gives other last bits for half of all values.
type Normalizer struct {
	table [3][256]float32
}

// NewNormalizer makes the tables of three channels. A mean of 0 and a deviation
// of 1 leave a channel as scaled.
func NewNormalizer(rescale float64, mean, std [3]float32) *Normalizer {
	n := new(Normalizer)
	for c := range n.table {
		for v := range n.table[c] {
			scaled := float32(float64(v) * rescale)
			centred := float32(scaled - mean[c])
			n.table[c][v] = centred / std[c]
		}
	}
	return n
}

// CHW writes img into dst, all of one channel after the other. It panics unless
// dst has 3 * height * width elements.
func (n *Normalizer) CHW(dst []float32, img *Image) {
	size := img.Width * img.Height
	if len(dst) != 3*size {
		panic(fmt.Sprintf("imaging: %d floats for %d x %d pixels", len(dst), img.Width, img.Height))
	}
	r, g, b := dst[:size], dst[size:2*size], dst[2*size:]
	pix := img.Pix[:3*size]
	for i := range r {
		p := pix[3*i : 3*i+3]
		r[i] = n.table[0][p[0]]
		g[i] = n.table[1][p[1]]
		b[i] = n.table[2][p[2]]
	}
}
