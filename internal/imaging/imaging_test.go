package imaging

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/quick"

	"github.com/google/go-cmp/cmp"
)

func reasonOf(err error) string {
	if e, ok := errors.AsType[*DecodeError](err); ok {
		return e.Reason
	}
	return ""
}

func TestResizeToTheSameSizeCopies(t *testing.T) {
	same := func(w, h uint8, seed uint32, filter uint8, order bool) bool {
		src := noise(int(w)%70+1, int(h)%70+1, seed)
		o := ResizeOptions{Filter: Filter(filter % 6)}
		if order {
			o.Order = Pillow13
		}
		got := ResizeWith(src, src.Width, src.Height, o)
		return cmp.Equal(src, got) && &got.Pix[0] != &src.Pix[0]
	}
	if err := quick.Check(same, nil); err != nil {
		t.Error(err)
	}
}

// A picture of one colour stays so, whatever the size: coefficients sum to one.
func TestResizeKeepsOneColour(t *testing.T) {
	keeps := func(w, h, toW, toH, r, g, b, filter uint8) bool {
		src := NewImage(int(w)%90+1, int(h)%90+1)
		for i := 0; i < len(src.Pix); i += 3 {
			src.Pix[i], src.Pix[i+1], src.Pix[i+2] = r, g, b
		}
		got := Resize(src, int(toW)+1, int(toH)+1, Filter(filter%6))
		for i := 0; i < len(got.Pix); i += 3 {
			if got.Pix[i] != r || got.Pix[i+1] != g || got.Pix[i+2] != b {
				return false
			}
		}
		return true
	}
	if err := quick.Check(keeps, nil); err != nil {
		t.Error(err)
	}
}

// The two passes commute but for rounding, so a picture turned before and one
// turned after agree where only one pass runs.
func TestResizeTurned(t *testing.T) {
	src := noise(45, 31, 2)
	for _, f := range []Filter{Nearest, Lanczos, Bilinear, Bicubic, Box, Hamming} {
		wide := orient(Resize(src, 17, 31, f), 5)
		tall := Resize(orient(src, 5), 31, 17, f)
		if diff := cmp.Diff(wide, tall); diff != "" {
			t.Errorf("%v: the passes differ", f)
		}
	}
}

// Scratch memory goes from one picture to the next: pictures of other goroutines
// and sizes must not show in it.
func TestResizeAndDecodeFromManyGoroutines(t *testing.T) {
	names := []string{"420-61x47.jpg", "progressive-422.jpg", "rgb8-interlaced.png", "key.gif", "noise.webp", "rle8.bmp", "tiff_lzw.tif"}
	want := map[string]string{}
	once := func(name string) string {
		img, err := Decode(read(t, "files/"+name), Options{Orient: true})
		if err != nil {
			t.Error(err)
			return ""
		}
		return digest(Resize(img, 40, 33, Lanczos).Pix)
	}
	for _, n := range names {
		want[n] = once(n)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 40 {
				if n := names[(g+i)%len(names)]; once(n) != want[n] {
					t.Errorf("%s: another picture shows", n)
				}
			}
		})
	}
	wg.Wait()
}

