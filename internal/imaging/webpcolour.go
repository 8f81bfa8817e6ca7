package imaging

import "image"

// videoToRGB converts a lossy WebP frame as libwebp does: chroma interpolated
// with weights 9, 3, 3 and 1, and YCbCr of video range, which is not that of JPEG.
func videoToRGB(m *image.YCbCr) *Image {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	img := NewImage(w, h)
	cw, ch := (w+1)/2, (h+1)/2
	us, vs := make([]uint8, w), make([]uint8, w)
	for y := range h {
		// The line of chroma that this one lies in, and the nearer neighbour.
		near := y / 2
		far := near - 1 + 2*(y%2)
		far = max(0, min(far, ch-1))
		interpolate(us, m.Cb[near*m.CStride:][:cw], m.Cb[far*m.CStride:][:cw])
		interpolate(vs, m.Cr[near*m.CStride:][:cw], m.Cr[far*m.CStride:][:cw])
		luma := m.Y[y*m.YStride:][:w]
		out := img.row(y)
		for x, l := range luma {
			p := out[3*x : 3*x+3]
			p[0], p[1], p[2] = videoPixel(l, us[x], vs[x])
		}
	}
	return img
}

// interpolate doubles a line of chroma between the nearer line and the farther
// one, with libwebp's two-step averages.
func interpolate(out, near, far []uint8) {
	w := len(out)
	out[0] = uint8((3*int(near[0]) + int(far[0]) + 2) >> 2)
	for x := 1; x < len(near); x++ {
		nl, nr := int(near[x-1]), int(near[x])
		fl, fr := int(far[x-1]), int(far[x])
		sum := nl + nr + fl + fr + 8
		out[2*x-1] = uint8(((sum+2*(nr+fl))>>3 + nl) >> 1)
		out[2*x] = uint8(((sum+2*(nl+fr))>>3 + nr) >> 1)
	}
	if w%2 == 0 {
		n := len(near) - 1
		out[w-1] = uint8((3*int(near[n]) + int(far[n]) + 2) >> 2)
	}
}

// videoPixel converts with libwebp's constants in 14-bit fixed point.
func videoPixel(y, u, v uint8) (r, g, b uint8) {
	l := int32(y) * 19077 >> 8
	ui, vi := int32(u), int32(v)
	return clip6(l + vi*26149>>8 - 14234),
		clip6(l - ui*6419>>8 - vi*13320>>8 + 8708),
		clip6(l + ui*33050>>8 - 17685)
}

func clip6(v int32) uint8 { return clamp(v >> 6) }
