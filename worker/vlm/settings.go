package vlm

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Settings decide how a text is chosen from what the model says. Make them with
// Engine.Settings, so that they start from the model's own.
type Settings struct {
	MaxTokens   int     // most tokens, the stop token among them
	MinTokens   int     // no stop token before so many others
	Sample      bool    // draw tokens by their probability; else always the likeliest
	Temperature float64 // of the draw
	TopK        int     // draw among so many likeliest, 1 to maxTopK
	TopP        float64 // draw among the likeliest that hold this share together
}

const (
	defaultMaxTokens = 256 // where the model says nothing
	maxTopK          = 256
)

// Map writes settings by the names of generation_config.json, without those
// that have no effect.
func (s Settings) Map() map[string]any {
	m := map[string]any{"max_new_tokens": s.MaxTokens, "min_new_tokens": s.MinTokens, "do_sample": s.Sample}
	if s.Sample {
		m["temperature"], m["top_k"], m["top_p"] = s.Temperature, s.TopK, s.TopP
	}
	return m
}

func (s Settings) validate() error {
	var errs []error
	bad := func(name string, value, want any) {
		errs = append(errs, fmt.Errorf("%w: %s is %v, want %v", ErrSettings, name, value, want))
	}
	if s.MaxTokens < 1 || s.MaxTokens > 1<<16 {
		bad("max_new_tokens", s.MaxTokens, "1 to 65536")
	}
	if s.MinTokens < 0 || s.MinTokens > s.MaxTokens {
		bad("min_new_tokens", s.MinTokens, "0 to max_new_tokens")
	}
	if s.Sample {
		if !(s.Temperature > 0 && s.Temperature <= 100) {
			bad("temperature", s.Temperature, "above 0, at most 100")
		}
		if s.TopK < 1 || s.TopK > maxTopK {
			bad("top_k", s.TopK, fmt.Sprintf("1 to %d: a draw from the whole vocabulary is not supported", maxTopK))
		}
		if !(s.TopP > 0 && s.TopP <= 1) {
			bad("top_p", s.TopP, "above 0, at most 1")
		}
	}
	return errors.Join(errs...)
}

// generation is what generation_config.json settles.
type generation struct {
	Settings
	maxLength int // bounds prompt and caption together where it is not 0
	stop      []int32
	pad       *int32
}

// set applies one field and says whether it knows it. Values are as JSON has
// them, numbers as float64 or json.Number.
func (g *generation) set(name string, v any) (bool, error) {
	whole := func(into *int) error {
		f, ok := number(v)
		if !ok || f != math.Trunc(f) || math.Abs(f) > 1<<31 {
			return fmt.Errorf("%w: %s is %v, want a whole number", ErrSettings, name, v)
		}
		*into = int(f)
		return nil
	}
	real := func(into *float64) error {
		f, ok := number(v)
		if !ok {
			return fmt.Errorf("%w: %s is %v, want a number", ErrSettings, name, v)
		}
		*into = f
		return nil
	}
	switch name {
	case "max_new_tokens":
		return true, whole(&g.MaxTokens)
	case "min_new_tokens":
		return true, whole(&g.MinTokens)
	case "top_k":
		return true, whole(&g.TopK)
	case "temperature":
		return true, real(&g.Temperature)
	case "top_p":
		return true, real(&g.TopP)
	case "do_sample":
		b, ok := v.(bool)
		if !ok {
			return true, fmt.Errorf("%w: do_sample is %v, want true or false", ErrSettings, v)
		}
		g.Sample = b
		return true, nil
	}
	return false, nil
}

