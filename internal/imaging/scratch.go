package imaging

import "sync"

// maxPooled is the most bytes of a buffer that is kept for the next picture: 8
// megapixels as RGB. A larger one is left to the collector, so that one huge
// picture doesn't stay in memory.
const maxPooled = 3 * 8 << 20

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// scratch returns n bytes of any content, to be given back by free.
func scratch(n int) *[]byte {
	b := buffers.Get().(*[]byte)
	*b = grow(*b, n)
	return b
}

func free(b *[]byte) {
	if b != nil && cap(*b) <= maxPooled {
		buffers.Put(b)
	}
}

// scratchImage is an Image of any content, to be given back by freeImage.
func scratchImage(w, h int) *Image {
	return &Image{Pix: *scratch(3 * w * h), Width: w, Height: h}
}

func freeImage(m *Image) { free(&m.Pix) }
