package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"recaption/internal/scenes"
	"recaption/schemas"
	"recaption/shards"
	"recaption/shards/dirstore"
)

// perSplit is how many scenes of each split are captioned.
const perSplit = 1000

// figure is what one of the captioner's abilities should reach.
type figure struct {
	what  string
	split scenes.Split
	of    func(score) scenes.Tally
	least float64
}

var figures = []figure{
	{"object set exact", scenes.Test, func(s score) scenes.Tally { return s.Objects }, .97},
	{"attribute binding: colour and shape", scenes.Test, func(s score) scenes.Tally { return s.Bindings }, .99},
	{"all four attributes", scenes.Test, func(s score) scenes.Tally { return s.Full }, 0},
	{"relations", scenes.Test, func(s score) scenes.Tally { return s.Relations }, .95},
	{"count", scenes.Test, func(s score) scenes.Tally { return s.Count }, 0},
	{"background", scenes.Test, func(s score) scenes.Tally { return s.Background }, 0},
	{"name carried over, exact", scenes.Test, func(s score) scenes.Tally { return s.Name }, .90},
	{"no name invented: each one told is a word of the alt-text", scenes.Test, func(s score) scenes.Tally { return s.notInvented }, 1},
	{"no name told where none belongs", scenes.Test, func(s score) scenes.Tally { return s.NoName }, 0},
	{"name of a thing that is not in the picture left out", scenes.Test, func(s score) scenes.Tally { return s.leftOut }, 0},
	{"every sentence readable", scenes.Test, func(s score) scenes.Tally { return s.Readable }, 0},
	{"colour-shape pairs never trained", scenes.HeldPairs, func(s score) scenes.Tally { return s.HeldPairs }, .90},
	{"names never trained, carried over, exact", scenes.HeldNames, func(s score) scenes.Tally { return s.Name }, 0},
	{"wrong colour of the alt-text corrected", scenes.WrongColour, func(s score) scenes.Tally { return s.Pairs }, .97},
	{"object set exact, no alt-text", scenes.NoAlt, func(s score) scenes.Tally { return s.Objects }, 0},
	{"no name invented, no alt-text", scenes.NoAlt, func(s score) scenes.Tally { return s.notInvented }, 1},
	{"object set exact, another picture's alt-text", scenes.OtherAlt, func(s score) scenes.Tally { return s.Objects }, 0},
	{"no name invented, another picture's alt-text", scenes.OtherAlt, func(s score) scenes.Tally { return s.notInvented }, 1},
	{"no name told where none belongs, another picture's alt-text", scenes.OtherAlt, func(s score) scenes.Tally { return s.NoName }, 0},
}

// accuracy captions scenes of every split with the program, and compares what
// the captions say with what was drawn.
func accuracy(ctx context.Context, l *lab) (result, error) {
	scores := map[scenes.Split]score{}
	for _, split := range []scenes.Split{scenes.Test, scenes.HeldPairs, scenes.HeldNames, scenes.WrongColour, scenes.NoAlt, scenes.OtherAlt} {
		name := "accuracy-" + string(split)
		src, err := l.scenes(ctx, name, "--count", fmt.Sprint(perSplit), "--seed", "7", "--split", string(split))
		if err != nil {
			return result{}, err
		}
		out := l.folder(name + "-out")
		if _, err := l.recaption(ctx, src, out); err != nil {
			return result{}, err
		}
		if scores[split], err = scoreRun(ctx, out); err != nil {
			return result{}, err
		}
	}
	t := [][]string{{"what", "scenes", "right", "of", "share", "to reach", "reached"}}
	for _, f := range figures {
		tally := f.of(scores[f.split])
		row := []string{f.what, string(f.split), fmt.Sprint(tally.Right), fmt.Sprint(tally.Asked), fmt.Sprintf("%.1f %%", 100*tally.Share()), "", ""}
		if f.least > 0 {
			row[5], row[6] = fmt.Sprintf(">= %.0f %%", 100*f.least), verdict(tally.Share() >= f.least)
		}
		t = append(t, row)
	}
	size, err := folderSize(l.model())
	if err != nil {
		return result{}, err
	}
	t = append(t, []string{"size of the model's files", "", "", "", fmt.Sprintf("%.1f MB", float64(size)/1e6), "<= 12 MB", verdict(size <= 12e6)})
	return result{
		about: fmt.Sprintf("%d scenes of each split, drawn with a seed that training never used, captioned by `recaption run`; facts are parsed from the caption's text and compared one by one (`internal/scenes`).", perSplit),
		table: t,
	}, nil
}

