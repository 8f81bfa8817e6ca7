package imaging

// Image is an 8-bit RGB picture. Pix holds rows of 3*Width bytes, from the top.
type Image struct {
	Pix           []byte
	Width, Height int
}

// NewImage returns a black picture of w x h pixels.
func NewImage(w, h int) *Image {
	return &Image{Pix: make([]byte, 3*w*h), Width: w, Height: h}
}

// Clone returns a copy that shares nothing with m.
func (m *Image) Clone() *Image {
	c := NewImage(m.Width, m.Height)
	copy(c.Pix, m.Pix)
	return c
}

// row returns the bytes of row y.
func (m *Image) row(y int) []byte {
	n := 3 * m.Width
	return m.Pix[y*n : (y+1)*n : (y+1)*n]
}
