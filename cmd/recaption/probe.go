package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"recaption/trainer/probe"
)

// scenesSuite is the suite that is drawn and not read.
const scenesSuite = "scenes"

func newProbeCommand() *cobra.Command {
	var (
		model, precision, suite, data, images string
		families                              int
		seed                                  uint64
		asJSON                                bool
	)
	c := &cobra.Command{
		Use:   "probe --model DIR --suite NAME",
		Short: "Ask a CLIP-like model what it has learned: composition, retrieval, classes",
		Long: `Ask a pair of towers what it has learned. The model is a folder in the layout of
public CLIP and SigLIP exports: config.json, preprocessor_config.json,
tokenizer.json, and the graphs vision_model.onnx and text_model.onnx, or
model.onnx, there or in onnx/.

The suite scenes is drawn, of colours, shapes and places that never occur
together in training, and needs neither --data nor --images. The others are read
from their published files, --data, and the folder of their pictures, --images:
  sugarcrepe  the folder data of its repository; COCO val2017
  aro         visual_genome_relation.json, visual_genome_attribution.json,
              coco_karpathy_test.json, flickr30k_test.json: those that are there
  winoground  examples.jsonl
  coco        dataset_coco.json (Karpathy's split)
  flickr30k   dataset_flickr30k.json
  docci       docci_descriptions.jsonlines

A right answer scores strictly more than all others; ties are wrong. Intervals
are Wilson's, 95 %. blind is what a guesser gets that never sees the picture: a
bigram model of words, fitted on captions of training scenes, or on the suite's
texts of other pictures.

The exit code is 3 when pictures of the suite are missing; the figures are then
those of the items that are left.`,
		Example: `  recaption probe --model clip-vit-base-patch32 --suite scenes
  recaption probe --model clip-vit-base-patch32 --suite sugarcrepe --data sugar-crepe/data --images val2017 --json`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := loadSettings(c.Flags())
			if err != nil {
				return err
			}
			if model == "" {
				return usagef("--model: want the folder of a CLIP-like export")
			}
			if info, err := os.Stat(model); err != nil || !info.IsDir() {
				return usagef("--model %s: no such folder", model)
			}
			known := append([]string{scenesSuite}, probe.Suites()...)
			if !slices.Contains(known, suite) {
				return usagef("--suite %q: want one of %s", suite, strings.Join(known, ", "))
			}
			if suite == scenesSuite && (data != "" || images != "") {
				return usagef("--suite scenes is drawn: leave out --data and --images")
			}
			if suite != scenesSuite && (data == "" || images == "") {
				return usagef("--suite %s: want --data, its published file or folder, and --images, the folder of its pictures", suite)
			}
			var asked *probe.Suite
			o := probe.Options{}
			if suite == scenesSuite {
				cfg := probe.DefaultScenes()
				cfg.Set.Seed, cfg.Families = seed, families
				if asked, err = probe.Scenes(c.Context(), cfg); err != nil && c.Context().Err() == nil {
					return usagef("%w", err)
				} else if err != nil {
					return err
				}
				const texts = 8000
				o.Texts = probe.SceneTexts(seed, texts)
			} else if asked, err = probe.Load(suite, data, images); err != nil {
				return err
			}
			e, err := probe.Open(model, probe.ExportConfig{
				Device: s.Engine.Device, Threads: s.Engine.Threads, BatchSize: s.Engine.BatchSize, Precision: precision,
			})
			if err != nil {
				return err
			}
			defer e.Close()
			o.Progress = tenths(newLog(s.Log).Info)
			r, err := probe.Run(c.Context(), e, asked, o)
			if err != nil {
				return err
			}
			r.Model = model
			return printResult(c.OutOrStdout(), r, asJSON)
		},
	}
	f := c.Flags()
	f.StringVar(&model, "model", "", "folder of a CLIP-like ONNX export")
	f.StringVar(&precision, "precision", "", "which of the model's graphs: fp32, fp16, q8, … (default: fp32)")
	f.StringVar(&suite, "suite", scenesSuite, "scenes, "+strings.Join(probe.Suites(), ", "))
	f.StringVar(&data, "data", "", "published file of the suite, or the folder that holds it")
	f.StringVar(&images, "images", "", "folder of the suite's pictures")
	f.IntVar(&families, "families", probe.DefaultScenes().Families, "scenes: families of four pictures")
	f.Uint64Var(&seed, "seed", probe.DefaultScenes().Set.Seed, "scenes: seed of the set")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON, with items won and lost")
	engineFlags(f)
	return c
}

// printResult prints what was found; pictures that were missing are an error.
func printResult(w io.Writer, r *probe.Result, asJSON bool) error {
	var err error
	if asJSON {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		err = printFigures(w, r)
	}
	if err == nil && len(r.Missing) > 0 {
		err = fmt.Errorf("%w: %d pictures of %s are missing: %s", errFindings, len(r.Missing), r.Suite, some(r.Missing))
	}
	return err
}

// printFigures prints a table, then what else there is to know.
func printFigures(w io.Writer, r *probe.Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var errs []error
	line := func(format string, args ...any) {
		_, err := fmt.Fprintf(t, format+"\n", args...)
		errs = append(errs, err)
	}
	line("probe\tmetric\t%%\t95 %% interval\tties\titems\tchance\tblind\t95 %% interval")
	for _, f := range r.Figures {
		line("%s\t%s\t%.1f\t%.1f to %.1f\t%d\t%d\t%.1f\t%.1f\t%.1f to %.1f",
			f.Probe, f.Metric, 100*f.Share.Share, 100*f.Low, 100*f.High, f.Ties, f.Asked,
			100*f.Chance, 100*f.Blind.Share, 100*f.Blind.Low, 100*f.Blind.High)
		if m := f.Macro; m != nil {
			line("\tmean of %d groups\t%.1f\t%.1f to %.1f\t\t\t\t\t", m.Groups, 100*m.Share, 100*m.Low, 100*m.High)
		}
	}
	errs = append(errs, t.Flush())
	say := func(format string, args ...any) {
		_, err := fmt.Fprintf(w, format+"\n", args...)
		errs = append(errs, err)
	}
	say("\n%d pictures, %d texts; blind is %s", r.Images, r.Texts, r.Blind)
	if r.Cut > 0 {
		say("%d texts are longer than the model reads, and lost their end", r.Cut)
	}
	for _, why := range slices.Sorted(maps.Keys(r.Dropped)) {
		say("left out: %d (%s)", r.Dropped[why], why)
	}
	for _, n := range r.Notes {
		say("note: %s", n)
	}
	return errors.Join(errs...)
}

// some names the first few.
func some(names []string) string {
	const few = 5
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:few], ", ") + ", …"
}

// tenths tells of progress ten times, and not at all where all is done at once.
func tenths(tell func(string, ...any)) func(done, total int) {
	told := 0
	return func(done, total int) {
		if now := 10 * done / total; now > told && done < total {
			told = now
			tell("embedding", "done", done, "of", total)
		}
	}
}
