package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrModel is wrapped by every error about a model's files.
var ErrModel = errors.New("model can't be used")

// refuse says what was found, and what would do.
func refuse(what string, found, expected any) error {
	return fmt.Errorf("%w: %s: found %v, want %v", ErrModel, what, found, expected)
}

// folder is a model's folder, in the layout of public CLIP exports.
type folder string

// maxJSON bounds the files that are read whole.
const maxJSON = 256 << 20

// json reads a file into v and says whether there was one.
func (f folder) json(name string, v any) (bool, error) {
	path := filepath.Join(string(f), name)
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxJSON {
		return false, refuse(path, fmt.Sprintf("%s of %d bytes", st.Mode().Type(), st.Size()), fmt.Sprintf("a file of at most %d bytes", maxJSON))
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return false, fmt.Errorf("%w: %s: %w", ErrModel, path, err)
	}
	return true, nil
}

// graph returns the path of a graph's file of the wanted precision, "" where
// there is none.
func (f folder) graph(stem, precision string) string {
	suffix := "_" + precision
	switch precision {
	case "", "fp32":
		suffix = ""
	case "q8":
		suffix = "_quantized"
	}
	for _, sub := range []string{"onnx", ""} {
		path := filepath.Join(string(f), sub, stem+suffix+".onnx")
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// there lists the graphs of the folder.
func (f folder) there() string {
	var names []string
	for _, sub := range []string{"onnx", ""} {
		found, _ := filepath.Glob(filepath.Join(string(f), sub, "*.onnx")) // the pattern is well-formed but for the folder's own name
		for _, n := range found {
			names = append(names, filepath.Join(sub, filepath.Base(n)))
		}
	}
	if len(names) == 0 {
		return "no .onnx file"
	}
	return strings.Join(names, ", ")
}
