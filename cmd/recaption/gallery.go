package main

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"slices"

	"github.com/dustin/go-humanize"

	"recaption/coordinator"
	"recaption/gate"
	"recaption/schemas"
	"recaption/shards"
)

// gallerySamples is how many samples a gallery shows.
const gallerySamples = 60

//go:embed gallery.html
var galleryPage string

var galleryTemplate = template.Must(template.New("gallery").Parse(galleryPage))

// gallery is what the page is made of.
type gallery struct {
	Summary summary
	Total   string
	Figures []figure
	Samples []gallerySample
}

type figure struct{ Name, Value string }

// gallerySample is one sample as the page shows it.
type gallerySample struct {
	Key      string
	Image    template.URL // a data URI; empty where there is none to show
	NoImage  string       // why there is none
	AltText  *string
	Caption  string // as the gate accepts it
	Rejected string // the latest caption, where the gate accepts none
	Flags    []schemas.Flag
	Status   string
	Reason   schemas.Reason
}

// writeGallery writes a page of samples of a run, evenly spread over its
// shards: alt-text beside caption. It reads the record batches that hold them,
// and no others.
func writeGallery(ctx context.Context, path string, st shards.Store, run coordinator.Run, sum summary) error {
	samples, err := pickSamples(ctx, st, run, sum.Rows)
	if err != nil {
		return fmt.Errorf("gallery: %w", err)
	}
	return replaceFile(path, func(w *bufio.Writer) error {
		return galleryTemplate.Execute(w, gallery{sum, humanize.Comma(int64(sum.Samples)), figures(sum), samples})
	})
}

func figures(s summary) []figure {
	n := func(i int) string { return humanize.Comma(int64(i)) }
	f := []figure{
		{"samples", n(s.Samples)},
		{"captioned", n(s.Statuses[schemas.RowCaptioned])},
		{"accepted", fmt.Sprintf("%s (%.1f %%)", n(s.Accepted), percent(s.Accepted, s.Rows))},
	}
	for _, status := range schemas.RowStatuses() {
		if c := s.Statuses[status]; c > 0 && status != schemas.RowCaptioned {
			f = append(f, figure{string(status), n(c)})
		}
	}
	for _, flag := range schemas.Flags() {
		if c := s.Flags[flag]; c > 0 {
			f = append(f, figure{"flag " + string(flag), n(c)})
		}
	}
	return f
}

// pickSamples reads the samples of a gallery. total is the number of rows of
// the run's shards.
func pickSamples(ctx context.Context, st shards.Store, run coordinator.Run, total int) ([]gallerySample, error) {
	recipe, err := shards.ReadRecipe(ctx, st, run.Recipe)
	if err != nil {
		return nil, err
	}
	spec, err := shards.ReadGate(ctx, st, run.Gate)
	if err != nil {
		return nil, err
	}
	g, err := gate.New(spec, recipe.Prompts)
	if err != nil {
		return nil, err
	}
	wanted := spread(gallerySamples, total)
	var samples []gallerySample
	first := 0 // row of the run
	for s, err := range revisionShards(ctx, st, revision{run.Dataset.Dataset, run.Dataset.Revision}) {
		if err != nil {
			return nil, err
		}
		var rows []int
		for len(wanted) > 0 && wanted[0] < first+s.File.Rows {
			rows, wanted = append(rows, wanted[0]-first), wanted[1:]
		}
		first += s.File.Rows
		if len(rows) == 0 {
			continue
		}
		for v, err := range readCaptioned(ctx, st, run.Dataset.Dataset, s, run.Recipe, shards.RowsAt(rows...)...) {
			if errors.Is(err, shards.ErrCorrupt) || errors.Is(err, shards.ErrNotFound) {
				break // the run has told that its rows failed; the others can be shown
			}
			if err != nil {
				return nil, err
			}
			samples = append(samples, newGallerySample(v, g))
		}
	}
	return samples, nil
}

// spread gives n rows of total, evenly spread, all where there are fewer.
func spread(n, total int) []int {
	n = min(n, total)
	rows := make([]int, n)
	for i := range rows {
		rows[i] = (2*i + 1) * total / (2 * n)
	}
	return slices.Compact(rows)
}

func newGallerySample(v captionedSample, g *gate.Gate) gallerySample {
	s := gallerySample{Key: v.Key, AltText: v.AltText, Status: string(v.Status), Reason: v.Reason}
	s.Image, s.NoImage = picture(v.Sample)
	if v.captions == nil {
		return s
	}
	s.Status, s.Reason = string(v.captions.Status), v.captions.Reason
	if verdict, ok := g.Accepted(v.AltText, *v.captions); ok {
		s.Caption, s.Flags = verdict.Text, verdict.Flags
	} else if n := len(v.captions.Captions); n > 0 {
		last := v.captions.Captions[n-1]
		s.Rejected, s.Flags = last.Text, g.Judge(v.AltText, last).Flags
	}
	return s
}

// None says why a sample has no caption to show.
func (s gallerySample) None() string {
	why := map[string]string{
		string(schemas.RowCaptioned):   "the gate accepts none",
		string(schemas.RowRefused):     "the model gave no text",
		string(schemas.RowFailed):      "captioning failed",
		string(schemas.RowUnreachable): "the image could not be fetched",
		string(schemas.RowUnusable):    "the image can't be used",
		string(schemas.RowWithdrawn):   "the sample was withdrawn",
	}[s.Status]
	if why == "" {
		why = "not captioned yet"
	}
	if s.Reason != "" {
		why += ": " + string(s.Reason)
	}
	return why
}
