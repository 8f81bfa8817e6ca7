package source

import (
	"bufio"
	"bytes"
	"encoding/csv"
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
	if err == io.EOF {
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
		write.Encode(s) // a string always can be
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

func csvFields(row metaRow) (fields []string, bad string) {
	if row.bad != "" {
		return nil, row.bad
	}
	if !utf8.Valid(row.data) {
		return nil, "it is not UTF-8"
	}
	r := csv.NewReader(bytes.NewReader(row.data))
	r.FieldsPerRecord = -1
	fields, err := r.Read()
	var pe *csv.ParseError
	if errors.As(err, &pe) {
		return nil, fmt.Sprintf("at column %d: %v", pe.Column, pe.Err)
	} else if err != nil {
		return nil, "it is empty"
	}
	return fields, ""
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
		if err == nil || err == io.EOF {
			return row, nil
		} else if err != bufio.ErrBufferFull {
			return row, err
		}
	}
}

func (r *rowReader) take(n int) {
	b, _ := r.r.Peek(n)
	r.line += bytes.Count(b, []byte("\n"))
	r.r.Discard(n)
	r.off += int64(n)
}

// rowEnd is the length of the row that b begins with, its line end included,
// and 0 where it is not in b; open says that b ends within quotes.
func rowEnd(b []byte, quotes bool) (end int, open bool) {
	if !quotes {
		return bytes.IndexByte(b, '\n') + 1, false
	}
	for i := 0; i < len(b); {
		k := bytes.IndexAny(b[i:], "\"\n")
		if k < 0 {
			break
		}
		i += k
		if b[i] == '"' {
			open = !open
		} else if !open {
			return i + 1, false
		}
		i++
	}
	return 0, open
}
