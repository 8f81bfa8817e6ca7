package probe

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"recaption/internal/imaging"
	"recaption/internal/imaging/processor"
	"recaption/internal/ort"
)

// ExportConfig says how an export is run. The zero value is the CPU with all its
// cores.
type ExportConfig struct {
	Device    string // cpu, cuda or cuda:N; empty is cpu
	Threads   int    // within one operator; 0 is the number of cores
	BatchSize int    // pictures or texts in one run; 0 is 32
	// Precision picks the graphs' files: "" and fp32 model.onnx, q8
	// model_quantized.onnx, any other X model_X.onnx.
	Precision string
}

// Export is a pair of towers from a folder in the layout of public CLIP
// exports: graphs vision_model.onnx and text_model.onnx, or one model.onnx, in the
// folder or its subfolder onnx, beside config.json, preprocessor_config.json,
// tokenizer.json and tokenizer_config.json. Any number of goroutines may use it
// at once. It implements Towers and Reader.
type Export struct {
	name   string
	fam    family
	text   *textReader
	pixels processor.Transform
	batch  int

	vision, words *tower
	sessions      []*ort.Session
}

// Open loads an export and checks its files against each other. What can't be
// run as the reference would is refused, with an error that wraps ErrModel. Its
// owner closes it.
func Open(dir string, c ExportConfig) (_ *Export, err error) {
	if err := ort.Open(""); err != nil {
		return nil, err
	}
	if c.Device == "" {
		c.Device = "cpu"
	}
	device, err := ort.ParseDevice(c.Device)
	if err != nil {
		return nil, err
	}
	const largestBatch = 4096
	if c.BatchSize < 0 || c.BatchSize > largestBatch || c.Threads < 0 {
		return nil, fmt.Errorf("open %s: batch size %d, threads %d: want 0 to %d, and 0 or more", dir, c.BatchSize, c.Threads, largestBatch)
	}
	f := folder(dir)
	e := &Export{batch: c.BatchSize}
	if e.batch == 0 {
		e.batch = 32
	}
	defer func() {
		if err != nil {
			e.Close()
		}
	}()
	var model modelConfig
	if e.name, e.fam, model, err = readFamily(f); err != nil {
		return nil, err
	}
	if e.text, err = newTextReader(f, e.fam, model); err != nil {
		return nil, err
	}
	pixels, err := processor.Read(f.json, refuse)
	if err != nil {
		return nil, err
	}
	if e.pixels, err = pixels.Transform(refuse); err != nil {
		return nil, err
	}
	o := ort.Options{Device: device, IntraThreads: c.Threads}
	if err := e.load(f, c.Precision, o); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *Export) load(f folder, precision string, o ort.Options) error {
	visionPath, textPath, both := f.graph("vision_model", precision), f.graph("text_model", precision), f.graph("model", precision)
	paths := []string{visionPath, textPath}
	switch {
	case visionPath != "" && textPath != "":
	case both != "":
		paths = []string{both}
	default:
		return refuse(string(f), f.there(), fmt.Sprintf("vision_model.onnx and text_model.onnx, or model.onnx, there or in onnx, of precision %q", precision))
	}
	for _, p := range paths {
		s, err := ort.Load(p, o)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrModel, err)
		}
		e.sessions = append(e.sessions, s)
	}
	var err error
	if e.vision, err = newVisionTower(e.sessions[0], e); err != nil {
		return err
	}
	e.words, err = newTextTower(e.sessions[len(e.sessions)-1], e)
	return err
}

// Close releases the graphs. Closing again does nothing.
func (e *Export) Close() {
	for _, s := range e.sessions {
		s.Close()
	}
}

// Family is the model_type of config.json.
func (e *Export) Family() string { return e.name }

// Context is how many tokens of a text are read, those that frame it included.
func (e *Export) Context() int { return e.text.context }

