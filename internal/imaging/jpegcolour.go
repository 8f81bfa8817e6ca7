package imaging

// colour brings all planes to full size and converts them to RGB.
func (d *jpegDecoder) colour() (*Image, error) {
	img := NewImage(d.width, d.height)
	lines := make([]upsampler, len(d.comps))
	for i := range lines {
		lines[i] = newUpsampler(&d.comps[i], d)
	}
	convert := d.conversion()
	rows := make([][]byte, len(lines))
	for y := range d.height {
		for i := range lines {
			rows[i] = lines[i].line(y)
		}
		convert(img.row(y), rows)
	}
	return img, nil
}

// conversion picks the colour space by libjpeg's rules: the JFIF marker, else
// the Adobe marker, else the names of the components.
func (d *jpegDecoder) conversion() func(rgb []byte, rows [][]byte) {
	switch len(d.comps) {
	case 1:
		return greyToRGB
	case 4:
		if d.adobe && d.transform != 0 {
			return ycckToRGB
		}
		return cmykToRGB
	}
	named := d.comps[0].id == 'R' && d.comps[1].id == 'G' && d.comps[2].id == 'B'
	switch {
	case d.plainRGB:
		return planesToRGB
	case d.jfif:
		return yccToRGB
	case d.adobe && d.transform == 0, !d.adobe && named:
		return planesToRGB
	}
	return yccToRGB
}

// Tables of YCbCr to RGB in 16-bit fixed point. The rounding of green is in its
// blue part.
var crToR, cbToB, crToG, cbToG = chromaTables()

func chromaTables() (crR, cbB, crG, cbG [256]int32) {
	for i := range 256 {
		x := int32(i - 128)
		crR[i] = (91881*x + 32768) >> 16
		cbB[i] = (116130*x + 32768) >> 16
		crG[i] = -46802 * x
		cbG[i] = -22554*x + 32768
	}
	return crR, cbB, crG, cbG
}

func greyToRGB(rgb []byte, rows [][]byte) {
	for x, v := range rows[0][:len(rgb)/3] {
		p := rgb[3*x : 3*x+3]
		p[0], p[1], p[2] = v, v, v
	}
}

func planesToRGB(rgb []byte, rows [][]byte) {
	n := len(rgb) / 3
	r, g, b := rows[0][:n], rows[1][:n], rows[2][:n]
	for x := range r {
		p := rgb[3*x : 3*x+3]
		p[0], p[1], p[2] = r[x], g[x], b[x]
	}
}

func yccToRGB(rgb []byte, rows [][]byte) {
	n := len(rgb) / 3
	luma, cbs, crs := rows[0][:n], rows[1][:n], rows[2][:n]
	for x := range luma {
		y, cb, cr := int32(luma[x]), cbs[x], crs[x]
		p := rgb[3*x : 3*x+3]
		p[0] = clamp(y + crToR[cr])
		p[1] = clamp(y + (cbToG[cb]+crToG[cr])>>16)
		p[2] = clamp(y + cbToB[cb])
	}
}

// ycckToRGB converts YCCK to CMYK first, as libjpeg: the colours of the inks are
// those of YCbCr inverted.
func ycckToRGB(rgb []byte, rows [][]byte) {
	yccToRGB(rgb, rows)
	for x, k := range rows[3][:len(rgb)/3] {
		p := rgb[3*x : 3*x+3]
		// Stored inks are inverted, so what yccToRGB gave is how much ink there is.
		p[0], p[1], p[2] = inks(p[0], p[1], p[2], 255-k)
	}
}

func cmykToRGB(rgb []byte, rows [][]byte) {
	n := len(rgb) / 3
	c, m, y, k := rows[0][:n], rows[1][:n], rows[2][:n], rows[3][:n]
	for x := range c {
		p := rgb[3*x : 3*x+3]
		p[0], p[1], p[2] = inks(255-c[x], 255-m[x], 255-y[x], 255-k[x])
	}
}

// inks converts a CMYK pixel as Pillow does: no profile, black takes from what
// the inks leave.
func inks(c, m, y, k uint8) (r, g, b uint8) {
	light := 255 - int32(k)
	return ink(light, c), ink(light, m), ink(light, y)
}

func ink(light int32, c uint8) uint8 {
	t := light*int32(c) + 128
	return clamp(light - ((t>>8)+t)>>8)
}
