package imaging

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func seeds(f *testing.F) {
	for _, pattern := range []string{"testdata/files/*", "testdata/hostile/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
}

// allocated returns the bytes that f allocated, freed ones included.
func allocated(f func() error) (uint64, error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, err
}

// withChecksum puts the checksum of a PNG's header right.
func withChecksum(b []byte) []byte {
	if isPNG(b) && len(b) >= 33 {
		binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	}
	return b
}

func FuzzProbe(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		b = withChecksum(b)
		var info Info
		n, err := allocated(func() (err error) { info, err = Probe(b); return err })
		if err != nil {
			checkDecoded(t, nil, err)
		} else if info.Format == "" || info.Width < 1 || info.Height < 1 {
			t.Fatalf("probe: %+v", info)
		}
		if n > 1<<20 {
			t.Fatalf("%d bytes allocated for %d", n, len(b))
		}
	})
}

// FuzzDecode: no panic reaches the caller, a picture is whole and within the
// limit, equal bytes give equal pixels, and memory is bounded by the limit and the
// length of the input.
func FuzzDecode(f *testing.F) {
	seeds(f)
	const limit = 1 << 16
	f.Fuzz(func(t *testing.T, b []byte) {
		b = withChecksum(b)
		var img *Image
		n, err := allocated(func() (err error) {
			img, err = Decode(b, Options{Orient: true, MaxPixels: limit})
			return err
		})
		checkDecoded(t, img, err)
		// Lossless WebP builds tables of some KiB for a few bytes; 16 MiB are for
		// the blocks of JPEG and TIFF that padding adds.
		if most := uint64(16<<20 + 64*limit + 4096*len(b)); n > most {
			t.Fatalf("%d bytes allocated for %d, at most %d", n, len(b), most)
		}
		if err != nil {
			return
		}
		info, err := Probe(b)
		if err != nil {
			t.Fatalf("decoded and not probed: %v", err)
		}
		if img.Width*img.Height != info.Width*info.Height {
			t.Fatalf("decoded %d x %d, probed %d x %d", img.Width, img.Height, info.Width, info.Height)
		}
		if img.Width*img.Height > limit {
			t.Fatalf("%d x %d pixels beyond the limit", img.Width, img.Height)
		}
		again, err := Decode(b, Options{Orient: true, MaxPixels: limit})
		if err != nil || digest(again.Pix) != digest(img.Pix) {
			t.Fatalf("decoded twice: other pixels, error %v", err)
		}
	})
}

// FuzzResize: no size, region or filter makes the passes leave the picture.
func FuzzResize(f *testing.F) {
	f.Add(uint8(61), uint8(47), uint16(30), uint16(20), uint8(3), float32(0), float32(0), float32(61), float32(47), false)
	f.Add(uint8(2), uint8(90), uint16(3), uint16(11), uint8(1), float32(0.5), float32(0.25), float32(1.5), float32(80), true)
	f.Fuzz(func(t *testing.T, w, h uint8, toW, toH uint16, filter uint8, x0, y0, x1, y1 float32, order bool) {
		src := noise(int(w)+1, int(h)+1, 1)
		o := ResizeOptions{Filter: Filter(filter % 6)}
		if order {
			o.Order = Pillow13
		}
		if x0 >= 0 && y0 >= 0 && x1 > x0 && y1 > y0 && x1 <= float32(src.Width) && y1 <= float32(src.Height) {
			o.Region = &Region{x0, y0, x1, y1}
		}
		got := ResizeWith(src, int(toW)%400+1, int(toH)%400+1, o)
		checkDecoded(t, got, nil)
	})
}
