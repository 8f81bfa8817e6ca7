package main

import (
	"bytes"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recaption/coordinator"
	"recaption/schemas"
	"recaption/shards/memstore"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		n, total int
		want     []int
	}{
		{3, 0, []int{}},
		{3, 2, []int{0, 1}},
		{3, 3, []int{0, 1, 2}},
		{3, 9, []int{1, 4, 7}},
		{2, 2000, []int{500, 1500}},
	} {
		if got := spread(c.n, c.total); !slices.Equal(got, c.want) {
			t.Errorf("%d of %d: got %v, want %v", c.n, c.total, got, c.want)
		}
	}
}

// noise is a picture that no format makes small.
func noise(t *testing.T, side int) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, side, side))
	r := rand.New(rand.NewPCG(1, 2))
	for i := range img.Pix {
		img.Pix[i] = byte(r.Uint32())
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPicture(t *testing.T) {
	small, large := noise(t, 10), noise(t, 900)
	for _, c := range []struct {
		name, media string
		image       []byte
		want        string // the URI begins so; else why there is none
		none        string
	}{
		{"small", "image/png", small, "data:image/png;base64,iVBOR", ""},
		{"large", "image/png", large, "data:image/jpeg;base64,", ""},
		{"of a type that browsers don't show", "image/tiff", small, "data:image/jpeg;base64,", ""},
		{"of a type that is none", `image/png" onload="x`, small, "data:image/jpeg;base64,", ""},
		{"small and cut", "image/png", small[:len(small)/2], "", "truncated"},
		{"large and cut", "image/png", large[:len(large)/2], "", "truncated"},
		{"no picture", "", []byte("text"), "", "unsupported_format"},
		{"none", "", nil, "", "no picture"},
	} {
		got, none := picture(schemas.Sample{Image: c.image, MediaType: c.media})
		if !strings.HasPrefix(string(got), c.want) || (got == "") != (c.want == "") || none != c.none {
			t.Errorf("%s: got %.40s, %q; want %s, %q", c.name, got, none, c.want, c.none)
		}
		if len(got) > galleryImageBytes*4/3+100 {
			t.Errorf("%s: %d bytes", c.name, len(got))
		}
	}
}

// TestGallery shows what is there, and nothing of it as markup.
func TestGallery(t *testing.T) {
	r, st := newRested(), memstore.New()
	alt := `<script>alert("x")</script>`
	r.samples[0][0].AltText = &alt
	r.rows[0][1].Captions[0].Text = "A <b>bold</b> star & more"
	r.rows[1][0].Captions[0].Finish = schemas.FinishLength
	r.rows[1][1].Status, r.rows[1][1].Reason, r.rows[1][1].Captions = schemas.RowRefused, schemas.ReasonEmptyCaption, nil
	recipe := r.write(t, st)
	_, gateID, err := schemas.DefaultGate().Encode()
	if err != nil {
		t.Fatal(err)
	}
	run := coordinator.Run{Dataset: r.dataset, Recipe: recipe, Gate: gateID}
	sum := summary{Source: "<src>", Dataset: "pairs", Recipe: recipe}
	sum.Samples, sum.Rows = 5, 5
	page := func() string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "gallery.html")
		if err := writeGallery(t.Context(), path, st, run, sum); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	got := page()
	for _, want := range []string{
		"&lt;src&gt;, recaptioned by", "5 of 5 samples",
		"&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;",
		"A large red star on a wall, named a.",
		"the gate accepts none", "A &lt;b&gt;bold&lt;/b&gt; star &amp; more", `<span class="flag">markup</span>`,
		"the image can&#39;t be used: truncated",
		`<span class="flag">cut</span>`,
		"the model gave no text: empty_caption",
		`<span class="key">e</span>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(got, "ZgotmplZ") || strings.Contains(got, "<script") {
		t.Error("the page holds what it must not")
	}

	// A shard that is gone costs its samples, not the page.
	for o, err := range st.List(t.Context(), "datasets/pairs/shards/", "") {
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Delete(t.Context(), o.Key); err != nil {
			t.Fatal(err)
		}
		break
	}
	if got := page(); !strings.Contains(got, "2 of 5 samples") && !strings.Contains(got, "3 of 5 samples") {
		t.Error("the page does not show the other shard's samples")
	}
}
