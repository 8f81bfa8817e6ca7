package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"recaption/gate"
	"recaption/schemas"
	"recaption/shards"
	"recaption/trainer/feed"
	"recaption/trainer/mix"
	"recaption/trainer/probe"
	"recaption/trainer/report"
	"recaption/trainer/train"
)

// arm is a finished training and its model, opened.
type arm struct {
	record train.Record
	list   schemas.EpochList // of its first epoch
	dir    string
	towers *probe.Export
	arm    report.Arm
	result *probe.Result
	texts  []string // that it was shown, some of them: what the blind guesser is fitted on
}

// openArm gets a training's model out of the store.
func openArm(ctx context.Context, st shards.Store, id schemas.TrainingID) (_ *arm, err error) {
	a := &arm{}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	var files []train.File
	if a.record, files, err = train.Load(ctx, st, id); err != nil {
		return nil, err
	}
	if a.list, err = shards.ReadEpoch(ctx, st, id, 0); err != nil {
		return nil, err
	}
	if a.dir, err = os.MkdirTemp("", "recaption-report-"); err != nil {
		return nil, fmt.Errorf("open model of training %s: %w", id, err)
	}
	if err := train.WriteFolder(filepath.Join(a.dir, "model"), files); err != nil {
		return nil, err
	}
	if a.towers, err = probe.Open(filepath.Join(a.dir, "model"), probe.ExportConfig{}); err != nil {
		return nil, err
	}
	r := a.record
	policy, err := json.MarshalIndent(r.Policy, "", "  ")
	if err != nil {
		return nil, err
	}
	took := seconds(r.Curve)
	a.arm = report.Arm{
		Name: string(id), Policy: string(policy),
		Training: &report.Training{
			Model: fmt.Sprintf("CLIP, %d + %d layers of %d, patches of %d", r.Model.Vision.Layers, r.Model.Text.Layers, r.Model.Vision.Width, r.Model.Vision.Patch),
			Loss:  string(r.Loss), Optimizer: fmt.Sprintf("%s, rate %g", r.Optimizer.Method, r.Optimizer.Rate),
			Parameters: int64(r.Parameters), Steps: r.Optimizer.Steps, Batch: r.Batch,
			Epochs: perSecond(r.Optimizer.Steps*r.Batch, float64(r.Rows)), Samples: int(r.Rows), Pixels: r.Model.Vision.Image, Context: r.Policy.Context,
			Seconds: report.Number(took), ImagesPerSecond: perSecond(r.Optimizer.Steps*r.Batch, took), PeakMemory: r.PeakMemory,
			Settings: []report.Setting{
				{Name: "warm-up, steps", Value: fmt.Sprint(r.Optimizer.Warmup)}, {Name: "weight decay", Value: fmt.Sprint(r.Optimizer.Decay)},
				{Name: "Muon's rate", Value: fmt.Sprint(r.Optimizer.MuonRate)}, {Name: "precision", Value: "fp32"},
			},
		},
	}
	last := 0
	for _, p := range r.Curve {
		a.arm.Curve = append(a.arm.Curve, report.Point{
			Step: p.Step, Loss: report.Number(p.Loss), Rate: report.Number(p.Rate), Scale: report.Number(p.Scale), ImagesPerSecond: perSecond((p.Step-last)*r.Batch, p.Seconds),
		})
		last = p.Step
	}
	return a, nil
}

func (a *arm) close() {
	if a.towers != nil {
		a.towers.Close()
	}
	if a.dir != "" {
		_ = os.RemoveAll(a.dir) // below the folder of temporary files
	}
}

// fitTexts is how many texts the blind guesser is fitted on, at most.
const fitTexts = 50_000

// read goes through what the first epoch showed: texts to count, and the
// digests of the pictures that were trained on.
func (a *arm) read(ctx context.Context, st shards.Store, trained map[schemas.Digest]bool) error {
	r, err := feed.Open(ctx, st, a.list, feed.DefaultReaderConfig(), newLog(logSettings{Level: "error", Format: "text"}))
	if err != nil {
		return err
	}
	stats := report.NewTextStats()
	for s, err := range r.Samples(ctx, r.Start(0)) {
		if err != nil {
			return err
		}
		if s.Kind == mix.None || s.Text.Text == "" {
			stats.Miss()
			continue
		}
		stats.Add(s.Text.Text)
		trained[schemas.Sum(s.Image)] = true
		if len(a.texts) < fitTexts {
			a.texts = append(a.texts, s.Text.Text)
		}
	}
	texts := stats.Texts()
	a.arm.Texts = &texts
	return nil
}

// probe asks the arm's model the suite.
func (a *arm) probe(ctx context.Context, suite *probe.Suite) (err error) {
	fit := func(yield func(string) bool) {
		for _, t := range a.texts {
			if !yield(t) {
				return
			}
		}
	}
	if a.result, err = probe.Run(ctx, a.towers, suite, probe.Options{Texts: fit}); err != nil {
		return fmt.Errorf("probe training %s: %w", a.arm.Name, err)
	}
	for _, f := range a.result.Figures {
		blind := report.Number(f.Blind.Share)
		a.arm.Probes = append(a.arm.Probes, report.Probe{
			Suite: a.result.Suite, Name: figureName(f), Items: f.Asked, Won: f.Right, Ties: f.Ties, Chance: report.Number(f.Chance),
			Share: report.Number(f.Share.Share), Low: report.Number(f.Low), High: report.Number(f.High), Blind: &blind,
		})
	}
	return nil
}

