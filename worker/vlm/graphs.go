package vlm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"recaption/internal/ort"
	"recaption/internal/ort/onnx"
)

// graphs are the three graphs of a model, loaded and checked against each other
// and against the family.
type graphs struct {
	vision, embed, decoder *ort.Session
	ops                    map[string]map[string]int // operators by graph

	features    string   // the vision graph's output
	featureType ort.Type // float32 or float16
	onePicture  bool     // the vision graph takes one picture a run
	hidden      int64    // width of an embedding
	embedType   ort.Type
	positions   int // planes of position_ids, 0 where the decoder takes none
	keepLogits  bool
	keepRank    int
	vocab       int64
	logitType   ort.Type
	cache       []cachePort
}

// A cachePort is one tensor of the decoder's cache: [rows, heads, length, size].
type cachePort struct {
	past, present string
	typ           ort.Type
	heads, size   int64
}

const (
	pastPrefix    = "past_key_values."
	presentPrefix = "present."
)

// loadGraphs loads the graphs and checks them. Operators are looked at before a
// graph is loaded, so that what can't run correctly is refused first.
func loadGraphs(f *folder, fam family, c modelConfig, cfg Config) (*graphs, error) {
	device, err := ort.ParseDevice(cfg.Device)
	if err != nil {
		return nil, err
	}
	g := &graphs{ops: map[string]map[string]int{}}
	paths := map[string]string{}
	for _, stem := range []string{visionGraph, embedGraph, decoderGraph} {
		if paths[stem], err = f.graph(stem, cfg.Precision); err != nil {
			return nil, err
		}
		if g.ops[stem], err = onnx.Ops(paths[stem]); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrModel, err)
		}
	}
	for op, n := range g.ops[decoderGraph] {
		if slices.Contains(slotOps, op) {
			return nil, refuse(paths[decoderGraph], fmt.Sprintf("%d nodes of %s", n, op), "attention in standard operators: such a graph wants right-padded rows in fixed slots, which the engine does not have")
		}
	}
	for _, l := range []struct {
		stem string
		into **ort.Session
	}{{visionGraph, &g.vision}, {embedGraph, &g.embed}, {decoderGraph, &g.decoder}} {
		o := sessionOptions(cfg, device, l.stem)
		if *l.into, err = ort.Load(paths[l.stem], o); err != nil {
			g.close()
			return nil, err
		}
	}
	if err := g.check(fam, c); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

// slotOps are attention operators that take right-padded rows: left padding
// gives wrong captions there, without an error.
var slotOps = []string{"com.microsoft.GroupQueryAttention", "com.microsoft.PagedAttention"}

func sessionOptions(cfg Config, d ort.Device, name string) ort.Options {
	o := ort.Options{Device: d, IntraThreads: cfg.Threads}
	if cfg.Profile != "" {
		o.Profile = cfg.Profile + "-" + name
	}
	return o
}

func (g *graphs) close() {
	for _, s := range []*ort.Session{g.vision, g.embed, g.decoder} {
		s.Close()
	}
}

// check reads the graphs' ports, names every fault, and remembers what running needs.
func (g *graphs) check(fam family, c modelConfig) error {
	return errors.Join(g.checkEmbed(), g.checkVision(fam), g.checkDecoder(fam, c))
}

func (g *graphs) checkVision(fam family) error {
	s := g.vision
	var errs []error
	want := fam.vision()
	for _, w := range want {
		p, ok := s.Input(w.Name)
		if !ok {
			errs = append(errs, refuse(s.Name()+": input "+w.Name, "none", w))
			continue
		}
		if err := fits(s, "input", p, w); err != nil {
			errs = append(errs, err)
			continue
		}
		switch p.Dims[0].Size {
		case -1:
		case 1:
			g.onePicture = true
		default:
			errs = append(errs, refuse(s.Name()+": input "+p.Name, p, "a batch of any size, or of 1"))
		}
	}
	for _, p := range s.Inputs() {
		if !slices.ContainsFunc(want, func(w ort.Port) bool { return w.Name == p.Name }) {
			errs = append(errs, refuse(s.Name()+": input "+p.Name, p, "no such input"))
		}
	}
	out, ok := s.Output("image_features")
	if !ok && len(s.Outputs()) == 1 {
		out, ok = s.Outputs()[0], true
	}
	if !ok {
		return errors.Join(append(errs, refuse(s.Name()+": outputs", s.Outputs(), "image_features"))...)
	}
	g.features, g.featureType = out.Name, out.Type
	n := len(out.Dims)
	if n < 2 || n > 3 || out.Type != ort.F32 && out.Type != ort.F16 {
		errs = append(errs, refuse(s.Name()+": output", out, "float32 or float16 [pictures, rows, hidden] or [rows, hidden]"))
	} else if w := out.Dims[n-1].Size; w >= 0 && w != g.hidden {
		errs = append(errs, refuse(s.Name()+": output", out, fmt.Sprintf("a last dimension of %d, as %s has", g.hidden, g.embed.Name())))
	}
	return errors.Join(errs...)
}

