package optim

import (
	"errors"
	"fmt"
	"math"
)

// Method is how the matrices between hidden layers are trained.
type Method string

// The methods. What is no such matrix is trained by AdamW with either.
const (
	AdamW Method = "adamw" // Loshchilov and Hutter, arXiv 1711.05101
	// Muon makes the updates orthogonal (Jordan et al. 2024,
	// https://kellerjordan.github.io/posts/muon/), scaled to the size of AdamW's as in
	// Liu et al., arXiv 2502.16982, so that rate and decay mean the same for both.
	Muon Method = "muon"
)

// Config says how parameters are trained. All rates follow the one schedule: they
// rise over Warmup steps and fall as a cosine until Steps.
type Config struct {
	Method  Method
	Rate    float64 // the largest learning rate
	Warmup  int     // steps
	Steps   int     // of the whole training
	Floor   float64 // what is left of the rates at the end, 0 to 1
	Decay   float64 // of weights, times the rate; for those parameters it is meant for
	Beta1   float64 // AdamW's
	Beta2   float64
	Epsilon float64
	Clip    float64 // the largest length of all gradients together; 0: any

	MuonRate float64 // Muon's learning rate; 0: Rate
	Momentum float64 // Muon's
}

// DefaultConfig is AdamW as OpenCLIP's users set it for pairs of some thousand samples.
func DefaultConfig() Config {
	return Config{
		Method: AdamW, Rate: 1e-3, Warmup: 100, Steps: 1000, Decay: 0.1,
		Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, Clip: 1, Momentum: 0.95,
	}
}

// Validate names every fault.
func (c Config) Validate() error {
	var errs []error
	want := func(ok bool, name string, value any, need string) {
		if !ok {
			errs = append(errs, fmt.Errorf("optimizer: %s is %v: want %s", name, value, need))
		}
	}
	want(c.Method == AdamW || c.Method == Muon, "method", c.Method, "adamw or muon")
	want(c.Rate > 0 && c.Rate <= 1, "rate", c.Rate, "more than 0, at most 1")
	want(c.Steps > 0, "steps", c.Steps, "1 or more")
	want(c.Warmup >= 0 && c.Warmup <= c.Steps, "warmup", c.Warmup, "0 to the number of steps")
	want(c.Floor >= 0 && c.Floor <= 1, "floor", c.Floor, "0 to 1")
	want(c.Decay >= 0 && c.Decay <= 10, "decay", c.Decay, "0 to 10")
	want(c.Beta1 >= 0 && c.Beta1 < 1, "beta1", c.Beta1, "0 or more, less than 1")
	want(c.Beta2 >= 0 && c.Beta2 < 1, "beta2", c.Beta2, "0 or more, less than 1")
	want(c.Epsilon > 0 && c.Epsilon < 1, "epsilon", c.Epsilon, "more than 0, less than 1")
	want(c.Clip >= 0 && !math.IsInf(c.Clip, 0), "clip", c.Clip, "0 or more")
	want(c.MuonRate >= 0 && c.MuonRate <= 1, "muon rate", c.MuonRate, "0 to 1")
	want(c.Momentum >= 0 && c.Momentum < 1, "momentum", c.Momentum, "0 or more, less than 1")
	return errors.Join(errs...)
}

// Schedule is what a step's rates are multiplied by; the first step is 0.
func (c Config) Schedule(step int) float64 {
	if step < c.Warmup {
		return float64(step+1) / float64(c.Warmup)
	}
	if step >= c.Steps {
		return c.Floor
	}
	done := float64(step-c.Warmup) / float64(c.Steps-c.Warmup)
	return c.Floor + (1-c.Floor)*0.5*(1+math.Cos(math.Pi*done))
}
