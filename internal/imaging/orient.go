package imaging

// orient applies an Exif orientation. Values other than 2 to 8 leave img as it
// is.
func orient(img *Image, orientation int) *Image {
	if orientation < 2 || orientation > 8 {
		return img
	}
	w, h := img.Width, img.Height
	out := NewImage(w, h)
	if orientation >= 5 {
		out.Width, out.Height = h, w
	}
	// The source pixel of the first output pixel, and the steps in the source
	// for one pixel to the right and one down.
	var start, right, down int
	last := w*h - 1
	switch orientation {
	case 2: // mirrored left to right
		start, right, down = w-1, -1, w
	case 3: // turned by 180 degrees
		start, right, down = last, -1, -w
	case 4: // mirrored top to bottom
		start, right, down = last-(w-1), 1, -w
	case 5: // mirrored at the main diagonal
		start, right, down = 0, w, 1
	case 6: // to be turned clockwise
		start, right, down = last-(w-1), -w, 1
	case 7: // mirrored at the other diagonal
		start, right, down = last, -w, -1
	case 8: // to be turned counter-clockwise
		start, right, down = w-1, w, -1
	}
	for y := range out.Height {
		at := start + y*down
		for to := out.row(y); len(to) >= 3; to = to[3:] {
			from := img.Pix[3*at : 3*at+3]
			to[0], to[1], to[2] = from[0], from[1], from[2]
			at += right
		}
	}
	return out
}
