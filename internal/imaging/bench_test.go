package imaging

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"testing"
)

// photo is smooth, as photographs are.
func photo(w, h int) *Image { return Resize(noise(w/4, h/4, 1), w, h, Bicubic) }

func asPNG(b *testing.B, img *Image) []byte {
	b.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, img.Width, img.Height))
	for i := range img.Width * img.Height {
		copy(m.Pix[4*i:], img.Pix[3*i:3*i+3])
		m.Pix[4*i+3] = 255
	}
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

func BenchmarkDecode(b *testing.B) {
	files := map[string][]byte{"png": asPNG(b, photo(640, 480))}
	for _, name := range []string{"420.jpg", "progressive.jpg"} {
		files[name] = read(b, "bench/"+name)
	}
	for name, data := range files {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				img, err := Decode(data, Options{Orient: true})
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(img.Pix)))
			}
		})
	}
}

func BenchmarkResize(b *testing.B) {
	src := photo(1600, 1067)
	for _, f := range []Filter{Bilinear, Bicubic, Lanczos} {
		for _, size := range []int{224, 384, 768, 2048} {
			b.Run(fmt.Sprintf("%v/%d", f, size), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(src.Pix)))
				for b.Loop() {
					Resize(src, size, size, f)
				}
			})
		}
	}
}

func BenchmarkNormalize(b *testing.B) {
	src := photo(512, 512)
	n := NewNormalizer(1./255, [3]float32{.5, .5, .5}, [3]float32{.5, .5, .5})
	dst := make([]float32, len(src.Pix))
	b.ReportAllocs()
	b.SetBytes(int64(len(src.Pix)))
	for b.Loop() {
		n.CHW(dst, src)
	}
}
