package imaging

// scan reads a scan's header and its data.
func (d *jpegDecoder) scan(seg []byte) error {
	if d.comps == nil {
		return corrupt("jpeg: scan before the frame")
	}
	if d.scans++; d.scans > maxScans {
		return corrupt("jpeg: more than %d scans", maxScans)
	}
	if len(seg) < 1 || seg[0] < 1 || seg[0] > 4 || len(seg) != 4+2*int(seg[0]) {
		return corrupt("jpeg: scan header of %d bytes", len(seg))
	}
	n := int(seg[0])
	comps := make([]*jpegComponent, n)
	blocks := 0
	for i := range comps {
		id, tables := int(seg[1+2*i]), seg[2+2*i]
		c := d.component(id)
		if c == nil {
			return corrupt("jpeg: scan of an unknown component %d", id)
		}
		for _, other := range comps[:i] {
			if c == other {
				return corrupt("jpeg: component %d twice in a scan", id)
			}
		}
		if tables>>4 > 3 || tables&15 > 3 {
			return corrupt("jpeg: Huffman tables %d and %d", tables>>4, tables&15)
		}
		c.dc, c.ac, c.pred = d.dc[tables>>4], d.ac[tables&15], 0
		if c.quant == nil {
			if !d.haveQ[c.tq] {
				return corrupt("jpeg: no quantisation table %d", c.tq)
			}
			table := d.quant[c.tq]
			c.quant = &table
		}
		comps[i] = c
		blocks += c.h * c.v
	}
	if n > 1 && blocks > 10 {
		return corrupt("jpeg: %d blocks in an MCU", blocks)
	}
	s := spectrum{from: int(seg[1+2*n]), to: int(seg[2+2*n]), high: int(seg[3+2*n] >> 4), low: int(seg[3+2*n] & 15)}
	if !d.progressive {
		s = spectrum{to: 63}
	} else if err := s.check(n); err != nil {
		return err
	}
	for _, c := range comps {
		if s.from == 0 && s.high == 0 && c.dc == nil || s.to > 0 && c.ac == nil {
			return corrupt("jpeg: scan without its Huffman table")
		}
	}
	if d.comps[0].pix == nil {
		d.planes()
	}
	return d.scanData(comps, s)
}

// spectrum is the part of the coefficients that a scan brings: a range in zigzag
// order, and the bits above low, or the bit low if those above were there before.
type spectrum struct{ from, to, high, low int }

// check refuses what progressive coding doesn't allow in a scan of so many
// components: first coefficients come alone, others of one component alone.
func (s spectrum) check(comps int) error {
	ok := s.to < 64 && s.from <= s.to && s.low <= 13 && (s.high == 0 || s.high == s.low+1)
	if s.from == 0 {
		ok = ok && s.to == 0
	} else {
		ok = ok && comps == 1
	}
	if !ok {
		return corrupt("jpeg: coefficients %d to %d, bits %d and %d in a scan", s.from, s.to, s.high, s.low)
	}
	return nil
}

func (d *jpegDecoder) component(id int) *jpegComponent {
	for i := range d.comps {
		if d.comps[i].id == id {
			return &d.comps[i]
		}
	}
	return nil
}

// scanData reads the MCUs of a scan. Where data lacks before a marker, blocks
// bring nothing, up to the next restart.
func (d *jpegDecoder) scanData(comps []*jpegComponent, s spectrum) error {
	d.bits = bitReader{data: d.data, pos: d.pos}
	r := &d.bits
	run := 0 // blocks left in a run of empty bands
	left := d.interval
	expected := byte(0)
	wide, high := ceilDiv(d.width, 8*d.maxH), ceilDiv(d.height, 8*d.maxV)
	single := len(comps) == 1
	if single {
		wide, high = comps[0].scanWide, comps[0].scanHigh
	}
	skip := false
	var b block
	for my := range high {
		for mx := range wide {
			if d.interval > 0 {
				if left == 0 {
					r.reset()
					if err := r.restart(expected); err != nil {
						return err
					}
					if r.marker == 0 {
						skip = false
						r.starved = false
					}
					expected = (expected + 1) & 7
					for _, c := range comps {
						c.pred = 0
					}
					run = 0
					left = d.interval
				}
				left--
			}
			if skip && d.progressive {
				continue
			}
			for _, c := range comps {
				h, v := c.h, c.v
				if single {
					h, v = 1, 1
				}
				for j := range v {
					for i := range h {
						x, y := mx*h+i, my*v+j
						if !d.progressive {
							if skip {
								flat((*c.pix)[y*8*c.stride()+8*x:], c.stride(), 0)
							} else {
								d.sequentialBlock(c, &b, x, y)
							}
							continue
						}
						cb := &c.coefs[y*c.blocksWide+x]
						switch {
						case s.from == 0 && s.high == 0:
							c.pred += r.extended(r.code(c.dc) & 15)
							cb[0] = int16(c.pred << s.low)
						case s.from == 0:
							if r.take(1) != 0 {
								cb[0] |= 1 << s.low
							}
						case s.high == 0:
							run = r.acFirst(c.ac, cb, s, run)
						default:
							run = r.acRefine(c.ac, cb, s, run)
						}
					}
				}
			}
			if r.ended {
				return truncated("jpeg: ends in a scan")
			}
			skip = skip || r.hungry()
		}
	}
	d.pos = r.pos
	if r.marker != 0 {
		d.pos -= 2 // for nextMarker to find
	}
	return nil
}

