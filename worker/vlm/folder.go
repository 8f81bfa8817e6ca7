package vlm

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"recaption/schemas"
)

// The graphs of a model, by the names of their files.
const (
	visionGraph  = "vision_encoder"
	embedGraph   = "embed_tokens"
	decoderGraph = "decoder_model_merged"
)

// A folder is a model's folder. It remembers which files were used.
type folder struct {
	dir  string
	used []string // slash-separated, below dir
}

// maxJSON bounds the files that are read whole.
const maxJSON = 256 << 20

// read reads a file, and nothing where it does not exist.
func (f *folder) read(name string) ([]byte, error) {
	path := filepath.Join(f.dir, filepath.FromSlash(name))
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxJSON {
		return nil, refuse(path, fmt.Sprintf("%s of %d bytes", st.Mode().Type(), st.Size()), fmt.Sprintf("a file of at most %d bytes", maxJSON))
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f.use(name)
	return b, nil
}

func (f *folder) use(name string) {
	if !slices.Contains(f.used, name) {
		f.used = append(f.used, name)
	}
}

// json reads a file into v and says whether there was one.
func (f *folder) json(name string, v any) (bool, error) {
	b, err := f.read(name)
	if err != nil || b == nil {
		return false, err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return false, fmt.Errorf("%w: %s: %w", ErrModel, filepath.Join(f.dir, name), err)
	}
	return true, nil
}

// graph finds a graph's file of the wanted precision, and returns its path.
func (f *folder) graph(stem string, precision map[string]string) (string, error) {
	p, ok := precision[stem]
	if !ok {
		p = precision[""]
	}
	suffix := "_" + p
	switch p {
	case "", "fp32":
		suffix = ""
	case "q8":
		suffix = "_quantized"
	}
	for _, sub := range []string{"onnx/", ""} {
		name := sub + stem + suffix + ".onnx"
		path := filepath.Join(f.dir, filepath.FromSlash(name))
		st, err := os.Stat(path)
		if err != nil || !st.Mode().IsRegular() {
			continue
		}
		f.use(name)
		return path, f.external(name)
	}
	return "", refuse(filepath.Join(f.dir, "onnx", stem+suffix+".onnx"), "no such file; there are "+f.variants(stem), "the graph's file")
}

// external notes the files with a graph's weights that lie beside it.
func (f *folder) external(name string) error {
	more, err := filepath.Glob(filepath.Join(f.dir, filepath.FromSlash(name)) + "_data*")
	if err != nil {
		return err
	}
	for _, m := range more {
		rel, err := filepath.Rel(f.dir, m)
		if err != nil {
			return err
		}
		f.use(filepath.ToSlash(rel))
	}
	return nil
}

func (f *folder) variants(stem string) string {
	var names []string
	for _, pattern := range []string{filepath.Join(f.dir, "onnx", stem+"*.onnx"), filepath.Join(f.dir, stem+"*.onnx")} {
		found, _ := filepath.Glob(pattern) // the pattern is well-formed
		for _, n := range found {
			names = append(names, filepath.Base(n))
		}
	}
	if len(names) == 0 {
		return "none of any precision"
	}
	return strings.Join(names, ", ")
}

// A File is one of the model's files.
type File struct {
	Path   string         `json:"path"` // below the model's folder, with slashes
	Bytes  int64          `json:"bytes"`
	SHA256 schemas.Digest `json:"sha256"`
}

// files digests what was used, sorted by path.
func (f *folder) files() ([]File, error) {
	slices.Sort(f.used)
	out := make([]File, len(f.used))
	for i, name := range f.used {
		d, n, err := digest(filepath.Join(f.dir, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		out[i] = File{Path: name, Bytes: n, SHA256: d}
	}
	return out, nil
}

func digest(path string) (d schemas.Digest, n int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return d, 0, err
	}
	defer f.Close()
	h := sha256.New()
	if n, err = io.Copy(h, f); err != nil {
		return d, n, fmt.Errorf("digest %s: %w", path, err)
	}
	return schemas.Digest(h.Sum(nil)), n, nil
}

// modelConfig is what is read from config.json.
type modelConfig struct {
	ModelType       string  `json:"model_type"`
	ImageTokenIndex *int32  `json:"image_token_index"`
	ImageTokenID    *int32  `json:"image_token_id"`
	ImageSeqLength  int     `json:"image_seq_length"`
	FeatureSelect   string  `json:"vision_feature_select_strategy"`
	EOS             idList  `json:"eos_token_id"`
	Pad             *int32  `json:"pad_token_id"`
	Text            subText `json:"text_config"`
}

type subText struct {
	VocabSize    int    `json:"vocab_size"`
	MaxPositions int    `json:"max_position_embeddings"`
	EOS          idList `json:"eos_token_id"`
	Pad          *int32 `json:"pad_token_id"`
}

// An idList is one token id or a list of them.
type idList []int32

// UnmarshalJSON takes a number, a list or null.
func (l *idList) UnmarshalJSON(b []byte) error {
	var one *int32
	if json.Unmarshal(b, &one) == nil {
		*l = nil
		if one != nil {
			*l = idList{*one}
		}
		return nil
	}
	var many []int32
	if err := json.Unmarshal(b, &many); err != nil {
		return fmt.Errorf("want a token id or a list of them: %w", err)
	}
	*l = many
	return nil
}