// harmless has the fields of generation_config.json that decide nothing here,
// and with which values.
var harmless = map[string]func(v any) bool{
	"transformers_version":  anything,
	"bos_token_id":          anything, // the tokenizer puts it, or not
	"use_cache":             anything, // the graph has a cache
	"length_penalty":        anything, // of beam search, and num_beams must be 1
	"early_stopping":        anything,
	"trust_remote_code":     anything,
	"output_scores":         anything,
	"output_logits":         anything,
	"output_attentions":     anything,
	"output_hidden_states":  anything,
	"remove_invalid_values": anything,

	"return_dict_in_generate": anything,

	"num_beams":                        is(1),
	"num_beam_groups":                  is(1),
	"num_return_sequences":             is(1),
	"repetition_penalty":               is(1),
	"encoder_repetition_penalty":       is(1),
	"no_repeat_ngram_size":             is(0),
	"encoder_no_repeat_ngram_size":     is(0),
	"diversity_penalty":                is(0),
	"min_length":                       is(0),
	"min_p":                            is(0),
	"typical_p":                        is(1),
	"epsilon_cutoff":                   is(0),
	"eta_cutoff":                       is(0),
	"penalty_alpha":                    is(0),
	"guidance_scale":                   is(1),
	"renormalize_logits":               is(false),
	"suppress_tokens":                  empty,
	"begin_suppress_tokens":            empty,
	"bad_words_ids":                    empty,
	"force_words_ids":                  empty,
	"stop_strings":                     empty,
	"sequence_bias":                    empty,
	"chat_format":                      anything,
	"max_window_size":                  anything,
	"is_assistant":                     is(false),
	"low_memory":                       anything,
	"prompt_lookup_num_tokens":         is(0),
	"assistant_early_exit":             is(0),
	"disable_compile":                  anything,
	"prefill_chunk_size":               anything,
	"dola_layers":                      empty,
	"constraints":                      empty,
	"compile_config":                   anything,
	"watermarking_config":              empty,
	"forced_bos_token_id":              empty,
	"forced_eos_token_id":              empty,
	"decoder_start_token_id":           empty,
	"exponential_decay_length_penalty": empty,
}

func anything(any) bool { return true }

func is(want any) func(any) bool {
	return func(v any) bool {
		if f, ok := number(v); ok {
			w, isNumber := number(want)
			return isNumber && f == w
		}
		return v == want
	}
}

func empty(v any) bool {
	switch v := v.(type) {
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}

// readGeneration settles how the model wants its texts made: what
// generation_config.json says, and the stop and padding ids of config.json
// where it says nothing.
func readGeneration(f *folder, c modelConfig) (generation, error) {
	const file = "generation_config.json"
	g := generation{Settings: Settings{Temperature: 1, TopK: 50, TopP: 1}, stop: c.EOS, pad: c.Pad}
	if len(g.stop) == 0 {
		g.stop = c.Text.EOS
	}
	if g.pad == nil {
		g.pad = c.Text.Pad
	}
	var fields map[string]any
	if _, err := f.json(file, &fields); err != nil {
		return g, err
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		v := fields[name]
		if v == nil || strings.HasPrefix(name, "_") {
			continue
		}
		if err := g.field(name, v); err != nil {
			return g, fmt.Errorf("%w: %s: %w", ErrModel, file, err)
		}
	}
	if g.MaxTokens == 0 {
		g.MaxTokens = defaultMaxTokens
		if g.maxLength > 0 {
			g.MaxTokens = g.maxLength
		}
	} else {
		g.maxLength = 0 // the reference lets max_new_tokens win
	}
	if err := g.validate(); err != nil {
		return g, fmt.Errorf("%w: %s: %w", ErrModel, file, err)
	}
	if len(g.stop) == 0 {
		return g, refuse("eos_token_id of generation_config.json and config.json", "none", "at least one id")
	}
	slices.Sort(g.stop)
	g.stop = slices.Compact(g.stop)
	return g, nil
}

func (g *generation) field(name string, v any) error {
	if known, err := g.set(name, v); known {
		return err
	}
	switch name {
	case "eos_token_id", "pad_token_id":
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		var ids idList
		if err := json.Unmarshal(raw, &ids); err != nil || len(ids) == 0 {
			return fmt.Errorf("%s: found %v, expected a token id", name, v)
		}
		if name == "eos_token_id" {
			g.stop = ids
		} else {
			g.pad = &ids[0]
		}
		return nil
	case "max_length":
		f, ok := number(v)
		if !ok || f < 1 || f > 1<<24 {
			return fmt.Errorf("max_length: found %v, expected a length", v)
		}
		g.maxLength = int(f)
		return nil
	}
	ok, known := harmless[name]
	switch {
	case !known:
		return fmt.Errorf("%s: found %v, expected no such field: the engine does not know it", name, v)
	case !ok(v):
		return fmt.Errorf("%s: found %v, expected a value without effect: the engine does not support it", name, v)
	}
	return nil
}

// override applies settings by the names of generation_config.json.
func (s Settings) override(fields map[string]any) (Settings, error) {
	g := generation{Settings: s}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		known, err := g.set(name, fields[name])
		if !known {
			err = fmt.Errorf("%w: %s: want one of max_new_tokens, min_new_tokens, do_sample, temperature, top_k, top_p", ErrSettings, name)
		}
		errs = append(errs, err)
	}
	errs = append(errs, g.validate())
	return g.Settings, errors.Join(errs...)
}
