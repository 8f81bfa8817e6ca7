package vlm

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"recaption/internal/imaging"
	"recaption/internal/ort"
	"recaption/internal/tokenizer"
	"recaption/schemas"
)

// An Engine captions with one model. Open makes it, Run drives it, Close
// releases it; Prepare and Generate may be called from any goroutine.
type Engine struct {
	cfg     Config
	dir     string
	model   modelConfig
	tok     *tokenizer.Tokenizer
	clean   *strings.Replacer
	family  family
	gen     generation
	graphs  *graphs
	kernels *kernels
	files   []File

	stop []int32
	pad  int64

	// Outputs that stay on the device.
	embedOut, features, merged ort.Fetch

	queue   *queue
	ran     atomic.Bool
	limit   atomic.Int64             // rows in a batch, lowered when memory runs out
	known   atomic.Pointer[Prepared] // a sample that was captioned: see judge
	closing sync.Once
}

// Open reads the model in dir, loads its graphs and checks that everything fits
// together. The runtime's library is opened where it was not. An error that
// wraps ErrModel names what was found and what was expected.
func Open(dir string, cfg Config) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := ort.Open(""); err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, dir: dir}
	if err := e.open(); err != nil {
		e.Close()
		return nil, fmt.Errorf("open model %s: %w", dir, err)
	}
	return e, nil
}

func (e *Engine) open() error {
	f := &folder{dir: e.dir}
	found, err := f.json("config.json", &e.model)
	if err != nil {
		return err
	}
	if !found {
		return refuse(filepath.Join(e.dir, "config.json"), "no such file", "a model's folder")
	}
	tokens, err := f.read("tokenizer.json")
	if err != nil {
		return err
	}
	if tokens == nil {
		return refuse(filepath.Join(e.dir, "tokenizer.json"), "no such file", "the tokenizer")
	}
	if e.tok, err = tokenizer.Load(filepath.Join(e.dir, "tokenizer.json")); err != nil {
		return fmt.Errorf("%w: %w", ErrModel, err)
	}
	if e.clean, err = specialTokens(tokens); err != nil {
		return err
	}
	if e.gen, err = readGeneration(f, e.model); err != nil {
		return err
	}
	if e.family, err = newFamily(f, e.model, e.tok); err != nil {
		return err
	}
	if e.cfg, err = e.share(f); err != nil {
		return err
	}
	if e.graphs, err = loadGraphs(f, e.family, e.model, e.cfg); err != nil {
		return err
	}
	if err := e.checkIDs(); err != nil {
		return err
	}
	if e.kernels, err = loadKernels(e.graphs, e.stop, e.cfg); err != nil {
		return err
	}
	if e.files, err = f.files(); err != nil {
		return err
	}
	device := e.graphs.decoder.Device()
	e.embedOut = ort.Fetch{Name: "inputs_embeds", On: device}
	e.features = ort.Fetch{Name: e.graphs.features, On: device}
	e.merged = ort.Fetch{Name: "merged", On: device}
	e.queue = newQueue(e.cfg.Linger)
	e.limit.Store(int64(e.cfg.BatchSize))
	return nil
}

// share settles lanes and threads by the size of the graphs' files.
func (e *Engine) share(f *folder) (Config, error) {
	var bytes int64
	for _, stem := range []string{visionGraph, embedGraph, decoderGraph} {
		path, err := f.graph(stem, e.cfg.Precision)
		if err != nil {
			return e.cfg, err
		}
		n, err := sizeWithData(path)
		if err != nil {
			return e.cfg, err
		}
		bytes += n
	}
	return e.cfg.share(bytes), nil
}

// checkIDs checks the ids that are read from files against the vocabulary.
func (e *Engine) checkIDs() error {
	if e.gen.pad != nil {
		e.pad = int64(*e.gen.pad)
	}
	e.stop = e.gen.stop
	vocab := e.graphs.vocab
	for _, id := range e.stop {
		if id < 0 || int64(id) >= vocab {
			return refuse("eos_token_id", id, fmt.Sprintf("an id below %d, the logits' last dimension", vocab))
		}
	}
	if e.pad < 0 || e.pad >= vocab {
		return refuse("pad_token_id", e.pad, fmt.Sprintf("an id below %d, the logits' last dimension", vocab))
	}
	return nil
}