func TestResizeRefusesWhatCantBe(t *testing.T) {
	src := noise(5, 4, 1)
	for name, f := range map[string]func(){
		"no width":       func() { Resize(src, 0, 3, Bicubic) },
		"below zero":     func() { Resize(src, 3, -1, Bicubic) },
		"no filter":      func() { Resize(src, 3, 3, 6) },
		"empty region":   func() { ResizeWith(src, 3, 3, ResizeOptions{Region: &Region{2, 1, 2, 3}}) },
		"outside region": func() { ResizeWith(src, 3, 3, ResizeOptions{Region: &Region{0, 0, 6, 4}}) },
		"no floats":      func() { new(Normalizer).CHW(nil, src) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}

func TestCrop(t *testing.T) {
	src := noise(9, 7, 1)
	for _, c := range []struct{ x, y, w, h int }{{0, 0, 9, 7}, {2, 3, 4, 2}, {-2, -1, 5, 4}, {6, 5, 9, 9}, {20, 20, 3, 3}, {-9, 0, 4, 4}, {-3, -3, 20, 20}} {
		got := Crop(src, c.x, c.y, c.w, c.h)
		want := NewImage(c.w, c.h)
		for y := range c.h {
			for x := range c.w {
				if sx, sy := x+c.x, y+c.y; sx >= 0 && sx < 9 && sy >= 0 && sy < 7 {
					copy(want.Pix[3*(y*c.w+x):], src.Pix[3*(sy*9+sx):][:3])
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("crop %v: pixels differ", c)
		}
	}
}

// The offsets are those of center_crop in transformers' image_transforms: halved
// downwards where something is cut, padded by the half rounded up where it lacks.
func TestCenterCrop(t *testing.T) {
	for _, c := range []struct {
		w, h, toW, toH int
		x, y           int // where the crop begins in the source
	}{
		{10, 10, 4, 4, 3, 3},
		{11, 9, 4, 4, 3, 2},
		{224, 299, 224, 224, 0, 37},
		{8, 8, 8, 8, 0, 0},
		{3, 3, 6, 6, -2, -2},
		{4, 4, 7, 7, -2, -2},
		{10, 3, 4, 6, 3, -2},
		{3, 11, 8, 4, -3, 3},
	} {
		src := noise(c.w, c.h, 5)
		if diff := cmp.Diff(Crop(src, c.x, c.y, c.toW, c.toH), CenterCrop(src, c.toW, c.toH)); diff != "" {
			t.Errorf("%d x %d to %d x %d: pixels differ", c.w, c.h, c.toW, c.toH)
		}
	}
}

func TestOrientTwiceIsTheSame(t *testing.T) {
	src := noise(7, 5, 1)
	inverse := [9]int{0, 1, 2, 3, 4, 5, 8, 7, 6}
	for o := range 10 {
		back := 0
		if o < len(inverse) {
			back = inverse[o]
		}
		if diff := cmp.Diff(src, orient(orient(src, o), back)); diff != "" {
			t.Errorf("orientation %d and back: pixels differ", o)
		}
	}
}

func TestMaxPixels(t *testing.T) {
	for _, name := range []string{"420-61x47.jpg", "rgb8.png", "palette.gif", "lossy-61x47.webp", "24.bmp", "rgb.tif"} {
		b := read(t, "files/"+name)
		info, err := Probe(b)
		if err != nil {
			t.Fatal(err)
		}
		n := info.Width * info.Height
		if _, err := Decode(b, Options{MaxPixels: n}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Decode(b, Options{MaxPixels: n - 1}); reasonOf(err) != DecompressionBomb {
			t.Errorf("%s: got %v, want %s", name, err, DecompressionBomb)
		}
	}
}

// Headers that promise more than the bytes behind them can hold are refused
// before pixels are allocated.
func TestSmallFilesOfLargePictures(t *testing.T) {
	png := append([]byte(nil), read(t, "files/rgb8.png")...)
	binary.BigEndian.PutUint32(png[16:], 9000)
	binary.BigEndian.PutUint32(png[20:], 9000)
	jpeg := append([]byte(nil), read(t, "files/420-61x47.jpg")...)
	at := bytes.Index(jpeg, []byte{0xff, markerSOF0})
	binary.BigEndian.PutUint16(jpeg[at+5:], 9000)
	binary.BigEndian.PutUint16(jpeg[at+7:], 9000)
	bmp := append([]byte(nil), read(t, "files/24.bmp")...)
	binary.LittleEndian.PutUint32(bmp[18:], 9000)
	binary.LittleEndian.PutUint32(bmp[22:], 9000)
	for name, b := range map[string][]byte{"jpeg": jpeg, "bmp": bmp, "png": withChecksum(png)} {
		bytes, err := allocated(func() error { _, err := Decode(b, Options{}); return err })
		want := Truncated
		if name == "png" {
			want = CorruptImage // its chunks are all there
		}
		if reasonOf(err) != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
		if bytes > 1<<20 {
			t.Errorf("%s: %d bytes allocated", name, bytes)
		}
	}
}

// A PNG with a wrong byte in its data is damaged, and one that ends within them
// is cut off, though the data end too early for both.
func TestDamagedIsNotCut(t *testing.T) {
	whole := read(t, "files/rgb8.png")
	from := bytes.Index(whole, []byte("IDAT")) + 4
	to := bytes.Index(whole, []byte("IEND")) - 8 // before a checksum and a length
	early := 0
	for at := from; at < to; at++ {
		for bit := range 8 {
			b := bytes.Clone(whole)
			b[at] ^= 1 << bit
			_, err := Decode(b, Options{})
			if err != nil && reasonOf(err) != CorruptImage {
				t.Fatalf("bit %d of byte %d flipped: %v, want %s", bit, at, err, CorruptImage)
			}
			if err != nil && strings.Contains(err.Error(), "ends in row") {
				early++
			}
		}
		if _, err := Decode(whole[:at], Options{}); err != nil && reasonOf(err) != Truncated {
			t.Fatalf("cut at byte %d: %v, want %s", at, err, Truncated)
		}
	}
	if early == 0 {
		t.Error("no flipped bit ends the data early")
	}
}

// Every prefix of every file is a picture or an error with a reason.
func TestEveryPrefix(t *testing.T) {
	files, err := filepath.Glob("testdata/files/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		step := 1 + len(b)/60
		if testing.Short() {
			step = 1 + len(b)/5
		}
		for n := 0; n < len(b); n += step {
			img, err := Decode(b[:n], Options{Orient: true})
			checkDecoded(t, img, err)
		}
	}
}

func checkDecoded(t *testing.T, img *Image, err error) {
	t.Helper()
	switch {
	case err != nil:
		switch reasonOf(err) {
		case UnsupportedFormat, Truncated, DecompressionBomb, CorruptImage, EmptyImage:
		default:
			t.Fatalf("no reason in %v", err)
		}
	case img.Width < 1 || img.Height < 1 || len(img.Pix) != 3*img.Width*img.Height:
		t.Fatalf("%d bytes for %d x %d pixels", len(img.Pix), img.Width, img.Height)
	}
}

// widen takes eight samples at a time where it can: here one by one.
func TestWiden(t *testing.T) {
	wide := func(n uint8, seed uint32, two bool) bool {
		src := noise(int(n)+3, 2, seed).Pix
		near, far := src[:int(n)+3], src[int(n)+3:2*int(n)+6]
		left, right, shift := 1, 2, 2
		if two {
			left, right, shift = 8, 7, 4
		} else {
			far = nil
		}
		want := make([]byte, 2*len(near))
		for x := range near {
			s := weigh(near, far, x)
			want[2*x] = uint8((3*s + weigh(near, far, max(x-1, 0)) + left) >> shift)
			want[2*x+1] = uint8((3*s + weigh(near, far, min(x+1, len(near)-1)) + right) >> shift)
		}
		got := make([]byte, 2*len(near))
		widen(got, near, far)
		return bytes.Equal(want, got)
	}
	if err := quick.Check(wide, nil); err != nil {
		t.Error(err)
	}
}

// Pillow 12 reads jumps wrongly, so there is no golden file with one.
func TestRunLengths(t *testing.T) {
	for _, c := range []struct {
		name        string
		compression uint32
		data        []byte
		want        string // palette indices from the top
		reason      string
	}{
		{"8 bits", 1, []byte{4, 7, 0, 0, 0, 3, 1, 2, 3, 0, 1, 9, 0, 1}, "1239 7777", ""},
		{"4 bits", 2, []byte{3, 0x12, 0, 0, 0, 4, 0x34, 0x56, 0, 1}, "3456 1210", ""},
		{"a jump", 1, []byte{1, 1, 0, 2, 2, 1, 1, 5, 0, 1}, "0005 1000", ""},
		{"too long", 1, []byte{9, 3, 0, 0, 9, 4, 0, 1}, "4444 3333", ""},
		{"an early end", 1, []byte{2, 3, 0, 1}, "0000 3300", ""},
		{"cut", 1, []byte{2, 3, 0, 0, 1}, "", Truncated},
		{"cut in a jump", 1, []byte{0, 2, 1}, "", Truncated},
		{"cut in a stretch", 1, []byte{0, 9, 1, 2, 3}, "", Truncated},
	} {
		t.Run(c.name, func(t *testing.T) {
			bits := 8 / c.compression
			b := make([]byte, 54+4*(1<<bits))
			copy(b, "BM")
			for at, v := range map[int]uint32{10: uint32(len(b)), 14: 40, 18: 4, 22: 2, 26: 1 | bits<<16, 30: c.compression} {
				binary.LittleEndian.PutUint32(b[at:], v)
			}
			for i := range 1 << bits {
				b[54+4*i] = byte('0' + i)
			}
			img, err := Decode(append(b, c.data...), Options{})
			if reasonOf(err) != c.reason {
				t.Fatalf("got %v, want reason %q", err, c.reason)
			}
			if err != nil {
				return
			}
			got := ""
			for i := range 8 {
				if i == 4 {
					got += " "
				}
				got += string(rune(img.Pix[3*i+2])) // blue comes first in the file
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