// Read implements Reader: the key is made of a text's ids.
func (e *Export) Read(text string) (key string, whole bool, err error) {
	ids, cut, err := e.text.ids(text)
	b := make([]byte, 0, 4*len(ids))
	for _, id := range ids {
		b = binary.LittleEndian.AppendUint32(b, uint32(id))
	}
	return string(b), !cut, err
}

// EmbedImages implements Towers. The next batch is decoded while one runs.
func (e *Export) EmbedImages(ctx context.Context, images [][]byte) ([][]float32, error) {
	h, w := e.pixels.Size()
	size := 3 * h * w
	n := e.vision.batchSize(e.batch)
	type prepared struct {
		from, to int
		pixels   []float32
	}
	// Three buffers: one being filled, one waiting, one in the run.
	spare := make(chan []float32, 3)
	for range cap(spare) {
		spare <- nil
	}
	ready := make(chan prepared, 1)
	out := make([][]float32, 0, len(images))
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(ready)
		for from := 0; from < len(images); from += n {
			to := min(from+n, len(images))
			var buf []float32
			select {
			case buf = <-spare:
			case <-gctx.Done():
				return gctx.Err()
			}
			if buf == nil {
				buf = make([]float32, min(n, len(images))*size)
			}
			if err := e.decode(gctx, buf, images, from, to, size); err != nil {
				return err
			}
			select {
			case ready <- prepared{from, to, buf}:
			case <-gctx.Done():
				return gctx.Err()
			}
		}
		return nil
	})
	g.Go(func() error {
		for p := range ready {
			rows, err := e.vision.run(gctx, p.to-p.from, []int64{3, int64(h), int64(w)}, p.pixels[:(p.to-p.from)*size], nil)
			if err != nil {
				return err
			}
			out = append(out, rows...)
			spare <- p.pixels
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return out, ctx.Err()
}

func (e *Export) decode(ctx context.Context, buf []float32, images [][]byte, from, to, size int) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := from; i < to; i++ {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := e.apply(buf[(i-from)*size:(i-from+1)*size], images[i]); err != nil {
				return &ImageError{Index: i, Err: err}
			}
			return nil
		})
	}
	return g.Wait()
}

// EmbedTexts implements Towers. Texts longer than the context lose their end.
func (e *Export) EmbedTexts(ctx context.Context, texts []string) ([][]float32, error) {
	ids := make([][]int32, len(texts))
	for i, t := range texts {
		var err error
		if ids[i], _, err = e.text.ids(t); err != nil {
			return nil, fmt.Errorf("%q: %w", t, err)
		}
	}
	// Texts of like length go together, so that little is padded.
	order := make([]int, len(texts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return len(ids[a]) - len(ids[b]) })
	out := make([][]float32, len(texts))
	for batch := range slices.Chunk(order, e.words.batchSize(e.batch)) {
		longest := len(ids[batch[len(batch)-1]])
		length := e.words.length(longest, e.text.context, e.fam.padAll)
		flat, mask := make([]int32, 0, len(batch)*length), make([]int32, 0, len(batch)*length)
		for _, i := range batch {
			for j := range length {
				if j < len(ids[i]) {
					flat, mask = append(flat, ids[i][j]), append(mask, 1)
				} else {
					flat, mask = append(flat, e.text.pad), append(mask, 0)
				}
			}
		}
		rows, err := e.words.run(ctx, len(batch), []int64{int64(length)}, flat, mask)
		if err != nil {
			return nil, err
		}
		for k, i := range batch {
			out[i] = rows[k]
		}
	}
	return out, ctx.Err()
}

// apply writes channel-first numbers of an encoded picture to out. The
// orientation that a camera noted is not applied, as in the reference where it is
// handed an open picture.
func (e *Export) apply(out []float32, encoded []byte) error {
	img, err := imaging.Decode(encoded, imaging.Options{})
	if err != nil {
		return err
	}
	_, err = e.pixels.Apply(out, img)
	return err
}
