package scenes

import (
	"image"
	"slices"
	"sync"
)

// fine is the number of sub-pixels to a pixel's side: edges are smoothed by
// averaging fine x fine of them.
const fine = 4

// rgb is a colour; sums of colours fit too.
type rgb struct{ r, g, b int }

// toward returns the colour at part/256 of the way to another.
func (c rgb) toward(o rgb, part int) rgb {
	return rgb{c.r + (o.r-c.r)*part/256, c.g + (o.g-c.g)*part/256, c.b + (o.b-c.b)*part/256}
}

// Render draws the scene, opaque. Equal scenes give equal pixels on every
// machine; it may be called from many goroutines.
func (s *Scene) Render() *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, Side, Side))
	d := newDice(s.look)
	s.paintBackground(d, img)
	st := stencils.Get().(*stencil)
	defer stencils.Put(st)
	for _, rider := range []bool{false, true} { // what sits on another is drawn after it
		for i := range s.Objects {
			if s.Objects[i].rider == rider {
				st.draw(d, img, &s.Objects[i])
			}
		}
	}
	return img
}

func (s *Scene) paintBackground(d *dice, img *image.NRGBA) {
	base := papers[s.Background.Colour]
	base = rgb{base.r + d.within(7), base.g + d.within(7), base.b + d.within(7)}
	var tone func(x, y int) int // what is added to all three channels
	switch s.Background.Texture {
	case "shaded":
		a, depth := d.below(fullTurn), d.between(75, 100)
		c, sn := cos(a), sin(a)
		tone = func(x, y int) int {
			t := (2*x-Side+1)*c + (2*y-Side+1)*sn // of 2 (Side-1) fix
			return t * depth / (2 * (Side - 1)) >> 16
		}
	case "grainy":
		tone = grain(d)
	default:
		tone = func(int, int) int { return 0 }
	}
	for y := range Side {
		for x := range Side {
			t := tone(x, y)
			put(img, x, y, rgb{base.r + t, base.g + t, base.b + t})
		}
	}
}

// grain returns coarse clouds with fine noise over them.
func grain(d *dice) func(x, y int) int {
	const cells, cell = 12, Side / 12
	var clouds [cells + 1][cells + 1]int
	for y := range clouds {
		for x := range clouds[y] {
			clouds[y][x] = d.below(256)
		}
	}
	return func(x, y int) int {
		i, j, fx, fy := x/cell, y/cell, ease(x%cell, cell), ease(y%cell, cell)
		top := clouds[j][i]*(256-fx) + clouds[j][i+1]*fx
		low := clouds[j+1][i]*(256-fx) + clouds[j+1][i+1]*fx
		cloud := (top*(256-fy)+low*fy)>>16 - 128
		u := d.pcg.Uint64() // the sum of four bytes is nearly normal, deviation 148
		noise := int(u&255) + int(u>>8&255) + int(u>>16&255) + int(u>>24&255) - 510
		return (cloud*22 + noise*9*256/148) >> 8
	}
}

// ease returns the smooth step from 0 to 256 at part/of.
func ease(part, of int) int {
	t := part * 256 / of
	return t * t * (768 - 2*t) >> 16
}

func put(img *image.NRGBA, x, y int, c rgb) {
	p := img.Pix[img.PixOffset(x, y):]
	p[0], p[1], p[2], p[3] = clamp(c.r), clamp(c.g), clamp(c.b), 255
}

func clamp(v int) uint8 { return uint8(min(max(v, 0), 255)) }

// What a sub-pixel of a stencil shows.
const (
	outside = iota
	body
	mark // stripe or dot
	edge
)

// stencil draws one object at a time: a square window of sub-pixels around it.
type stencil struct {
	wide   int     // pixels to the window's side
	sub    []uint8 // (wide*fine)^2
	cover  []int   // sub-pixels covered, per pixel
	shadow []int
	spare  []int
	cross  []int
}

var stencils = sync.Pool{New: func() any { return &stencil{} }}

func (st *stencil) draw(d *dice, img *image.NRGBA, o *Object) {
	half := (o.Radius*9/8+unit-1)/unit + 4
	st.reset(2 * half)
	left, top := (o.X+unit/2)/unit-half, (o.Y+unit/2)/unit-half
	centre := point{(o.X - left*unit) * fine, (o.Y - top*unit) * fine} // 1/256 sub-pixel
	st.fill(centre, turned(o.Shape, o.Radius*fine, o.Turn))
	paint := paints[o.Colour]
	paint = rgb{paint.r + d.within(10), paint.g + d.within(10), paint.b + d.within(10)}
	paint = rgb{int(clamp(paint.r)), int(clamp(paint.g)), int(clamp(paint.b))}
	switch o.Texture {
	case "striped":
		st.stripes(d, centre, o.Size == "small")
	case "dotted":
		st.dots(d, o.Size == "small")
	}
	st.outline()
	st.shade()
	light := paint.toward(rgb{255, 255, 255}, 159)
	if 30*paint.r+59*paint.g+11*paint.b >= 17500 {
		light = paint.toward(rgb{90, 70, 40}, 123)
	}
	st.composite(img, left, top, [4]rgb{body: paint, mark: light, edge: paint.toward(rgb{20, 20, 30}, 108)})
}

func (st *stencil) reset(wide int) {
	st.wide = wide
	n := wide * wide
	st.sub = slices.Grow(st.sub[:0], n*fine*fine)[:n*fine*fine]
	clear(st.sub)
	st.cover = slices.Grow(st.cover[:0], n)[:n]
	st.shadow = slices.Grow(st.shadow[:0], n)[:n]
	st.spare = slices.Grow(st.spare[:0], n)[:n]
}