// Close releases the model. Run must have ended. Closing again does nothing.
func (e *Engine) Close() {
	e.closing.Do(func() {
		if e.kernels != nil {
			e.kernels.close()
		}
		if e.graphs != nil {
			e.graphs.close()
		}
	})
}

// A Request asks for a caption of a picture.
type Request struct {
	Image []byte // an encoded file
	// Prompt is what the model is asked. Where it has no image token, and the
	// model has no chat template, the image comes first.
	Prompt   string
	Seed     int64     // of the draws, where settings ask for any
	Settings *Settings // nil is the model's own; see Engine.Settings
}

// A Prepared sample is ready for the graphs. It may be generated from any
// number of times.
type Prepared struct {
	picture   picture
	ids       []int32
	positions [][]int64
	next      int64
	settings  Settings
	seed      int64
}

// Tokens is the length of the prompt with the image's tokens.
func (p *Prepared) Tokens() int { return len(p.ids) }

// Prepare does a request's work that needs no graph: it decodes, resizes and
// normalises the picture, expands the prompt and turns it into tokens. It keeps
// nothing of the request. Its error is a *SampleError, unless the settings are
// at fault.
func (e *Engine) Prepare(r Request) (*Prepared, error) {
	s := e.gen.Settings
	if r.Settings != nil {
		s = *r.Settings
		if err := s.validate(); err != nil {
			return nil, err
		}
	}
	img, err := imaging.Decode(r.Image, imaging.Options{Orient: true, MaxPixels: e.cfg.MaxPixels})
	if err != nil {
		return nil, imageError(err)
	}
	pic, err := e.family.image(img)
	if err != nil {
		return nil, err
	}
	ids, err := e.family.expand(r.Prompt, pic.features)
	if err != nil {
		return nil, err
	}
	if s.MaxTokens, err = e.room(len(ids), s); err != nil {
		return nil, err
	}
	for _, id := range ids {
		if id < 0 || int64(id) >= e.graphs.vocab {
			return nil, promptError(ReasonBadPrompt, "token %d of the prompt is outside the model's vocabulary of %d", id, e.graphs.vocab)
		}
	}
	p := &Prepared{picture: pic, ids: ids, settings: s, seed: r.Seed}
	p.positions, p.next = e.family.positions(ids, pic)
	return p, nil
}

// room is how many tokens a caption may have after a prompt.
func (e *Engine) room(prompt int, s Settings) (int, error) {
	most := s.MaxTokens
	for _, total := range []int{e.gen.maxLength, e.model.Text.MaxPositions} {
		if total == 0 {
			continue
		}
		if total <= prompt {
			return 0, noRoom(prompt, total)
		}
		most = min(most, total-prompt)
	}
	return most, nil
}

// Settings are the model's own generation settings with overrides, which have
// the names of generation_config.json: max_new_tokens, min_new_tokens,
// do_sample, temperature, top_k, top_p. Others are an error wrapping ErrSettings.
func (e *Engine) Settings(overrides map[string]any) (Settings, error) {
	return e.gen.override(overrides)
}

// Clean takes the texts of the model's special tokens out of text, so that data
// put into a prompt can't act as one.
func (e *Engine) Clean(text string) string { return e.clean.Replace(text) }

// Busy is how many calls to Generate, under way or waiting, keep all lanes in
// full batches.
func (e *Engine) Busy() int { return 2 * e.cfg.Lanes * e.cfg.BatchSize }

// Generate captions a prepared sample. It blocks until the caption is there:
// calls that wait together are batched. Its error is ctx's, or ErrStopped, or a
// *SampleError where the runtime fails on this sample alone.
func (e *Engine) Generate(ctx context.Context, p *Prepared) (Caption, error) {
	if err := ctx.Err(); err != nil {
		return Caption{}, err
	}
	r := newRow(ctx, p)
	if !e.queue.add(r) {
		return Caption{}, ErrStopped
	}
	select {
	case <-r.done:
		return r.caption, r.err
	case <-ctx.Done():
		e.queue.drop(r)
		return Caption{}, ctx.Err()
	}
}

