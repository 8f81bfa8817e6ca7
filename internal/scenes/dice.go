package scenes

import (
	"math/bits"
	"math/rand/v2"
)

// dice draws whole numbers from one stream of randomness. It has its own way
// from 64 random bits to a number, so that a scene depends on the PCG
// generator alone and on nothing that a later standard library may draw
// differently.
type dice struct{ pcg *rand.PCG }

// newDice begins the stream that belongs to the given keys. Equal keys give
// equal streams; any other keys an unrelated one.
func newDice(keys ...uint64) *dice {
	a, b := uint64(0x6a09e667f3bcc908), uint64(0xbb67ae8584caa73b)
	for _, k := range keys {
		a = mix(a ^ k)
		b = mix(b + k*0x9e3779b97f4a7c15 + 1)
	}
	return &dice{rand.NewPCG(a, b)}
}

// mix is the finaliser of splitmix64.
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below draws from 0 to n-1.
func (d *dice) below(n int) int {
	hi, _ := bits.Mul64(d.pcg.Uint64(), uint64(n))
	return int(hi)
}

// between draws from lo to hi, both included.
func (d *dice) between(lo, hi int) int { return lo + d.below(hi-lo+1) }

// within draws from -n to n, both included.
func (d *dice) within(n int) int { return d.between(-n, n) }

// chance is true with probability p. The comparison is between whole numbers.
func (d *dice) chance(p float64) bool { return d.below(1<<30) < int(p*(1<<30)) }

// weighted draws an index of parts with a probability proportional to it.
func (d *dice) weighted(parts ...int) int {
	sum := 0
	for _, p := range parts {
		sum += p
	}
	r := d.below(sum)
	for i, p := range parts {
		if r -= p; r < 0 {
			return i
		}
	}
	return len(parts) - 1
}

// pick draws one of the choices.
func pick[T any](d *dice, choices []T) T { return choices[d.below(len(choices))] }

// shuffle puts s in random order.
func shuffle[T any](d *dice, s []T) {
	for i := len(s) - 1; i > 0; i-- {
		j := d.below(i + 1)
		s[i], s[j] = s[j], s[i]
	}
}
