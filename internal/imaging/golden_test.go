package imaging

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// golden reads what testdata/gen.py wrote.
func golden[T any](t *testing.T, name string) T {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "golden", name))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases T }
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return file.Cases
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func digest(b []byte) string {
	d := sha256.Sum256(b)
	return hex.EncodeToString(d[:])
}

// decodeCase is what Pillow made of a file.
type decodeCase struct {
	Format         string `json:"pillow_format"`
	Mode           string
	Size           [2]int
	SHA256         string
	OrientedSize   [2]int `json:"oriented_size"`
	OrientedSHA256 string `json:"oriented_sha256"`
	Error          string
}

// reasons of the files that are no picture, by file.
var reasons = map[string]string{
	"files/12-bit.jpg":              UnsupportedFormat,
	"files/bad-data.png":            CorruptImage,
	"files/bad-filter.png":          CorruptImage,
	"files/bad-header-checksum.png": CorruptImage,
	"files/bigtiff.bin":             UnsupportedFormat,
	"files/bomb.bmp":                DecompressionBomb,
	"files/bomb.jpg":                DecompressionBomb,
	"files/bomb.png":                DecompressionBomb,
	"files/cut-header.jpg":          Truncated,
	"files/cut-header.tif":          Truncated,
	"files/cut-marker.jpg":          Truncated,
	"files/cut-scan.jpg":            Truncated,
	"files/cut.bmp":                 Truncated,
	"files/cut.gif":                 Truncated,
	"files/cut.png":                 Truncated,
	"files/cut.tif":                 Truncated,
	"files/cut.webp":                Truncated,
	"files/empty.bin":               EmptyImage,
	"files/heic.bin":                UnsupportedFormat,
	"files/html.bin":                UnsupportedFormat,
	"files/jpeg2000.bin":            UnsupportedFormat,
	"files/newline-before.bin":      UnsupportedFormat,
	"files/no-end.jpg":              Truncated,
	"files/no-frame.gif":            CorruptImage,
	"files/no-frame.webp":           CorruptImage,
	"files/no-scan.jpg":             CorruptImage,
	"files/no-tables.jpg":           CorruptImage,
	"files/short-data.png":          CorruptImage,
	"files/short.bin":               UnsupportedFormat,
	"files/zero-height.jpg":         CorruptImage,

	"hostile/bmp-badheadersize.bmp":                              UnsupportedFormat,
	"hostile/bmp-badwidth.bmp":                                   CorruptImage,
	"hostile/broken.png":                                         CorruptImage,
	"hostile/crash-0da013a13571cc8eb457a39fee8db18f8a3c7127.tif": CorruptImage,
	"hostile/crash-0e16d3bfb83be87356d026d66919deaefca44dac.tif": Truncated,
	"hostile/crash-1185209cf7655b5aed8ae5e77784dfdd18ab59e9.tif": Truncated,
	"hostile/crash-4f085cc12ece8cde18758d42608bed6a2a2cfb1c.tif": Truncated,
	"hostile/crash-f46f5b2f43c370fe65706c11449f567ecc345e74.tif": Truncated,
	"hostile/decompression_bomb.gif":                             DecompressionBomb,
	"hostile/separate_planar_extra_samples.tiff":                 UnsupportedFormat,
	"hostile/truncated_jpeg.jpg":                                 Truncated,

	// Read by Pillow 12, and not here.
	"files/arithmetic.jpg": UnsupportedFormat,
	"files/no-palette.png": CorruptImage, // Pillow 13 refuses it too
}

// lenient are the files that Pillow refuses and that are read here.
var lenient = map[string]bool{
	"files/bad-adler.png": true, // the checksum after all the pixels
}