// score is what the captions of one split came to.
type score struct {
	scenes.Score
	notInvented scenes.Tally // the caption has no name, or one that is a word of the alt-text
	leftOut     scenes.Tally // the alt-text's name is of a thing that is not in the picture, and the caption has none
}

// scoreRun compares the captions that rest below a run's folder with the truth
// in their samples' context.
func scoreRun(ctx context.Context, out string) (score, error) {
	var sum score
	err := eachRow(ctx, out, func(s schemas.Sample, c schemas.CaptionRow) error {
		var page struct{ Truth scenes.Truth }
		if err := json.Unmarshal(s.Context, &page); err != nil {
			return fmt.Errorf("truth of %s: %w", s.Key, err)
		}
		text, alt := "", ""
		if n := len(c.Captions); n > 0 {
			text = c.Captions[n-1].Text
		}
		if s.AltText != nil {
			alt = *s.AltText
		}
		read := scenes.Parse(text)
		sum.Add(scenes.Compare(page.Truth.Facts(), read))
		count(&sum.notInvented, read.Name == "" || hasWord(alt, read.Name))
		if page.Truth.Name == "" && page.Truth.AltKind == scenes.AltUnrelated {
			count(&sum.leftOut, read.Name == "")
		}
		return nil
	})
	return sum, err
}

// hasWord tells whether word stands in text by itself, not within another: a
// name that lacks the end of the alt-text's is another name.
func hasWord(text, word string) bool {
	words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return slices.Contains(words, word)
}

func count(t *scenes.Tally, right bool) {
	t.Asked++
	if right {
		t.Right++
	}
}

// eachRow reads every sample of a run's folder with its caption row.
func eachRow(ctx context.Context, out string, use func(schemas.Sample, schemas.CaptionRow) error) error {
	st, err := dirstore.Open(filepath.Join(out, "state", "s3", "recaption"))
	if err != nil {
		return err
	}
	files := map[schemas.ShardID]schemas.Shard{}
	datasets := map[schemas.ShardID]schemas.DatasetID{}
	for o, err := range st.List(ctx, "datasets/", "") {
		if err != nil {
			return err
		}
		if _, _, _, err := shards.ParsePartKey(o.Key); err != nil {
			continue
		}
		part, err := shards.ReadPart(ctx, st, o.Key)
		if err != nil {
			return err
		}
		for _, s := range part.Shards {
			files[s.ID], datasets[s.ID] = s, part.Dataset
		}
	}
	for o, err := range st.List(ctx, "captions/", "") {
		if err != nil {
			return err
		}
		if _, _, _, err := shards.ParseReceiptKey(o.Key); err != nil {
			continue
		}
		r, err := shards.ReadReceipt(ctx, st, o.Key)
		if err != nil {
			return err
		}
		if err := eachOf(ctx, st, datasets[r.Shard], files[r.Shard], r, use); err != nil {
			return err
		}
	}
	return nil
}

func eachOf(ctx context.Context, st shards.Store, d schemas.DatasetID, s schemas.Shard, r schemas.Receipt, use func(schemas.Sample, schemas.CaptionRow) error) error {
	captions, err := shards.Open(ctx, st, shards.CaptionsKey(r.Recipe, r.Shard, r.Generation, r.Attempt), r.File)
	if err != nil {
		return err
	}
	var rows []schemas.CaptionRow
	for c, err := range captions.Captions(ctx) {
		if err != nil {
			return err
		}
		rows = append(rows, c.CaptionRow)
	}
	samples, err := shards.Open(ctx, st, shards.SampleShardKey(d, s.ID), s.File)
	if err != nil {
		return err
	}
	for sample, err := range samples.Samples(ctx) {
		if err != nil {
			return err
		}
		if err := use(sample.Sample, rows[sample.Row]); err != nil {
			return err
		}
	}
	return nil
}
