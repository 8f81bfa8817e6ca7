package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"recaption/internal/ort"
	"recaption/models"
	"recaption/worker/vlm"
)

// engineFlags adds the flags of the engine's settings.
func engineFlags(f *pflag.FlagSet) {
	f.String("device", "", "cpu, or cuda:0, cuda:1, … (default: engine.device, cpu)")
	f.Int("threads", 0, "threads of one operator (default: shared among the cores)")
	f.Int("batch", 0, "samples in a batch (default: engine.batch_size, 64)")
}

func engineConfig(s settings) vlm.Config {
	c := vlm.DefaultConfig()
	c.Device, c.Threads, c.BatchSize = s.Engine.Device, s.Engine.Threads, s.Engine.BatchSize
	c.Precision, _ = parsePrecision(s.Engine.Precision) // checked by settings.validate
	return c
}

// findModel gives the folder of a model: the one that comes with the program
// for "bundled", which is unpacked into the cache folder.
func findModel(name string) (string, error) {
	if name == bundledModel {
		return models.Unpack()
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", usagef("model %s is not there; name a folder in the layout of a public ONNX repository, or bundled", name)
	case err != nil:
		return "", fmt.Errorf("model: %w", err)
	case !info.IsDir():
		return "", usagef("model %s is a file; name the folder that holds config.json and onnx/", name)
	}
	return filepath.Clean(name), nil
}

// withEngine opens a model, runs its engine while use does, and closes it.
func withEngine(ctx context.Context, dir string, s settings, use func(context.Context, *vlm.Engine) error) error {
	e, err := vlm.Open(dir, engineConfig(s))
	if err != nil {
		return openError(err, s.Engine.Device)
	}
	defer e.Close()
	// The engine outlives ctx: who uses it decides what is finished.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	using, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := e.Run(running)
		if running.Err() == nil {
			fail(err) // it can't go on: neither can they
		}
	}()
	err = use(using, e)
	engineDied := running.Err() == nil && using.Err() != nil && ctx.Err() == nil
	cause := context.Cause(using)
	stop()
	<-ended
	if engineDied {
		return cause
	}
	return err
}

// openError says what to do about a model that can't be opened, where that is
// about what the user named: the folder, or a device that the runtime library
// was built without.
func openError(err error, device string) error {
	if strings.HasPrefix(device, "cuda") {
		if r, ask := ort.Describe(); ask == nil && !slices.Contains(r.Providers, cudaProvider) {
			return usagef("--device %s: this ONNX Runtime was built without CUDA (it has %s); %s",
				device, strings.Join(r.Providers, ", "), cudaRemedy)
		}
	}
	if errors.Is(err, vlm.ErrModel) {
		return usagef("%w; recaption model inspect tells more of a folder", err)
	}
	return err
}
