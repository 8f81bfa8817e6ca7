package mix

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Random is SplitMix64 (Steele, Lea and Flood, 2014). It is for one goroutine.
type Random struct{ state uint64 }

// NewRandom seeds a generator by what its numbers depend on: the first eight
// bytes, the highest first, of the SHA-256 over each part as its length, a
// colon, itself and a line feed.
func NewRandom(parts ...any) *Random {
	h := sha256.New()
	for _, p := range parts {
		s := fmt.Sprint(p)
		fmt.Fprintf(h, "%d:%s\n", len(s), s)
	}
	return &Random{binary.BigEndian.Uint64(h.Sum(nil))}
}

// Uint64 gives the next number.
func (r *Random) Uint64() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Float64 gives a number of 0 to 1, without 1.
func (r *Random) Float64() float64 { return float64(r.Uint64()>>11) / (1 << 53) }

// IntN gives a number of 0 to n-1: the upper half of the product with n. n is
// at least 1.
func (r *Random) IntN(n int) int {
	hi, _ := bits.Mul64(r.Uint64(), uint64(n))
	return int(hi)
}

// Shuffle permutes n things by Fisher and Yates, from the last one down.
func (r *Random) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, r.IntN(i+1))
	}
}
