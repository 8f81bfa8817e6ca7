package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"recaption/worker/vlm"
)

// precisionFlag adds the flag of engine.precision, to commands that run a
// captioning model.
func precisionFlag(f *pflag.FlagSet) {
	f.String("precision", "", "which of the model's graphs: fp32, fp16, q8, …, or some by name: decoder_model_merged=q4,fp16 (default: engine.precision, fp32)")
}

// parsePrecision reads a list of precisions, each for the graph that is named
// before it, or for all that aren't.
func parsePrecision(text string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	of := map[string]string{}
	for item := range strings.SplitSeq(text, ",") {
		graph, precision, named := strings.Cut(item, "=")
		if !named {
			graph, precision = "", item
		}
		if precision == "" || named && graph == "" {
			return nil, fmt.Errorf("%q: want a precision, or a graph and its precision as decoder_model_merged=q4", item)
		}
		if _, twice := of[graph]; twice {
			return nil, fmt.Errorf("%q: want one precision for each graph, and one for all others", item)
		}
		of[graph] = precision
	}
	c := vlm.DefaultConfig()
	c.Precision = of
	return of, c.Validate()
}
