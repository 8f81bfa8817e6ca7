package shards_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"go.uber.org/goleak"

	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var meta = map[string]string{schemas.MetaDataset: "d", schemas.MetaProgram: "test"}

// checked gives the default bounds, with an allocator that knows what leaked.
func checked(t testing.TB) shards.WriterConfig {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	if t, ok := t.(*testing.T); ok {
		t.Cleanup(func() { mem.AssertSize(t, 0) })
	}
	cfg := shards.DefaultWriterConfig()
	cfg.Dir, cfg.Allocator = t.TempDir(), mem
	return cfg
}

// sample makes the i-th sample, with an image of n bytes. Some have none.
func sample(i, n int) schemas.Sample {
	alt := fmt.Sprintf("alt-text %d: süß", i)
	s := schemas.Sample{
		Key: fmt.Sprintf("%05d", i), MediaType: "image/jpeg", Width: int32(i), Height: 3, AltText: &alt,
		Context: fmt.Appendf(nil, `{"n":%d}`, i), Status: schemas.SampleOK,
	}
	s.Image = append(fmt.Appendf(nil, "%d", i), storetest.Random(n)...)
	s.ImageSHA256 = schemas.Sum(s.Image)
	if i%7 == 3 {
		s.Image, s.ImageSHA256, s.AltText, s.Context = nil, schemas.Digest{}, nil, nil
		s.Status, s.Reason = schemas.SampleUnusable, schemas.ReasonNoImage
	}
	return s
}

// caption makes the i-th row of captions. Some have none.
func caption(i int) schemas.CaptionRow {
	c := schemas.CaptionRow{Key: fmt.Sprintf("%05d", i), ImageSHA256: schemas.Sum([]byte{byte(i)}), InputSHA256: schemas.Sum([]byte("in")), Status: schemas.RowCaptioned}
	for j := range i % 3 {
		c.Captions = append(c.Captions, schemas.Caption{
			Text: fmt.Sprintf("A star, number %d.", i), Prompt: "plain", Seed: int64(i), Tokens: int32(j), Finish: schemas.FinishStop, LogProb: -.5,
			Scores: map[string]float32{"clip": .25, "length": 2},
		})
	}
	if i%3 == 0 {
		c.Status, c.Reason, c.ImageSHA256 = schemas.RowUnusable, schemas.ReasonNoImage, schemas.Digest{}
	}
	return c
}

// cut writes n samples with images of size bytes and commits the shard.
func cut(t testing.TB, st shards.Store, cfg shards.WriterConfig, n, size int) (string, schemas.Shard) {
	t.Helper()
	w, err := shards.NewSampleWriter(cfg, meta)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for i := range n {
		if err := w.Append(sample(i, size)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := w.Commit(t.Context(), st, "d")
	if err != nil {
		t.Fatal(err)
	}
	return shards.SampleShardKey("d", s.ID), s
}

// write writes n rows of captions under key.
func write(t testing.TB, st shards.Store, cfg shards.WriterConfig, key string, n int) schemas.File {
	t.Helper()
	w, err := shards.NewCaptionWriter(cfg, meta)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for i := range n {
		if err := w.Append(caption(i)); err != nil {
			t.Fatal(err)
		}
	}
	f, err := w.Commit(t.Context(), st, key)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func get(t testing.TB, st shards.Store, key string) []byte {
	t.Helper()
	b, err := st.Get(t.Context(), key, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(b)
}