// sequentialBlock reads a whole block and writes its samples. The bits are kept in
// registers: this loop is half of all decoding.
func (d *jpegDecoder) sequentialBlock(c *jpegComponent, b *block, x, y int) {
	r := &d.bits
	c.pred += r.extended(r.code(c.dc) & 15)
	*b = block{}
	b[0] = int16(c.pred)
	acc, n := r.acc, r.n
	only := true // nothing beyond the first coefficient
	for k := 1; k < 64; {
		if n < 32 { // a code and its value
			r.acc, r.n = acc, n
			r.fill()
			acc, n = r.acc, r.n
		}
		e := int(c.ac.look[acc>>((n-lookBits)&63)&(1<<lookBits-1)])
		n -= e >> 8
		if e == 0 {
			r.acc, r.n = acc, n
			e = r.code(c.ac)
			acc, n = r.acc, r.n
		}
		size := e & 15
		if size == 0 {
			if e&0xf0 != 0xf0 {
				break
			}
			k += 16
			continue
		}
		k += e >> 4 & 15
		n -= size
		v := int(acc>>(n&63)) & (1<<size - 1)
		if v < 1<<(size-1) {
			v -= 1<<size - 1
		}
		b[natural[k]] = int16(v)
		only = false
		k++
	}
	r.acc, r.n = acc, n
	out := (*c.pix)[y*8*c.stride()+8*x:]
	if only {
		flat(out, c.stride(), int32(b[0])*c.quant[0])
	} else {
		idct(out, c.stride(), b, c.quant)
	}
}

// acFirst reads the first bits of a band of a block and returns the run of
// blocks without any.
func (r *bitReader) acFirst(h *huffman, b *block, s spectrum, run int) int {
	if run > 0 {
		return run - 1
	}
	for k := s.from; k <= s.to; k++ {
		rs := r.code(h)
		zeros, size := rs>>4, rs&15
		switch {
		case size != 0:
			k += zeros
			b[natural[k]] = int16(r.extended(size) << s.low)
		case zeros == 15:
			k += 15
		default:
			return 1<<zeros + r.take(zeros) - 1
		}
	}
	return 0
}

// acRefine reads one more bit of a band of a block.
func (r *bitReader) acRefine(h *huffman, b *block, s spectrum, run int) int {
	plus, minus := int16(1)<<s.low, int16(-1)<<s.low
	k := s.from
	if run == 0 {
		for ; k <= s.to; k++ {
			rs := r.code(h)
			zeros, size := rs>>4, rs&15
			value := int16(0)
			if size != 0 { // must be 1; libjpeg takes others for it
				value = minus
				if r.take(1) != 0 {
					value = plus
				}
			} else if zeros != 15 {
				run = 1<<zeros + r.take(zeros)
				break
			}
			for ; k <= s.to; k++ {
				c := &b[natural[k]]
				if *c == 0 {
					if zeros == 0 {
						break
					}
					zeros--
					continue
				}
				r.refine(c, plus, minus)
			}
			if value != 0 {
				b[natural[k]] = value
			}
		}
	}
	if run > 0 {
		for ; k <= s.to; k++ {
			if c := &b[natural[k]]; *c != 0 {
				r.refine(c, plus, minus)
			}
		}
		run--
	}
	return run
}

// refine adds the next bit to a coefficient that isn't zero.
func (r *bitReader) refine(c *int16, plus, minus int16) {
	if r.take(1) == 0 || *c&plus != 0 {
		return
	}
	if *c >= 0 {
		*c += plus
	} else {
		*c += minus
	}
}

// restart goes to the restart marker that is expected. Where another is met it
// does what libjpeg does: an earlier one is passed over, one that is far off is
// taken for the expected one, a later one is left, and what is missing lacks.
func (r *bitReader) restart(expected byte) error {
	for {
		if r.marker == 0 {
			for {
				if _, ok := r.next(); !ok {
					break
				}
			}
			if r.marker == 0 {
				return truncated("jpeg: ends before a restart marker")
			}
		}
		m := r.marker
		if m < markerSOF0 {
			r.marker = 0
			continue
		}
		if m < markerRST0 || m > markerRST7 {
			return nil
		}
		switch (m - markerRST0 - expected) & 7 {
		case 1, 2:
			return nil
		case 6, 7:
			r.marker = 0
		default:
			r.marker = 0
			return nil
		}
	}
}

// reconstruct writes the samples of a component from all its scans.
func (c *jpegComponent) reconstruct() {
	if c.quant == nil { // never in a scan: grey
		c.quant = new(quantTable)
	}
	for y := range c.blocksHigh {
		for x := range c.blocksWide {
			idct((*c.pix)[y*8*c.stride()+8*x:], c.stride(), &c.coefs[y*c.blocksWide+x], c.quant)
		}
	}
	c.coefs = nil
}
