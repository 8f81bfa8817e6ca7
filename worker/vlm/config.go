package vlm

import (
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"time"

	"recaption/internal/ort"
)

// Config says how an engine uses the machine. None of it decides a text, but
// for Precision, which chooses the files.
type Config struct {
	Device    string // "cpu", "cuda" or "cuda:N"
	BatchSize int    // most rows in a batch
	// CacheBytes bounds what the caches of a lane's batch take: batches of long
	// prompts or large models have fewer rows.
	CacheBytes int64
	Lanes      int // batches that run at once; 0: as many as suit model and machine
	Threads    int // threads of each lane; 0: the cores shared among the lanes
	// Linger is how long a batch that is not full waits for more calls.
	Linger time.Duration
	// Precision chooses among the variants of a graph's file: "fp16" takes
	// decoder_model_merged_fp16.onnx. Keys are graphs (vision_encoder,
	// embed_tokens, decoder_model_merged) or "" for all others. "fp32" and ""
	// are the files without a suffix, "q8" is _quantized.
	Precision map[string]string
	// MaxPixels bounds the pictures that are decoded; 0 is the decoder's default.
	MaxPixels int
	// Profile is the prefix of the runtime's own trace files, one per graph.
	Profile string
}

// DefaultConfig captions on the CPU.
func DefaultConfig() Config {
	return Config{Device: "cpu", BatchSize: 64, CacheBytes: 4 << 30, Linger: 2 * time.Millisecond}
}

var precisionName = regexp.MustCompile(`^[a-z0-9]*$`)

// Validate names all faults at once.
func (c Config) Validate() error {
	var errs []error
	bad := func(field string, value, want any) {
		errs = append(errs, fmt.Errorf("%s is %v, want %v", field, value, want))
	}
	if _, err := ort.ParseDevice(c.Device); err != nil {
		errs = append(errs, err)
	}
	if c.BatchSize < 1 || c.BatchSize > 4096 {
		bad("batch size", c.BatchSize, "1 to 4096")
	}
	if c.CacheBytes < 1<<20 {
		bad("cache bytes", c.CacheBytes, "1 MiB or more")
	}
	if c.Lanes < 0 || c.Lanes > 256 {
		bad("lanes", c.Lanes, "0 to 256")
	}
	if c.Threads < 0 || c.Threads > 1024 {
		bad("threads", c.Threads, "0 to 1024")
	}
	if c.Linger < 0 || c.Linger > time.Second {
		bad("linger", c.Linger, "0 to 1s")
	}
	if c.MaxPixels < 0 {
		bad("max pixels", c.MaxPixels, "0 or more")
	}
	for graph, p := range c.Precision {
		if graph != "" && graph != visionGraph && graph != embedGraph && graph != decoderGraph {
			bad("precision of "+graph, p, "one of the graphs "+visionGraph+", "+embedGraph+", "+decoderGraph)
		}
		if !precisionName.MatchString(p) {
			bad("precision", p, "lower-case letters and digits")
		}
	}
	return errors.Join(errs...)
}

// smallModel is the size of graphs below which one batch per core, each on one
// thread, beats one batch on all cores: the weights stay in the cores' caches,
// and matrices this small lose more to waiting than they gain from a second thread.
const smallModel = 64 << 20

// share fills in lanes and threads for a model of so many bytes.
func (c Config) share(bytes int64) Config {
	cores := runtime.GOMAXPROCS(0)
	if c.Lanes == 0 {
		c.Lanes = 1
		if c.Device == "cpu" && bytes < smallModel {
			c.Lanes = max(cores/max(c.Threads, 1), 1)
		}
	}
	if c.Threads == 0 {
		c.Threads = max(cores/c.Lanes, 1)
	}
	return c
}