func (g *graphs) checkEmbed() error {
	s := g.embed
	if len(s.Inputs()) != 1 || len(s.Outputs()) != 1 {
		return refuse(s.Name()+": inputs and outputs", fmt.Sprint(s.Inputs(), s.Outputs()), "input_ids and inputs_embeds alone")
	}
	in, out := s.Inputs()[0], s.Outputs()[0]
	any2 := []ort.Dim{{Size: -1, Symbol: "batch"}, {Size: -1, Symbol: "length"}}
	errIn := fits(s, "input", in, ort.Port{Name: "input_ids", Type: ort.I64, Dims: any2})
	if in.Name != "input_ids" || out.Name != "inputs_embeds" {
		errIn = refuse(s.Name()+": input and output", in.Name+", "+out.Name, "input_ids, inputs_embeds")
	}
	if len(out.Dims) != 3 || out.Dims[2].Size < 1 || out.Type != ort.F32 && out.Type != ort.F16 {
		return errors.Join(errIn, refuse(s.Name()+": output", out, "float32 or float16 [batch, length, a fixed width]"))
	}
	g.hidden, g.embedType = out.Dims[2].Size, out.Type
	return errIn
}

func (g *graphs) checkDecoder(fam family, c modelConfig) error {
	s := g.decoder
	var errs []error
	bad := func(what string, found, expected any) {
		errs = append(errs, refuse(s.Name()+": "+what, found, expected))
	}
	free := func(symbol string) ort.Dim { return ort.Dim{Size: -1, Symbol: symbol} }
	for _, name := range []string{"inputs_embeds", "attention_mask"} {
		if _, ok := s.Input(name); !ok {
			bad("input "+name, "none", "an input")
		}
	}
	for _, p := range s.Inputs() {
		var err error
		switch {
		case p.Name == "inputs_embeds":
			err = fits(s, "input", p, ort.Port{Name: p.Name, Type: g.embedType, Dims: []ort.Dim{free("batch"), free("length"), {Size: g.hidden}}})
		case p.Name == "attention_mask":
			err = fits(s, "input", p, ort.Port{Name: p.Name, Type: ort.I64, Dims: []ort.Dim{free("batch"), free("total")}})
		case p.Name == "position_ids":
			want := ort.Port{Name: p.Name, Type: ort.I64, Dims: []ort.Dim{free("batch"), free("length")}}
			if fam.planes() > 1 {
				want.Dims = append([]ort.Dim{{Size: int64(fam.planes())}}, want.Dims...)
			}
			g.positions = fam.planes()
			err = fits(s, "input", p, want)
		case p.Name == "num_logits_to_keep":
			g.keepLogits, g.keepRank = true, len(p.Dims)
			if p.Type != ort.I64 || len(p.Dims) > 1 {
				bad("input", p, "one int64")
			}
		case strings.HasPrefix(p.Name, pastPrefix):
			err = g.addCache(p)
		default:
			bad("input "+p.Name, p, "no such input: the engine does not know it")
		}
		errs = append(errs, err)
	}
	if len(g.cache) == 0 {
		bad("inputs", "none "+pastPrefix+"*", "a cache")
	}
	if n := len(g.cache); len(s.Outputs()) != n+1 {
		bad("outputs", fmt.Sprintf("%d", len(s.Outputs())), fmt.Sprintf("logits and %d of %s*", n, presentPrefix))
	}
	out, ok := s.Output("logits")
	if !ok || len(out.Dims) != 3 || out.Type != ort.F32 && out.Type != ort.F16 {
		bad("output logits", out, "float32 or float16 [batch, length, vocabulary]")
		return errors.Join(errs...)
	}
	g.vocab, g.logitType = out.Dims[2].Size, out.Type
	if want := int64(c.Text.VocabSize); g.vocab < 0 {
		g.vocab = want
	} else if want > 0 && want != g.vocab {
		bad("output", out, fmt.Sprintf("a vocabulary of %d, as text_config.vocab_size of config.json says", want))
	}
	if g.vocab < 1 {
		bad("output", out, "a fixed vocabulary, or text_config.vocab_size in config.json")
	}
	return errors.Join(errs...)
}

func (g *graphs) addCache(p ort.Port) error {
	s := g.decoder
	c := cachePort{past: p.Name, present: presentPrefix + strings.TrimPrefix(p.Name, pastPrefix), typ: p.Type}
	want := "float32 or float16 [batch, heads, length, size] with fixed heads and size"
	if len(p.Dims) != 4 || p.Dims[0].Size != -1 || p.Dims[1].Size < 1 || p.Dims[2].Size != -1 || p.Dims[3].Size < 1 || p.Type != ort.F32 && p.Type != ort.F16 {
		return refuse(s.Name()+": input "+p.Name, p, want)
	}
	c.heads, c.size = p.Dims[1].Size, p.Dims[3].Size
	out, ok := s.Output(c.present)
	if !ok {
		return refuse(s.Name()+": output "+c.present, "none", "the next state of "+p.Name)
	}
	if out.Type != p.Type || len(out.Dims) != 4 {
		return refuse(s.Name()+": output "+c.present, out, "the type and dimensions of "+p.String())
	}
	g.cache = append(g.cache, c)
	return nil
}

// fits checks a port against what will be fed: where want has a size, the graph
// must have the same or any; where want has any, the graph must have any. The
// first dimension of a vision input may be fixed, which its caller checks.
func fits(s *ort.Session, kind string, p, want ort.Port) error {
	ok := p.Type == want.Type && len(p.Dims) == len(want.Dims)
	for i := 0; ok && i < len(p.Dims); i++ {
		have, need := p.Dims[i].Size, want.Dims[i].Size
		ok = have == -1 || have == need || need == -1 && i == 0
	}
	if !ok {
		return refuse(s.Name()+": "+kind+" "+p.Name, p, want)
	}
	return nil
}

// dependsOnBatch says which of a graph's operators take the scale of their
// activations over all rows, so that a row's result depends on its neighbours.
func dependsOnBatch(ops map[string]int) bool {
	return ops["DynamicQuantizeLinear"] > 0 || ops["com.microsoft.DynamicQuantizeMatMul"] > 0
}
