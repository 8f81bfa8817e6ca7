// Package feedtest fills stores with shards and captions, as a run leaves them,
// for tests and benchmarks of what reads them.
package feedtest

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"time"

	"recaption/schemas"
	"recaption/shards"
)

// Config says what to write.
type Config struct {
	Dataset   schemas.DatasetID
	Shards    int
	Rows      int // of a shard
	BatchRows int // of a record batch
	Size      int // of a picture, in pixels
	Pictures  int // different ones
	Recipes   int
	Odd       bool   // some rows have no picture, no alt-text, a damaged picture or a rejected caption
	Spool     string // folder; empty: the system's own
}

// DefaultConfig is small.
func DefaultConfig() Config {
	return Config{Dataset: "d", Shards: 3, Rows: 20, BatchRows: 4, Size: 24, Pictures: 7, Recipes: 2, Odd: true}
}

// Site is what was written.
type Site struct {
	Config
	Revision schemas.RevisionID
	Shards   []schemas.Shard
	Recipes  []schemas.RecipeID
	Receipts []schemas.Receipt
	pictures [][]byte
	writer   shards.WriterConfig
}

// Write writes shards, a part record and a run's record, and for each recipe
// the captions of each shard with their receipts.
func Write(ctx context.Context, st shards.Store, c Config) (*Site, error) {
	s := &Site{Config: c, Revision: "0123456789abcdef", writer: shards.DefaultWriterConfig()}
	s.writer.BatchRows, s.writer.Dir = c.BatchRows, c.Spool
	for i := range c.Pictures {
		p, err := Picture(c.Size, uint64(i))
		if err != nil {
			return nil, err
		}
		s.pictures = append(s.pictures, p)
	}
	for i := range c.Shards {
		if err := s.cut(ctx, st, i); err != nil {
			return nil, err
		}
	}
	part := schemas.PartRecord{Dataset: c.Dataset, Revision: s.Revision, Part: "000000", Shards: s.Shards}
	if _, err := shards.CommitPart(ctx, st, part); err != nil {
		return nil, err
	}
	for i := range c.Recipes {
		if err := s.addRecipe(ctx, st, i); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// addRecipe commits the i-th recipe, its run, and its captions of all shards.
func (s *Site) addRecipe(ctx context.Context, st shards.Store, i int) error {
	recipe := schemas.Recipe{
		Model:   schemas.Model{Family: "test", Files: map[string]schemas.Digest{"model": schemas.Sum([]byte{byte(i)})}},
		Prompts: []schemas.Prompt{{Name: "plain", Text: "Describe the picture."}}, CaptionsPerImage: 2, InputLimit: 64, Seed: int64(i),
	}
	b, id, err := recipe.Encode()
	if err != nil {
		return err
	}
	if _, err := shards.Commit(ctx, st, shards.RecipeKey(id), b); err != nil {
		return err
	}
	s.Recipes = append(s.Recipes, id)
	_, gate, err := schemas.DefaultGate().Encode()
	if err != nil {
		return err
	}
	run := schemas.RunRecord{
		Run: schemas.NewRunID(s.Dataset, s.Revision, id, gate), State: schemas.RunLaunched, Dataset: s.Dataset, Revision: s.Revision,
		Recipe: id, Gate: gate, Pool: "default", At: time.Unix(int64(i), 0).UTC(),
	}
	if b, err = run.Encode(); err != nil {
		return err
	}
	if _, err := shards.Commit(ctx, st, shards.RunKey(run.Run, 0), b); err != nil {
		return err
	}
	for n := range s.Shards {
		if _, err := s.Caption(ctx, st, n, i, 0); err != nil {
			return err
		}
	}
	return nil
}

// Key is that of a row.
func Key(shard, row int) string { return fmt.Sprintf("%03d/%04d", shard, row) }

func (s *Site) cut(ctx context.Context, st shards.Store, shard int) error {
	w, err := shards.NewSampleWriter(s.writer, map[string]string{schemas.MetaDataset: string(s.Dataset)})
	if err != nil {
		return err
	}
	defer w.Abort()
	for row := range s.Rows {
		if err := w.Append(s.Sample(shard, row)); err != nil {
			return err
		}
	}
	cut, err := w.Commit(ctx, st, s.Dataset)
	s.Shards = append(s.Shards, cut)
	return err
}

// Sample is that of a row.
func (s *Site) Sample(shard, row int) schemas.Sample {
	alt := fmt.Sprintf("alt-text of row %d in shard %d", row, shard)
	n := shard*s.Rows + row
	out := schemas.Sample{
		Key: Key(shard, row), Image: s.pictures[n%len(s.pictures)], MediaType: "image/jpeg",
		Width: int32(s.Size), Height: int32(s.Size), AltText: &alt, Status: schemas.SampleOK,
	}
	if s.Odd {
		switch n % 11 {
		case 3:
			out.Image, out.Status, out.Reason = nil, schemas.SampleUnusable, schemas.ReasonNoImage
		case 5:
			out.AltText = nil
		case 7:
			out.Image = out.Image[:len(out.Image)/4] // its header is whole
		}
	}
	if out.Image != nil {
		out.ImageSHA256 = schemas.Sum(out.Image)
	}
	return out
}

// Caption commits a generation of a recipe's captions of a shard.
func (s *Site) Caption(ctx context.Context, st shards.Store, shard, recipe, generation int) (schemas.Receipt, error) {
	a := shards.NewAttempt("test", "test", s.Spool)
	a.Writer.BatchRows = s.BatchRows
	job := schemas.NewCaptionJob(schemas.CaptionJob{
		Run: "run", Pool: "default", Dataset: s.Dataset, Shard: s.Shards[shard].ID, File: s.Shards[shard].File,
		Recipe: s.Recipes[recipe], Gate: schemas.GateID(schemas.Sum(nil).String()), Generation: generation,
	})
	rows := make([]schemas.CaptionRow, s.Rows)
	for row := range rows {
		rows[row] = s.row(shard, row, recipe, generation)
	}
	file, err := a.WriteCaptions(ctx, st, job, schemas.Digest{}, rows)
	if err != nil {
		return schemas.Receipt{}, err
	}
	r, err := shards.CommitReceipt(ctx, st, a.Receipt(job, file))
	s.Receipts = append(s.Receipts, r)
	return r, err
}

func (s *Site) row(shard, row, recipe, generation int) schemas.CaptionRow {
	sample := s.Sample(shard, row)
	out := schemas.CaptionRow{Key: sample.Key, ImageSHA256: sample.ImageSHA256, Status: schemas.RowStatus(sample.Status), Reason: sample.Reason}
	if sample.Status != schemas.SampleOK {
		return out
	}
	out.Status = schemas.RowCaptioned
	for i := range 2 {
		c := schemas.Caption{
			Text:   fmt.Sprintf("A red cube left of a blue ball number %d. Recipe %d, generation %d wrote it. This is sentence three of caption %d.", row, recipe, generation, i),
			Prompt: "plain", Seed: int64(i), Finish: schemas.FinishStop,
		}
		if s.Odd && (row+i)%5 == 1 {
			c.Finish = schemas.FinishLength // the default gate rejects it
		}
		out.Captions = append(out.Captions, c)
	}
	return out
}

// Picture is a JPEG of n x n pixels: blocks of colour with grain, about as large
// in bytes as a photograph. Equal arguments give equal pictures.
func Picture(n int, seed uint64) ([]byte, error) {
	r := rand.New(rand.NewPCG(seed, 9))
	img := image.NewRGBA(image.Rect(0, 0, n, n))
	block := max(n/13, 1)
	colours := map[image.Point]color.RGBA{}
	for y := range n {
		for x := range n {
			at := image.Pt(x/block, y/block)
			c, ok := colours[at]
			if !ok {
				c = color.RGBA{uint8(r.IntN(200)), uint8(r.IntN(200)), uint8(r.IntN(200)), 255}
				colours[at] = c
			}
			grain := uint8(r.IntN(24))
			img.SetRGBA(x, y, color.RGBA{c.R + grain, c.G + grain, c.B + grain, 255})
		}
	}
	var b bytes.Buffer
	err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 85})
	return b.Bytes(), err
}