// pins are the digests of what the arm was made from.
func (a *arm) pins() []report.Pin {
	ps := []report.Pin{
		{What: "policy", Name: a.arm.Name, Digest: string(a.record.PolicyID)},
		{What: "settings of the training", Name: a.arm.Name, Digest: a.record.Settings.String()},
	}
	for _, d := range a.record.Datasets {
		ps = append(ps, report.Pin{What: "dataset", Name: string(d.Dataset), Digest: string(d.Revision)})
	}
	seen := map[schemas.RecipeID]bool{}
	for _, e := range a.list.Entries {
		for _, c := range e.Captions {
			if !seen[c.Recipe] {
				seen[c.Recipe] = true
				ps = append(ps, report.Pin{What: "recipe", Name: a.arm.Name, Digest: string(c.Recipe)})
			}
		}
	}
	return ps
}

// reportSamples is how many samples a report shows.
const reportSamples = 12

// reportGallery takes samples from the first shard with captions that any arm read.
func reportGallery(ctx context.Context, st shards.Store, arms []*arm) ([]report.Sample, error) {
	for _, a := range arms {
		for _, e := range a.list.Entries {
			if len(e.Captions) > 0 {
				return entrySamples(ctx, st, a.record.Policy, e)
			}
		}
	}
	return nil, nil
}

func entrySamples(ctx context.Context, st shards.Store, policy schemas.Policy, e schemas.EpochEntry) ([]report.Sample, error) {
	var rows []int
	for i := range min(reportSamples, e.File.Rows) {
		rows = append(rows, i*e.File.Rows/reportSamples)
	}
	c := e.Captions[0]
	recipe, err := shards.ReadRecipe(ctx, st, c.Recipe)
	if err != nil {
		return nil, err
	}
	g, err := gate.New(policy.Gate, recipe.Prompts)
	if err != nil {
		return nil, err
	}
	captions, err := shards.Open(ctx, st, shards.CaptionsKey(c.Recipe, e.Shard, c.Generation, c.Attempt), c.File)
	if err != nil {
		return nil, err
	}
	written := map[int]schemas.CaptionRow{}
	for row, err := range captions.Captions(ctx, shards.RowsAt(rows...)...) {
		if err != nil {
			return nil, err
		}
		written[row.Row] = row.CaptionRow
	}
	samples, err := shards.Open(ctx, st, shards.SampleShardKey(e.Dataset, e.Shard), e.File)
	if err != nil {
		return nil, err
	}
	var all []report.Sample
	for s, err := range samples.Samples(ctx, shards.RowsAt(rows...)...) {
		if err != nil {
			return nil, err
		}
		out := report.Sample{Key: s.Key, AltText: s.AltText, True: trueCaption(s.Context)}
		out.Image, out.NoImage = pageImage(s.Image, s.MediaType)
		for _, t := range written[s.Row].Captions {
			v := g.Judge(s.AltText, t)
			if v.Accepted {
				out.Caption, out.Flags = v.Text, v.Flags
				break
			}
			out.Rejected, out.Flags = t.Text, v.Flags
		}
		all = append(all, out)
	}
	return all, nil
}

// trueCaption is what a drawn scene says of itself.
func trueCaption(context json.RawMessage) string {
	var c struct {
		Truth struct {
			Caption string `json:"caption"`
		} `json:"truth"`
	}
	if json.Unmarshal(context, &c) != nil {
		return "" // another data set's context
	}
	return c.Truth.Caption
}

// items shows questions of the first two kinds of choices, won and lost by the
// last arm but those that all won alike.
func items(ctx context.Context, suite *probe.Suite, arms []*arm) ([]report.Item, error) {
	const each = 2
	judged := arms[min(1, len(arms)-1)]
	var all []report.Item
	for _, name := range []string{probe.AttributeSwap, probe.RelationFlip, probe.RoleSwap} {
		f := judged.result.Figure(name, probe.Accuracy)
		if f == nil {
			continue
		}
		for _, list := range [][]probe.Item{f.Won, f.Lost} {
			for _, it := range list[:min(each, len(list))] {
				item, err := item(ctx, suite, name, it, arms)
				if err != nil {
					return nil, err
				}
				all = append(all, item)
			}
		}
	}
	return all, nil
}

func item(ctx context.Context, suite *probe.Suite, name string, it probe.Item, arms []*arm) (report.Item, error) {
	b, err := suite.Images[it.Index].Read()
	if err != nil {
		return report.Item{}, err
	}
	out := report.Item{Suite: suite.Name, Probe: name, Key: strings.TrimPrefix(it.Image, "/"), Image: b, True: it.True, Wrong: it.Against}
	for _, a := range arms {
		images, err := a.towers.EmbedImages(ctx, [][]byte{b})
		if err != nil {
			return report.Item{}, err
		}
		texts, err := a.towers.EmbedTexts(ctx, []string{it.True, it.Against})
		if err != nil {
			return report.Item{}, err
		}
		if len(images) != 1 || len(texts) != 2 {
			return report.Item{}, errors.New("the towers gave other rows than were asked for")
		}
		out.Arms = append(out.Arms, report.ItemArm{Arm: a.arm.Name, True: dot(images[0], texts[0]), Wrong: dot(images[0], texts[1])})
	}
	return out, nil
}

func dot(a, b []float32) report.Number {
	s := 0.0
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return report.Number(s)
}
