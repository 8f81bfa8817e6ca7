package imaging

// Crop returns w x h pixels of src from (x, y) on. What lies outside src is
// black, as in Pillow.
func Crop(src *Image, x, y, w, h int) *Image {
	out := NewImage(w, h)
	x0, x1 := max(x, 0), min(x+w, src.Width)
	y0, y1 := max(y, 0), min(y+h, src.Height)
	if x0 >= x1 {
		return out
	}
	for sy := y0; sy < y1; sy++ {
		copy(out.row(sy - y)[3*(x0-x):], src.row(sy)[3*x0:3*x1])
	}
	return out
}

// CenterCrop returns the middle w x h pixels of src by the rule of Hugging
// Face's processors: the offsets are halved downwards, and where src is smaller
// the picture is put into the middle of black, one pixel lower or further right
// where that can't be even.
func CenterCrop(src *Image, w, h int) *Image {
	top, left := floorHalf(src.Height-h), floorHalf(src.Width-w)
	if top >= 0 && left >= 0 {
		return Crop(src, left, top, w, h)
	}
	// Padded to the larger of both sizes first, then cropped from there.
	tall, wide := max(h, src.Height), max(w, src.Width)
	padTop, padLeft := (tall-src.Height+1)/2, (wide-src.Width+1)/2
	y, x := max(0, top+padTop), max(0, left+padLeft)
	return Crop(src, x-padLeft, y-padTop, w, h)
}

func floorHalf(n int) int { return n >> 1 }