// captioned answers a row whose last token was taken.
func (e *Engine) captioned(r *row, finish schemas.Finish) {
	r.answer(Caption{
		Text:     strings.TrimSpace(e.tok.Decode(r.tokens)),
		TokenIDs: slices.Clone(r.tokens),
		Finish:   finish,
		LogProb:  float32(r.logprob),
	}, nil)
	e.known.CompareAndSwap(nil, r.p)
}

// Run captions until ctx ends, and returns ctx.Err(); or until the runtime
// fails on everything, and returns an error. It may be called once.
func (e *Engine) Run(ctx context.Context) error {
	if e.ran.Swap(true) {
		return errors.New("run engine: it ran before")
	}
	err := e.run(ctx)
	for _, r := range e.queue.close() {
		r.answer(Caption{}, ErrStopped)
	}
	return err
}

func (e *Engine) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lanes := make([]*lane, e.cfg.Lanes)
	for i := range lanes {
		var err error
		if lanes[i], err = newLane(e); err != nil {
			return err
		}
		defer lanes[i].close()
	}
	stopWake := context.AfterFunc(ctx, func() {
		e.queue.wake()
		for _, l := range lanes {
			l.terminate()
		}
	})
	defer stopWake()
	var wg sync.WaitGroup
	for _, l := range lanes {
		wg.Go(func() {
			if err := e.drive(ctx, l); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// drive runs batches on a lane until ctx ends.
func (e *Engine) drive(ctx context.Context, l *lane) error {
	for {
		rows := e.queue.take(ctx, e.most(), e.rowLimit)
		if len(rows) == 0 {
			return nil
		}
		failed, err := l.serve(ctx, rows)
		if len(failed) == 0 {
			continue
		}
		if err := e.judge(ctx, l, rows, failed, err); err != nil {
			return err
		}
	}
}

// most is how many rows a batch may have.
func (e *Engine) most() int { return int(e.limit.Load()) }

// lowerLimit makes later batches smaller, since this size ran out of memory.
func (e *Engine) lowerLimit(n int) {
	for {
		now := e.limit.Load()
		if int64(n) >= now || n < 1 || e.limit.CompareAndSwap(now, int64(n)) {
			return
		}
	}
}

// maxLogits bounds the logits of a first run, where the decoder gives them for
// each position of the prompts.
const maxLogits = 1 << 30

// rowLimit is a limit: it bounds logits and caches. A cache is there twice while
// a step makes the next of the last.
func (e *Engine) rowLimit(prompt, whole int) int {
	position := int64(0)
	for _, c := range e.graphs.cache {
		position += c.heads * c.size * int64(c.typ.Size())
	}
	most := e.cfg.CacheBytes / (2 * int64(whole) * position)
	if !e.graphs.keepLogits {
		most = min(most, maxLogits/(int64(prompt)*e.graphs.vocab*4))
	}
	return int(max(most, 1))
}

// maxPixels bounds what goes through the vision graph in one run, by the bytes
// of its inputs: what it needs in between is a large multiple.
const maxPixels = 16 << 20

// alike returns the end of the run of rows from `from` on whose pictures can go
// through the vision graph together.
func (e *Engine) alike(rows []*row, from int) int {
	to, bytes := from+1, rows[from].p.picture.bytes()
	for to < len(rows) && !e.graphs.onePicture && joinable(rows[from].p.picture, rows[to].p.picture) {
		if bytes += rows[to].p.picture.bytes(); bytes > maxPixels {
			break
		}
		to++
	}
	return to
}

func joinable(a, b picture) bool {
	for i := range a.tensors {
		if !slices.Equal(a.tensors[i].shape[1:], b.tensors[i].shape[1:]) {
			return false
		}
	}
	return true
}
