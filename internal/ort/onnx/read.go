package onnx

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Ops counts the operators of a model's file by name, with those of subgraphs
// and functions; operators outside the default domain are "domain.name". It
// skips the weights, so it costs little for any size of file.
func Ops(path string) (map[string]int, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ops, err := ReadOps(f)
	if err != nil {
		return nil, fmt.Errorf("read the operators of %s: %w", path, err)
	}
	return ops, nil
}

// ErrNoModel is wrapped when a file does not have the form of an ONNX model.
var ErrNoModel = errors.New("not an ONNX model")

// maxText bounds names, and maxDepth how deep graphs may nest: a hostile file
// can't make the reader use much memory or stack.
const (
	maxText  = 1 << 12
	maxDepth = 32
)

// ReadOps is Ops for any reader.
func ReadOps(r io.Reader) (map[string]int, error) {
	s := &scanner{r: bufio.NewReaderSize(r, 1<<16), ops: map[string]int{}}
	if err := s.message(-1, model, 0); err != nil {
		return nil, err
	}
	if !s.graph {
		return nil, fmt.Errorf("%w: it has no graph", ErrNoModel)
	}
	return s.ops, nil
}

// kind is the message being scanned.
type kind int

const (
	model kind = iota
	graph
	node
	attr
	function
)

// within says what a field of a message is; what is not here has no operators.
var within = map[kind]map[uint64]kind{
	model:    {7: graph, 25: function},
	graph:    {1: node},
	node:     {5: attr},
	attr:     {6: graph, 11: graph},
	function: {7: node},
}

type scanner struct {
	r     *bufio.Reader
	at    int64
	graph bool
	ops   map[string]int
}

func (s *scanner) ReadByte() (byte, error) {
	b, err := s.r.ReadByte()
	if err == nil {
		s.at++
	}
	return b, err
}

// message scans up to end, or to the end of the file where end is negative.
func (s *scanner) message(end int64, k kind, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: nested too deep", ErrNoModel)
	}
	var op, domain string
	for end < 0 || s.at < end {
		key, err := binary.ReadUvarint(s)
		if errors.Is(err, io.EOF) && end < 0 {
			break
		}
		if err != nil {
			return s.broken(err)
		}
		field, wire := key>>3, key&7
		size := uint64(0)
		switch wire {
		case 0:
			if _, err := binary.ReadUvarint(s); err != nil {
				return s.broken(err)
			}
			continue
		case 1:
			size = 8
		case 5:
			size = 4
		case 2:
			if size, err = binary.ReadUvarint(s); err != nil {
				return s.broken(err)
			}
		default:
			return fmt.Errorf("%w: wire type %d at byte %d", ErrNoModel, wire, s.at)
		}
		if size > 1<<40 || end >= 0 && size > uint64(end-s.at) {
			return fmt.Errorf("%w: a field of %d bytes at byte %d", ErrNoModel, size, s.at)
		}
		sub, known := within[k][field]
		switch {
		case known && wire == 2:
			s.graph = s.graph || sub == graph
			err = s.message(s.at+int64(size), sub, depth+1)
		case k == node && wire == 2 && field == 4:
			op, err = s.text(size)
		case k == node && wire == 2 && field == 7:
			domain, err = s.text(size)
		default:
			err = s.discard(size)
		}
		if err != nil {
			return err
		}
	}
	if k == node && op != "" {
		if domain != "" && domain != "ai.onnx" {
			op = domain + "." + op
		}
		s.ops[op]++
	}
	return nil
}

func (s *scanner) text(size uint64) (string, error) {
	if size > maxText {
		return "", fmt.Errorf("%w: a name of %d bytes at byte %d", ErrNoModel, size, s.at)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(s.r, b); err != nil {
		return "", s.broken(err)
	}
	s.at += int64(size)
	return string(b), nil
}

func (s *scanner) discard(size uint64) error {
	n, err := io.CopyN(io.Discard, s.r, int64(size))
	s.at += n
	if err != nil {
		return s.broken(err)
	}
	return nil
}

func (s *scanner) broken(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w at byte %d", ErrNoModel, err, s.at)
}
