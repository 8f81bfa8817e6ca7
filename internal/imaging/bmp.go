package imaging

import (
	"bytes"
	"errors"
	"image"

	"golang.org/x/image/bmp"
)

func isBMP(b []byte) bool { return len(b) >= 2 && string(b[:2]) == "BM" }

func probeBMP(b []byte) (w, h int, err error) {
	c, err := bmp.DecodeConfig(bytes.NewReader(b))
	if errors.Is(err, bmp.ErrUnsupported) {
		return 0, 0, unsupported("bmp: a kind that is not read")
	}
	return c.Width, c.Height, err
}

func decodeBMP(b []byte, _ int) (*Image, error) {
	m, err := bmp.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	switch m := m.(type) {
	case *image.Paletted:
		return fromPaletted(m), nil
	case *image.RGBA:
		return dropFourth(m.Pix, m.Stride, m.Rect.Dx(), m.Rect.Dy()), nil
	case *image.NRGBA:
		return dropFourth(m.Pix, m.Stride, m.Rect.Dx(), m.Rect.Dy()), nil
	}
	return nil, corrupt("bmp: picture of kind %T", m)
}

func fromPaletted(m *image.Paletted) *Image {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	img := NewImage(w, h)
	var colours [256][3]uint8
	for i, c := range m.Palette[:min(256, len(m.Palette))] {
		r, g, b, _ := c.RGBA()
		colours[i] = [3]uint8{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8)}
	}
	for y := range h {
		out := img.row(y)
		for x, v := range m.Pix[y*m.Stride : y*m.Stride+w] {
			copy(out[3*x:3*x+3], colours[v][:])
		}
	}
	return img
}
