package source

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// metadata reads the rows of a metadata.jsonl or metadata.csv.
type metadata struct {
	file
	columns []string // of a CSV; nil for JSON lines
}

// metaRow is one row as it stands in the file.
type metaRow struct {
	off  int64
	line int // counted from 1
	data []byte
	bad  string // why it can't be read; data is then its first line
}

const fileNameField = "file_name"

// openMetadata reads the header where there is one, and leaves the rows in r.
func openMetadata(f file, r *rowReader) (metadata, error) {
	m := metadata{file: f}
	if !strings.HasSuffix(f.path, ".csv") {
		return m, nil
	}
	row, err := r.next()
	if errors.Is(err, io.EOF) {
		return m, fmt.Errorf("%s is empty: its first line names the columns, %s among them", f.path, fileNameField)
	} else if err != nil {
		return m, err
	}
	fields, bad := csvFields(row)
	if bad != "" {
		return m, fmt.Errorf("%s: the first line names no columns: %s", f.path, bad)
	}
	if !slices.Contains(fields, fileNameField) {
		return m, fmt.Errorf("%s has no column %s; its columns, divided by commas, are %q", f.path, fileNameField, fields)
	}
	for i, c := range fields {
		if slices.Contains(fields[:i], c) {
			return m, fmt.Errorf("%s has two columns %q", f.path, c)
		}
	}
	m.columns = fields
	return m, nil
}

// parse gives a row's file and the row as a JSON object, or says why it can't.
// The cells of a CSV are strings, and null where they are empty.
func (m metadata) parse(row metaRow) (name string, object []byte, bad string) {
	switch {
	case row.bad != "":
		return "", nil, row.bad
	case m.columns != nil:
		if object, bad = m.csvObject(row); bad != "" {
			return "", nil, bad
		}
	case !isObject(bytes.TrimSpace(row.data)):
		return "", nil, "it is not one JSON object in UTF-8"
	default:
		object = bytes.TrimSpace(row.data)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(object, &fields); err != nil {
		return "", nil, "it is not one JSON object"
	}
	if json.Unmarshal(fields[fileNameField], &name) != nil || name == "" {
		return "", nil, "it has no " + fileNameField
	}
	return name, object, ""
}

func (m metadata) csvObject(row metaRow) (object []byte, bad string) {
	fields, bad := csvFields(row)
	if bad != "" {
		return nil, bad
	}
	if len(fields) != len(m.columns) {
		return nil, fmt.Sprintf("it has %d cells, not %d", len(fields), len(m.columns))
	}
	var b bytes.Buffer
	write := json.NewEncoder(&b)
	write.SetEscapeHTML(false)
	str := func(s string) {
		_ = write.Encode(s) // a string always can be
		b.Truncate(b.Len() - len("\n"))
	}
	b.WriteByte('{')
	for i, c := range m.columns {
		if i > 0 {
			b.WriteByte(',')
		}
		str(c)
		b.WriteByte(':')
		if fields[i] == "" {
			b.WriteString("null")
		} else {
			str(fields[i])
		}
	}
	b.WriteByte('}')
	return b.Bytes(), ""
}

// csvFields gives the cells of a row, byte for byte. A cell that begins with a
// quote ends with one, and holds quotes as two; elsewhere a quote is a
// character like others.
func csvFields(row metaRow) (fields []string, bad string) {
	if row.bad != "" {
		return nil, row.bad
	}
	if !utf8.Valid(row.data) {
		return nil, "it is not UTF-8"
	}
	rest := strings.TrimSuffix(strings.TrimSuffix(string(row.data), "\n"), "\r")
	for {
		var cell string
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			end := closingQuote(quoted)
			if end < 0 {
				return nil, "a quote is not closed"
			}
			cell, rest = strings.ReplaceAll(quoted[:end], `""`, `"`), quoted[end+1:]
			if rest != "" && rest[0] != ',' {
				return nil, fmt.Sprintf("cell %d goes on behind its closing quote", len(fields)+1)
			}
		} else {
			end := strings.IndexByte(rest, ',')
			if end < 0 {
				end = len(rest)
			}
			cell, rest = rest[:end], rest[end:]
		}
		fields = append(fields, cell)
		if rest == "" {
			return fields, ""
		}
		rest = rest[1:]
	}
}

