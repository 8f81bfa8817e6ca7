package probe

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"recaption/internal/imaging"
)

// ErrData is wrapped by errors about a suite's published files.
var ErrData = errors.New("suite can't be read")

// loaders by the names that Load knows.
var loaders = map[string]func(data, images string) (*Suite, error){
	"sugarcrepe": LoadSugarCrepe,
	"aro":        LoadARO,
	"winoground": LoadWinoground,
	"coco":       func(data, images string) (*Suite, error) { return LoadKarpathy("coco", data, images) },
	"flickr30k":  func(data, images string) (*Suite, error) { return LoadKarpathy("flickr30k", data, images) },
	"docci":      LoadDOCCI,
}

// Suites are the names of the published suites.
func Suites() []string {
	return []string{"sugarcrepe", "aro", "winoground", "coco", "flickr30k", "docci"}
}

// Load reads a published suite from its file, or the folder with its files, and
// the folder of its pictures. Pictures that are not there are named in
// Suite.Missing, and their items are left out; if none is there it fails.
func Load(suite, data, images string) (*Suite, error) {
	load, ok := loaders[suite]
	if !ok {
		return nil, fmt.Errorf("%w: %q: want one of %q", ErrData, suite, Suites())
	}
	return load(data, images)
}

// album collects the pictures of a suite that is being read.
type album struct {
	suite   *Suite
	dir     string
	index   map[string]int // of a picture, by file and box; -1: it is missing
	missing map[string]bool
}

func newAlbum(s *Suite, dir string) (*album, error) {
	st, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: folder of pictures: %w", ErrData, err)
	}
	if !st.IsDir() {
		return nil, fmt.Errorf("%w: %s is not a folder of pictures", ErrData, dir)
	}
	return &album{suite: s, dir: dir, index: map[string]int{}, missing: map[string]bool{}}, nil
}

// box is a part of a picture, in pixels.
type box struct{ x, y, w, h int }

// add finds a picture by the names it may have below the folder, the first being
// the one it is known by. It returns false where none is there.
func (a *album) add(crop *box, names ...string) (int, bool) {
	key := names[0]
	if crop != nil {
		key = fmt.Sprintf("%s %d,%d %dx%d", names[0], crop.x, crop.y, crop.w, crop.h)
	}
	if i, ok := a.index[key]; ok {
		return i, i >= 0
	}
	a.index[key] = -1
	path := ""
	for _, n := range names {
		// A name from a file never leads out of the folder.
		if !filepath.IsLocal(filepath.FromSlash(n)) {
			continue
		}
		p := filepath.Join(a.dir, filepath.FromSlash(n))
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() {
			path = p
			break
		}
	}
	if path == "" {
		if !a.missing[names[0]] {
			a.missing[names[0]] = true
			a.suite.Missing = append(a.suite.Missing, names[0])
		}
		return 0, false
	}
	i := len(a.suite.Images)
	a.suite.Images = append(a.suite.Images, Image{Name: key, Read: func() ([]byte, error) {
		b, err := os.ReadFile(path)
		if err != nil || crop == nil {
			return b, err
		}
		return cropped(b, *crop)
	}})
	a.index[key] = i
	return i, true
}

// done fails where not one picture was there.
func (a *album) done() (*Suite, error) {
	s := a.suite
	if len(s.Images) == 0 && len(s.Missing) > 0 {
		return nil, fmt.Errorf("%w: none of its %d pictures is in %s: %s is looked for first", ErrData, len(s.Missing), a.dir, s.Missing[0])
	}
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrData, err)
	}
	return s, nil
}

// cropped decodes a picture and encodes a part of it, without loss. What of the
// box lies outside is black, as in Pillow.
func cropped(encoded []byte, b box) ([]byte, error) {
	img, err := imaging.Decode(encoded, imaging.Options{})
	if err != nil {
		return nil, err
	}
	if b.w > imaging.DefaultMaxPixels/b.h {
		return nil, fmt.Errorf("a part of %d x %d pixels is too large", b.w, b.h)
	}
	part := imaging.Crop(img, b.x, b.y, b.w, b.h)
	out := image.NewNRGBA(image.Rect(0, 0, part.Width, part.Height))
	for i := range part.Width * part.Height {
		copy(out.Pix[4*i:4*i+3], part.Pix[3*i:3*i+3])
		out.Pix[4*i+3] = 0xff
	}
	var buf bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&buf, out)
	return buf.Bytes(), err
}

// round is what Pillow does to a box that is not of whole pixels.
func round(v float64) int { return int(math.RoundToEven(v)) }

// maxData bounds the files of suites: the largest, dataset_coco.json, has 150 MB.
const maxData = 1 << 30

func readData(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrData, err)
	}
	if !st.Mode().IsRegular() || st.Size() > maxData {
		return nil, fmt.Errorf("%w: %s: want a file of at most %d bytes", ErrData, path, maxData)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrData, err)
	}
	return b, nil
}

// readFile reads and parses one file of a suite.
func readFile[T any](path string, parse func([]byte) (T, error)) (T, error) {
	var none T
	b, err := readData(path)
	if err != nil {
		return none, err
	}
	v, err := parse(b)
	if err != nil {
		return none, fmt.Errorf("%w: %s: %w", ErrData, path, err)
	}
	return v, nil
}

// fileIn returns path where it is a file, else the file of one of the names in
// the folder path.
func fileIn(path string, names ...string) (string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrData, err)
	}
	if !st.IsDir() {
		return path, nil
	}
	for _, n := range names {
		p := filepath.Join(path, n)
		if _, err := os.Stat(p); err == nil {
			return p, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%w: %w", ErrData, err)
		}
	}
	return "", fmt.Errorf("%w: %s has none of %s", ErrData, path, strings.Join(names, ", "))
}

// parseJSON reads one JSON value and nothing after it.
func parseJSON[T any](b []byte) (T, error) {
	var v T
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&v); err != nil {
		return v, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return v, errors.New("something follows the JSON value")
	}
	return v, nil
}

// parseLines reads one JSON value a line; empty lines are left out.
func parseLines[T any](b []byte, check func(*T) error) ([]T, error) {
	var out []T
	sc := bufio.NewScanner(bytes.NewReader(b))
	sc.Buffer(nil, 16<<20)
	for n := 1; sc.Scan(); n++ {
		line := bytes.TrimSpace(sc.Bytes())
		if len(line) == 0 {
			continue
		}
		v, err := parseJSON[T](line)
		if err == nil {
			err = check(&v)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		out = append(out, v)
	}
	if err := sc.Err(); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, errors.New("it has no lines")
	}
	return out, nil
}

// needs makes sure that fields, given as name and value in turn, are not empty.
func needs(fields ...string) error {
	for f := range slices.Chunk(fields, 2) {
		if strings.TrimSpace(f[1]) == "" {
			return fmt.Errorf("%s is missing or empty", f[0])
		}
	}
	return nil
}
