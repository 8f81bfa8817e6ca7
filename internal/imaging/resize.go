package imaging

import "fmt"

// Filter is a resampling filter, numbered as in Pillow and in preprocessor
// configurations.
type Filter int

// The filters.
const (
	Nearest  Filter = 0
	Lanczos  Filter = 1
	Bilinear Filter = 2
	Bicubic  Filter = 3
	Box      Filter = 4
	Hamming  Filter = 5
)

var filterNames = [...]string{"nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"}

func (f Filter) String() string {
	if f.Valid() {
		return filterNames[f]
	}
	return fmt.Sprintf("filter %d", int(f))
}

// Valid reports whether f is one of the six.
func (f Filter) Valid() bool { return f >= Nearest && f <= Hamming }

// Order is which direction is resampled first. Values between the passes are
// rounded to 8 bits, so the order shows in the result.
type Order int

const (
	// HorizontalFirst is what Pillow does up to version 12, which most models
	// were trained with.
	HorizontalFirst Order = iota
	// Pillow13 takes the vertical pass first where it removes many more rows
	// than the other removes columns, as Pillow 13.0 does.
	Pillow13
)

// Region is a part of a picture; its edges may lie within pixels.
type Region struct{ X0, Y0, X1, Y1 float32 }

// ResizeOptions say how to resize.
type ResizeOptions struct {
	Filter Filter
	Order  Order
	// Region is the part to resize; nil is the whole picture.
	Region *Region
}

// Resize scales src to w x h pixels, bit for bit as Pillow up to version 12. The
// same size gives a copy. It panics where w, h or f can't be met: those are the
// caller's, never the picture's.
func Resize(src *Image, w, h int, f Filter) *Image {
	return ResizeWith(src, w, h, ResizeOptions{Filter: f})
}

// ResizeWith is Resize with all options. It also panics where the region is
// empty or leaves the picture.
func ResizeWith(src *Image, w, h int, o ResizeOptions) *Image {
	if w < 1 || h < 1 || !o.Filter.Valid() {
		panic(fmt.Sprintf("imaging: resize to %d x %d with %v", w, h, o.Filter))
	}
	whole := Region{0, 0, float32(src.Width), float32(src.Height)}
	r := whole
	if o.Region != nil {
		r = *o.Region
	}
	// Written so that a NaN is refused too.
	if !(r.X0 >= 0 && r.Y0 >= 0 && r.X1 > r.X0 && r.Y1 > r.Y0 && r.X1 <= whole.X1 && r.Y1 <= whole.Y1) {
		panic(fmt.Sprintf("imaging: resize region %v of %d x %d", r, src.Width, src.Height))
	}
	if r == whole && w == src.Width && h == src.Height {
		return src.Clone()
	}
	if o.Filter == Nearest {
		return nearest(src, w, h, r)
	}
	return resample(src, w, h, r, o)
}

// resample runs the passes that are needed, in the order asked for.
func resample(src *Image, w, h int, r Region, o ResizeOptions) *Image {
	horizontal := w != src.Width || r.X0 != 0 || r.X1 != float32(w)
	vertical := h != src.Height || r.Y0 != 0 || r.Y1 != float32(h)
	verticalFirst := o.Order == Pillow13 && src.Height-h > 0 && src.Height-h > 2*(src.Width-w)

	out := NewImage(w, h)
	switch {
	case horizontal && !vertical:
		k := kernelOf(o.Filter, src.Width, r.X0, r.X1, w)
		resampleRows(out, src, 0, k)
		k.free()
	case vertical && !horizontal:
		k := kernelOf(o.Filter, src.Height, r.Y0, r.Y1, h)
		resampleColumns(out, src, 0, k)
		k.free()
	case !horizontal && !vertical: // a region that is a whole picture again
		copy(out.Pix, src.Pix)
	case verticalFirst:
		kv := kernelOf(o.Filter, src.Height, r.Y0, r.Y1, h)
		kh := kernelOf(o.Filter, src.Width, r.X0, r.X1, w)
		between := scratchImage(src.Width, h)
		resampleColumns(between, src, 0, kv)
		resampleRows(out, between, 0, kh)
		freeImage(between)
		kv.free()
		kh.free()
	default:
		kh := kernelOf(o.Filter, src.Width, r.X0, r.X1, w)
		kv := kernelOf(o.Filter, src.Height, r.Y0, r.Y1, h)
		// Only the rows that the second pass reads.
		first, last := kv.span()
		between := scratchImage(w, last-first)
		resampleRows(between, src, first, kh)
		resampleColumns(out, between, first, kv)
		freeImage(between)
		kv.free()
		kh.free()
	}
	return out
}

// nearest takes for each pixel the one under its centre. The steps are summed,
// as in Pillow, and not multiplied: that decides ties.
func nearest(src *Image, w, h int, r Region) *Image {
	xs := nearestIndex(w, float64(r.X0), float64(r.X1), src.Width)
	ys := nearestIndex(h, float64(r.Y0), float64(r.Y1), src.Height)
	out := NewImage(w, h)
	for y, sy := range ys {
		in, to := src.row(sy), out.row(y)
		for x, sx := range xs {
			copy(to[3*x:3*x+3], in[3*sx:3*sx+3])
		}
	}
	return out
}

func nearestIndex(n int, from, to float64, size int) []int {
	step := (to - from) / float64(n)
	at := from + float64(step*0.5)
	index := make([]int, n)
	for i := range index {
		// Sums of steps may end a rounding error beyond the edge.
		index[i] = min(int(at), size-1)
		at += step
	}
	return index
}
