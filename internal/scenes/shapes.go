package scenes

import "math/bits"

// Geometry is done in whole numbers, so that a picture is the same on every
// machine: the compiler may fuse a floating-point product and sum on some.

// fix is 1 in the fixed point that sines and outlines are kept in.
const fix = 1 << 16

// fullTurn is a whole turn in the unit of angles.
const fullTurn = 4096

// point is a place in an outline: fix is the radius of the shape.
type point struct{ x, y int }

var sines = func() (t [fullTurn]int) {
	for i := range fullTurn / 4 {
		t[i] = sineSeries(i)
	}
	t[fullTurn/4] = fix
	for i := range fullTurn {
		switch {
		case i > fullTurn/4 && i <= fullTurn/2:
			t[i] = t[fullTurn/2-i]
		case i > fullTurn/2:
			t[i] = -t[i-fullTurn/2]
		}
	}
	return t
}()

// sineSeries returns the sine of an angle of the first quarter by its power
// series in 30-bit fixed point.
func sineSeries(angle int) int {
	const turn30 = 6746518852 // 2 pi << 30
	x := int64(angle) * turn30 / fullTurn
	mul := func(a, b int64) int64 {
		hi, lo := bits.Mul64(uint64(a), uint64(b))
		return int64(hi<<34 | lo>>30)
	}
	sum, term, xx := x, x, mul(x, x)
	for k := int64(2); k < 16; k += 2 {
		term = mul(term, xx) / (k * (k + 1))
		if k%4 == 2 {
			sum -= term
		} else {
			sum += term
		}
	}
	return int((sum + 1<<13) >> 14)
}

func sin(angle int) int { return sines[((angle%fullTurn)+fullTurn)%fullTurn] }
func cos(angle int) int { return sin(angle + fullTurn/4) }

// outlines has each shape as a polygon around its centre, clockwise from the
// top where it has one.
var outlines = map[string][]point{
	"circle":   wheel(96, func(int) int { return fix }),
	"square":   mille(-860, -860, 860, -860, 860, 860, -860, 860),
	"triangle": mille(0, -1020, 1000, 680, -1000, 680),
	"star": wheel(10, func(i int) int {
		if i%2 == 0 {
			return fix * 108 / 100
		}
		return fix * 46 / 100
	}),
	"cross": mille(-340, -1000, 340, -1000, 340, -340, 1000, -340, 1000, 340, 340, 340,
		340, 1000, -340, 1000, -340, 340, -1000, 340, -1000, -340, -340, -340),
	"flower": wheel(120, func(i int) int { return fix*76/100 + cos(6*i*fullTurn/120)*26/100 }),
	"heart":  heart(),
	"moon":   moon(),
}

// wheel returns n points around the centre at the given distances.
func wheel(n int, distance func(i int) int) []point {
	ps := make([]point, n)
	for i := range ps {
		a, r := i*fullTurn/n, distance(i)
		ps[i] = point{r * sin(a) >> 16, -r * cos(a) >> 16}
	}
	return ps
}

// mille makes points of coordinates in thousandths.
func mille(xy ...int) []point {
	ps := make([]point, len(xy)/2)
	for i := range ps {
		ps[i] = point{xy[2*i] * fix / 1000, xy[2*i+1] * fix / 1000}
	}
	return ps
}

// heart is the curve 16 sin^3 a, 13 cos a - 5 cos 2a - 2 cos 3a - cos 4a.
func heart() []point {
	ps := make([]point, 90)
	for i := range ps {
		a := i * fullTurn / len(ps)
		s := sin(a)
		x := 16 * (s * s >> 16 * s >> 16) / 17
		y := -(13*cos(a)-5*cos(2*a)-2*cos(3*a)-cos(4*a))/17 - fix*6/100
		ps[i] = point{x, y}
	}
	return ps
}

// moon is a thick crescent that opens to the right: an outer arc of the unit
// circle from 48 to 312 degrees, closed by an arc around (0.52, 0) with radius
// 0.758, and all of it moved right by 0.12 to be balanced.
func moon() []point {
	arc := func(ps []point, n, from, to, centre, radius int) []point {
		for i := range n {
			a := (from*(n-1-i) + to*i) / (n - 1) * fullTurn / 36000
			ps = append(ps, point{centre + radius*cos(a)>>16 + fix*12/100, radius * sin(a) >> 16})
		}
		return ps
	}
	ps := arc(nil, 60, 4800, 31200, 0, fix)
	return arc(ps, 50, 28135, 7865, fix*52/100, fix*758/1000)
}

// turned returns the outline of a shape in 1/256 of a pixel, turned and scaled.
func turned(shape string, radius, turn int) []point {
	src := outlines[shape]
	ps := make([]point, len(src))
	c, s := cos(turn), sin(turn)
	for i, p := range src {
		x, y := (p.x*c-p.y*s)>>16, (p.x*s+p.y*c)>>16
		ps[i] = point{radius * x >> 16, radius * y >> 16}
	}
	return ps
}
