package main

import (
	"context"
	"errors"
	"iter"
	"log/slog"

	"recaption/coordinator"
	"recaption/schemas"
	"recaption/shards"
)

// bundledModel names the model that comes with the program.
const bundledModel = "bundled"

// sceneSide is the width and height of drawn scenes, in pixels: all that the
// bundled captioner has ever seen. docs/scenes.md describes them.
const sceneSide = 96

const noteOfScenes = "the bundled captioner knows drawn scenes alone, and these samples are none: its captions of them mean nothing; name a model by --model"

// noteOfModel says what is wrong with a model for the data of a revision,
// nothing where nothing is or no sample is cut yet.
func noteOfModel(ctx context.Context, st shards.Store, r revision, model string) (string, error) {
	if model != bundledModel {
		return "", nil
	}
	for v, err := range firstSamples(ctx, st, r) {
		if err != nil {
			return "", err
		}
		if v.Width != sceneSide || v.Height != sceneSide {
			return noteOfScenes, nil
		}
	}
	return "", nil
}

// warnOfModel gives a view of the progress that passes everything on to next,
// and logs the note of the model as soon as there are samples to look at.
func warnOfModel(ctx context.Context, st shards.Store, r revision, model string, log *slog.Logger, next func(coordinator.Progress)) func(coordinator.Progress) {
	looked := false
	return func(p coordinator.Progress) {
		next(p)
		if looked || p.Shards == 0 {
			return
		}
		looked = true
		// What can't be read here is told where it has to be.
		if note, err := noteOfModel(ctx, st, r, model); err == nil && note != "" {
			log.Warn(note)
		}
	}
}

func revisionOf(run coordinator.Run) revision {
	return revision{run.Dataset.Dataset, run.Dataset.Revision}
}

// firstSamples gives those of a revision's first shard with any that can be
// captioned, a hundred at most.
func firstSamples(ctx context.Context, st shards.Store, r revision) iter.Seq2[schemas.Sample, error] {
	return func(yield func(schemas.Sample, error) bool) {
		looked := 0
		for s, err := range revisionShards(ctx, st, r) {
			if err != nil {
				yield(schemas.Sample{}, err)
				return
			}
			for v, err := range readShard(ctx, st, r.dataset, s, nil) {
				switch {
				case errors.Is(err, shards.ErrCorrupt): // others can be read
				case err != nil:
					yield(schemas.Sample{}, err)
					return
				case v.Status == schemas.SampleOK:
					if looked++; !yield(v.Sample, nil) || looked == 100 {
						return
					}
				}
			}
			if looked > 0 {
				return
			}
		}
	}
}