// closingQuote is the place of the first quote that is not one of two, or -1.
func closingQuote(s string) int {
	for i := 0; ; i += 2 {
		k := strings.IndexByte(s[i:], '"')
		if k < 0 {
			return -1
		}
		i += k
		if i+1 == len(s) || s[i+1] != '"' {
			return i
		}
	}
}

// rowReader divides a metadata file into rows of at most MaxText bytes. A row
// of a CSV goes on over line ends within quotes; where a quote is never closed
// the row is bad, and reading goes on behind its first line, so that one wrong
// quote costs one row and not the rest of the file.
type rowReader struct {
	r      *bufio.Reader
	quotes bool
	off    int64
	line   int
}

func newRowReader(r io.Reader, csv bool) *rowReader {
	return &rowReader{r: bufio.NewReaderSize(r, 2*MaxText), quotes: csv, line: 1}
}

// next gives the next row that is not blank, and io.EOF after the last. The
// row's data are valid until next is called again.
func (r *rowReader) next() (metaRow, error) {
	for {
		if r.off == 0 {
			if b, _ := r.r.Peek(len(byteOrderMark)); bytes.Equal(b, byteOrderMark) {
				r.take(len(b))
			}
		}
		row, err := r.read()
		if err != nil || row.bad != "" || len(bytes.TrimSpace(row.data)) > 0 {
			return row, err
		}
	}
}

func (r *rowReader) read() (metaRow, error) {
	row := metaRow{off: r.off, line: r.line}
	n := 4096
	for {
		n = min(max(n, r.r.Buffered()), MaxText)
		b, err := r.r.Peek(n)
		if err != nil && err != io.EOF {
			return row, err
		}
		if len(b) == 0 {
			return row, io.EOF
		}
		end, open := rowEnd(b, r.quotes)
		switch {
		case end > 0:
			row.data = b[:end]
			r.take(end)
			return row, nil
		case err == io.EOF && !open:
			row.data = b
			r.take(len(b))
			return row, nil
		case err == io.EOF:
			return r.bad(row, b, "a quote is not closed")
		case n == MaxText:
			return r.bad(row, b, fmt.Sprintf("it has more than %d bytes", MaxText))
		}
		n *= 2
	}
}

// bad gives the first line in b as a bad row and goes on behind it.
func (r *rowReader) bad(row metaRow, b []byte, why string) (metaRow, error) {
	row.bad = why
	end := bytes.IndexByte(b, '\n') + 1
	if end > 0 {
		row.data = b[:end]
		r.take(end)
		return row, nil
	}
	r.take(len(b))
	for {
		b, err := r.r.ReadSlice('\n')
		r.off += int64(len(b))
		if err == nil {
			r.line++
		}
		if err == nil || errors.Is(err, io.EOF) {
			return row, nil
		} else if !errors.Is(err, bufio.ErrBufferFull) {
			return row, err
		}
	}
}

func (r *rowReader) take(n int) {
	b, _ := r.r.Peek(n)
	r.line += bytes.Count(b, []byte("\n"))
	_, _ = r.r.Discard(n) // they were peeked at
	r.off += int64(n)
}

// rowEnd is the length of the row that b begins with, its line end included,
// and 0 where it is not in b; open says that b ends within quotes.
func rowEnd(b []byte, quotes bool) (end int, open bool) {
	if !quotes {
		return bytes.IndexByte(b, '\n') + 1, false
	}
	const (
		atStart = iota // of a cell
		plain
		quoted
		atQuote // the closing one, or the first of two
	)
	state := atStart
	for i, c := range b {
		switch {
		case state == quoted:
			if c == '"' {
				state = atQuote
			}
		case c == '"' && state != plain:
			state = quoted
		case c == '\n':
			return i + 1, false
		case c == ',':
			state = atStart
		default:
			state = plain
		}
	}
	return 0, state == quoted
}