// TestDecodeAsPillow compares every file of testdata with what Pillow 12 makes of
// it, as stored and with its orientation applied.
func TestDecodeAsPillow(t *testing.T) {
	pixels := goldenPixels(t)
	compared, exact, worst := 0, 0, 0
	for name, want := range golden[map[string]decodeCase](t, "decode.json") {
		t.Run(name, func(t *testing.T) {
			b := read(t, name)
			img, err := Decode(b, Options{})
			if reason, ok := reasons[name]; ok {
				var e *DecodeError
				if !errors.As(err, &e) || e.Reason != reason {
					t.Fatalf("got error %v, want reason %s", err, reason)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v; Pillow: %s %s %v", err, want.Format, want.Mode, want.Size)
			}
			if lenient[name] {
				return
			}
			if want.Error != "" {
				t.Fatalf("got %d x %d pixels; Pillow: %s", img.Width, img.Height, want.Error)
			}
			info, err := Probe(b)
			if err != nil {
				t.Fatal(err)
			}
			if got := (Info{formatOf(want.Format), want.Size[0], want.Size[1]}); got != info {
				t.Errorf("probe: got %v, want %v", info, got)
			}
			compared++
			if got := [2]int{img.Width, img.Height}; got != want.Size {
				t.Fatalf("got size %v, want %v", got, want.Size)
			}
			if digest(img.Pix) == want.SHA256 {
				exact++
			} else if p, ok := pixels[name]; ok {
				most, differ := difference(img.Pix, p)
				worst = max(worst, most)
				t.Errorf("%d of %d samples differ, by up to %d", differ, len(p), most)
			} else {
				t.Errorf("pixels differ")
			}
			turned, err := Decode(b, Options{Orient: true})
			if err != nil {
				t.Fatal(err)
			}
			if got := [2]int{turned.Width, turned.Height}; got != want.OrientedSize {
				t.Fatalf("oriented: got size %v, want %v", got, want.OrientedSize)
			}
			if digest(turned.Pix) != want.OrientedSHA256 {
				t.Errorf("oriented: pixels differ")
			}
		})
	}
	t.Logf("%d files decoded, %d exactly as Pillow, largest difference %d", compared, exact, worst)
}

func formatOf(pillow string) string {
	return map[string]string{"JPEG": "jpeg", "MPO": "jpeg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp", "TIFF": "tiff"}[pillow]
}

func difference(a, b []byte) (most, differ int) {
	for i := range b {
		d := max(int(a[i]), int(b[i])) - min(int(a[i]), int(b[i]))
		if d > 0 {
			differ++
		}
		most = max(most, d)
	}
	return most, differ
}

// goldenPixels are Pillow's pixels of the files where a difference may be small.
func goldenPixels(t *testing.T) map[string][]byte {
	t.Helper()
	z, err := zip.OpenReader("testdata/golden/pixels.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	pixels := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if pixels[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return pixels
}

// resizeCase is the digest of a picture that Pillow resized.
type resizeCase struct {
	From, To [2]int
	Box      *[4]float32
	Filter   Filter
	SHA256   string
}

func TestResizeAsPillow(t *testing.T) {
	for _, order := range []struct {
		name, file string
		order      Order
	}{{"Pillow12", "resize.json", HorizontalFirst}, {"Pillow13", "resize13.json", Pillow13}} {
		t.Run(order.name, func(t *testing.T) {
			cases := golden[[]resizeCase](t, order.file)
			for _, c := range cases {
				src := noise(c.From[0], c.From[1], 7)
				o := ResizeOptions{Filter: c.Filter, Order: order.order}
				if c.Box != nil {
					o.Region = &Region{c.Box[0], c.Box[1], c.Box[2], c.Box[3]}
				}
				got := ResizeWith(src, c.To[0], c.To[1], o)
				if digest(got.Pix) != c.SHA256 {
					t.Errorf("%v to %v, box %v, %v: pixels differ", c.From, c.To, c.Box, c.Filter)
				}
			}
			t.Logf("%d pictures resized as Pillow, difference 0", len(cases))
		})
	}
}

// noise is the picture of the same name in gen.py.
func noise(w, h int, seed uint32) *Image {
	img := NewImage(w, h)
	i := 0
	for y := range h {
		for x := range w {
			for c := range 3 {
				seed = seed*1664525 + 1013904223
				v := (x*(3+c) + y*(5-c)) & 255
				if (x/5+y/7+c)%3 == 0 {
					v = 255 - v
				}
				img.Pix[i] = uint8((v*3 + int(seed>>24)) >> 2)
				i++
			}
		}
	}
	return img
}

func TestNormalizeAsHuggingFace(t *testing.T) {
	type normalizeCase struct {
		Rescale   float64
		Mean, Std [3]float32
		SHA256    string
	}
	// Every value in every channel, as a picture of 256 pixels.
	all := NewImage(256, 1)
	for i := range all.Pix {
		all.Pix[i] = uint8(i / 3)
	}
	for _, c := range golden[[]normalizeCase](t, "normalize.json") {
		got := make([]float32, 3*256)
		NewNormalizer(c.Rescale, c.Mean, c.Std).CHW(got, all)
		raw := make([]byte, 4*len(got))
		for i, v := range got {
			binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(v))
		}
		if diff := cmp.Diff(c.SHA256, digest(raw)); diff != "" {
			t.Errorf("%v: -want +got:\n%s", c, diff)
		}
	}
}

func Example() {
	b, err := os.ReadFile("testdata/files/orientation-6.jpg")
	if err != nil {
		panic(err)
	}
	img, err := Decode(b, Options{Orient: true})
	if err != nil {
		panic(err)
	}
	small := Resize(img, 8, 8, Bicubic)
	tensor := make([]float32, 3*8*8)
	NewNormalizer(1./255, [3]float32{.5, .5, .5}, [3]float32{.5, .5, .5}).CHW(tensor, small)
	fmt.Println(img.Width, img.Height, len(tensor))
	// Output: 13 19 192
}
