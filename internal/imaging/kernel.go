package imaging

import (
	"math"
	"sync"
)

// precision is the number of fraction bits of a coefficient: 32 bits less the 8
// of a sample and 2 for the overshoot of the filters.
const precision = 32 - 8 - 2

// kernel holds the coefficients of one pass: output i is the sum over
// from[i] <= j < from[i]+count[i] of weights[i*width+j-from[i]] * input j.
type kernel struct {
	from, count []int32
	width       int
	weights     []int64
}

var kernels = sync.Pool{New: func() any { return new(kernel) }}

func (k *kernel) free() {
	if cap(k.weights) <= maxPooled/8 {
		kernels.Put(k)
	}
}

func (k *kernel) at(i int) (from int, weights []int64) {
	w := k.weights[i*k.width:]
	return int(k.from[i]), w[:k.count[i]]
}

// span returns the range of inputs that the kernel reads.
func (k *kernel) span() (first, last int) {
	n := len(k.from) - 1
	return int(k.from[0]), int(k.from[n] + k.count[n])
}

// kernelOf computes the coefficients that take the inputs between from and to,
// of size in all, to n outputs. The caller frees it.
//
// It follows Pillow's order of operations in float64, since the last bit of a
// sum decides roundings. The conversions around products keep the compiler from
// fusing them with a sum, which would round once where Pillow rounds twice.
func kernelOf(f Filter, size int, from, to float32, n int) *kernel {
	filter, radius := filterOf(f)
	scale := float64(to-from) / float64(n)
	stretch := max(scale, 1)
	support := float64(radius * stretch)
	width := int(math.Ceil(support))*2 + 1

	k := kernels.Get().(*kernel)
	k.width = width
	k.from = grow(k.from, n)
	k.count = grow(k.count, n)
	k.weights = grow(k.weights, n*width)
	raw := make([]float64, width)
	inverse := 1 / stretch
	for i := range n {
		centre := float64(from) + float64((float64(i)+0.5)*scale)
		lo := max(int(centre-support+0.5), 0)
		hi := min(int(centre+support+0.5), size)
		sum := 0.0
		w := raw[:max(hi-lo, 0)]
		for j := range w {
			w[j] = filter((float64(j+lo) - centre + 0.5) * inverse)
			sum += w[j]
		}
		out := k.weights[i*width:]
		for j := range w {
			v := w[j]
			if sum != 0 {
				v /= sum
			}
			v *= 1 << precision
			if v < 0 {
				out[j] = int64(int32(-0.5 + v))
			} else {
				out[j] = int64(int32(0.5 + v))
			}
		}
		k.from[i], k.count[i] = int32(lo), int32(len(w))
	}
	return k
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// filterOf returns the function of a filter and the radius within which it is
// not zero, both before stretching.
func filterOf(f Filter) (func(float64) float64, float64) {
	switch f {
	case Box:
		return boxFilter, 0.5
	case Bilinear:
		return bilinearFilter, 1
	case Hamming:
		return hammingFilter, 1
	case Bicubic:
		return bicubicFilter, 2
	default:
		return lanczosFilter, 3
	}
}

func boxFilter(x float64) float64 {
	if x > -0.5 && x <= 0.5 {
		return 1
	}
	return 0
}

func bilinearFilter(x float64) float64 {
	x = math.Abs(x)
	if x < 1 {
		return 1 - x
	}
	return 0
}

func hammingFilter(x float64) float64 {
	x = math.Abs(x)
	if x == 0 {
		return 1
	}
	if x >= 1 {
		return 0
	}
	x *= math.Pi
	// Pillow's constants are float32.
	a, b := float64(float32(0.54)), float64(float32(0.46))
	return math.Sin(x) / x * (a + float64(b*math.Cos(x)))
}

func bicubicFilter(x float64) float64 {
	const a = -0.5
	x = math.Abs(x)
	if x < 1 {
		return float64((float64((a+2)*x)-(a+3))*x*x) + 1
	}
	if x < 2 {
		return float64((float64((float64((x-5)*x)+8)*x) - 4) * a)
	}
	return 0
}

func lanczosFilter(x float64) float64 {
	if x >= -3 && x < 3 {
		return sinc(x) * sinc(x/3)
	}
	return 0
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}