// fill sets the sub-pixels whose centres lie in the polygon to body.
func (st *stencil) fill(centre point, ps []point) {
	side := st.wide * fine
	for y := range side {
		at := y*256 + 128 - centre.y
		st.cross = st.cross[:0]
		p := ps[len(ps)-1]
		for _, q := range ps {
			if (p.y <= at) != (q.y <= at) {
				st.cross = append(st.cross, p.x+(at-p.y)*(q.x-p.x)/(q.y-p.y)+centre.x)
			}
			p = q
		}
		slices.Sort(st.cross)
		row := st.sub[y*side : (y+1)*side]
		for i := 0; i+1 < len(st.cross); i += 2 {
			from, to := (st.cross[i]+127)>>8, (st.cross[i+1]+127)>>8
			for x := max(from, 0); x < min(to, side); x++ {
				row[x] = body
			}
		}
	}
}

// stripes marks bands across the object, in a random direction.
func (st *stencil) stripes(d *dice, centre point, small bool) {
	wide := 5325 // of a stripe and of a gap, in 1/256 sub-pixel: 5.2 pixels
	if small {
		wide = 3686
	}
	a := d.below(fullTurn / 2)
	c, s := cos(a), sin(a)
	side := st.wide * fine
	for y := range side {
		for x := range side {
			if st.sub[y*side+x] == outside {
				continue
			}
			u := ((x*256+128-centre.x)*c + (y*256+128-centre.y)*s) >> 16
			if ((u%(2*wide))+2*wide)%(2*wide) < wide {
				st.sub[y*side+x] = mark
			}
		}
	}
}

// dots marks a lattice of discs, every second row of them moved by half.
func (st *stencil) dots(d *dice, small bool) {
	pitch := 7578 // 7.4 pixels
	if small {
		pitch = 5325
	}
	radius := pitch * 3 / 10
	ox, oy := d.below(pitch), d.below(pitch)
	side := st.wide * fine
	for y := range side {
		v := y*256 + 128 - oy + 2*pitch + pitch/2
		line := v / pitch
		dy := v - line*pitch - pitch/2
		if dy*dy > radius*radius {
			continue
		}
		for x := range side {
			if st.sub[y*side+x] == outside {
				continue
			}
			u := x*256 + 128 - ox + 2*pitch + pitch/2 + line%2*pitch/2
			dx := u%pitch - pitch/2
			if dx*dx+dy*dy <= radius*radius {
				st.sub[y*side+x] = mark
			}
		}
	}
}

// outline marks the sub-pixels within three of the border as edge: 3/4 pixel.
func (st *stencil) outline() {
	side := st.wide * fine
	around := [...]int{-3 * side, 3 * side, -3, 3, -2*side - 2, -2*side + 2, 2*side - 2, 2*side + 2}
	for y := 3; y < side-3; y++ { // the window is wider than the shape
		for i := y*side + 3; i < y*side+side-3; i++ {
			if st.sub[i] == outside {
				continue
			}
			for _, k := range around {
				if st.sub[i+k] == outside {
					st.sub[i] = edge
					break
				}
			}
		}
	}
}

// shade counts what each pixel is covered and blurs it into a shadow.
func (st *stencil) shade() {
	side, w := st.wide*fine, st.wide
	for y := range w {
		for x := range w {
			n := 0
			for j := range fine {
				for _, v := range st.sub[(y*fine+j)*side+x*fine:][:fine] {
					if v != outside {
						n++
					}
				}
			}
			st.cover[y*w+x] = n
			st.shadow[y*w+x] = n * 16
		}
	}
	for range 2 { // twice 1 4 6 4 1: deviation 1.4 pixels
		blur(st.spare, st.shadow, w, 1, w)
		blur(st.shadow, st.spare, w, w, 1)
	}
}

// blur weighs each value of src with its neighbours at multiples of step.
func blur(dst, src []int, w, step, line int) {
	for l := range w {
		for i := range w {
			at := func(k int) int {
				if i+k < 0 || i+k >= w {
					return 0
				}
				return src[l*line+(i+k)*step]
			}
			dst[l*line+i*step] = (at(-2) + 4*at(-1) + 6*at(0) + 4*at(1) + at(2)) / 16
		}
	}
}

// composite lays the shadow, one pixel right and two down, and then the object
// over the picture.
func (st *stencil) composite(img *image.NRGBA, left, top int, paint [4]rgb) {
	side, w := st.wide*fine, st.wide
	for y := range w {
		for x := range w {
			if !(image.Point{left + x, top + y}).In(img.Rect) {
				continue
			}
			shade := 0
			if x >= 1 && y >= 2 {
				shade = st.shadow[(y-2)*w+x-1] * 82 / 256
			}
			cover := st.cover[y*w+x]
			if shade == 0 && cover == 0 {
				continue
			}
			p := img.Pix[img.PixOffset(left+x, top+y):]
			c := rgb{int(p[0]), int(p[1]), int(p[2])}.toward(rgb{40, 40, 60}, shade)
			var sum rgb
			for j := range fine {
				for _, v := range st.sub[(y*fine+j)*side+x*fine:][:fine] {
					q := paint[v]
					if v == outside {
						q = c
					}
					sum.r, sum.g, sum.b = sum.r+q.r, sum.g+q.g, sum.b+q.b
				}
			}
			put(img, left+x, top+y, rgb{sum.r / (fine * fine), sum.g / (fine * fine), sum.b / (fine * fine)})
		}
	}
}
