package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"recaption/schemas"
)

const (
	tarBlock   = 512
	maxTarMeta = 1 << 20 // bytes of a long name or of extended attributes
)

// errCut ends the data of a member that the archive ends within.
var errCut = errors.New("the archive ends within the member")

// tarReader reads a tar archive, and differs from archive/tar in what it does
// about damage: it tells the kinds apart, says where each was, and goes on
// behind it. Archives that were joined are read to the last. It reads v7,
// ustar, pax, GNU and star headers; sparse files are passed over and counted.
//
// After a header that can't be understood it looks, block by block, for the
// next that can and that carries the ustar mark. What it passed over on the
// way is in the report. A tar within the lost member can't be told from the
// archive itself; its members would be read as the archive's.
type tarReader struct {
	r      *bufio.Reader
	report *Report

	off   int64 // of the next byte, in the archive as it is when unpacked
	left  int64 // bytes of the current member's data not yet read
	pad   int64 // that follow them
	ended bool  // end blocks were read, and no header since
	done  error // sticky; io.EOF at the archive's end
	holes int   // damages so far, for the reader of groups to notice
}

// tarEntry is one member of an archive.
type tarEntry struct {
	name string
	kind tarKind
	size int64
	off  int64 // of the header
}

type tarKind int

const (
	tarFile tarKind = iota
	tarFolder
	tarLink
	tarDevice // or a pipe
	tarSparse
	tarOther // of a kind that only one vendor knows
	tarMeta  // describes the next member: never given to the caller
)

func newTarReader(r io.Reader, report *Report) *tarReader {
	return &tarReader{r: bufio.NewReaderSize(r, 256<<10), report: report}
}

// next gives the next member, and io.EOF after the last. Any other error is
// the stream's own: the bytes can't be had, or can't be unpacked.
func (t *tarReader) next() (tarEntry, error) {
	if t.done != nil {
		return tarEntry{}, t.done
	}
	e, err := t.find()
	if err != nil {
		t.done = err
	}
	return e, err
}

// Read gives the current member's data. It returns errCut where the archive
// ends before the member does, which is then in the report.
func (t *tarReader) Read(p []byte) (int, error) {
	if t.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > t.left {
		p = p[:t.left]
	}
	n, err := t.r.Read(p)
	t.off += int64(n)
	t.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = nil
		if t.left > 0 {
			t.cutInData()
			err = errCut
		}
	} else if err != nil {
		t.done = err
	}
	return n, err
}

func (t *tarReader) cutInData() {
	t.holes++
	t.report.loss(schemas.ReasonCutInData, "at byte %d: %d bytes of the last member are missing", t.off, t.left)
	t.done = io.EOF
}

// pass skips what is left of the current member.
func (t *tarReader) pass() error {
	if err := t.skip(t.left); errors.Is(err, io.ErrUnexpectedEOF) {
		t.cutInData()
		return io.EOF
	} else if err != nil {
		return err
	}
	t.left = 0
	err := t.skip(t.pad)
	t.pad = 0
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil // the data is whole; the next header will not be there
	}
	return err
}

// find passes over what is left of the current member and reads headers up to
// the next member's.
func (t *tarReader) find() (tarEntry, error) {
	if err := t.pass(); err != nil {
		return tarEntry{}, err
	}
	var (
		ext     extension // of the member to come
		zeros   int       // zero blocks just before
		damaged string    // what was wrong with the extension of the member to come
	)
	for {
		var b [tarBlock]byte
		at := t.off
		n, err := io.ReadFull(t.r, b[:])
		t.off += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return tarEntry{}, t.end(b[:n], at, zeros, ext.pending)
		} else if err != nil {
			return tarEntry{}, err
		}
		if b == [tarBlock]byte{} {
			zeros++
			t.ended = true
			continue
		}
		h, bad := parseTarHeader(&b)
		if bad != "" {
			at, err = t.resync(&h, at, zeros > 0, bad)
			if err != nil {
				return tarEntry{}, err
			}
			ext, damaged = extension{}, ""
		} else if zeros > 0 {
			t.report.notice(schemas.ReasonJoinedArchive, "at byte %d: another archive begins", at)
		}
		zeros, t.ended = 0, false
		if h.kind == tarMeta {
			bad, err := t.extend(&ext, h)
			if err != nil {
				return tarEntry{}, err
			}
			if bad != "" {
				damaged = bad
			}
			continue
		}
		e := ext.apply(h)
		e.off = at
		ext = extension{}
		if h.more { // the map of an old sparse file goes on in further blocks
			if err := t.skipSparseMap(); err != nil {
				return tarEntry{}, err
			}
		}
		t.left, t.pad = e.size, -e.size&(tarBlock-1)
		if damaged == "" {
			return e, nil
		}
		t.holes++
		t.report.loss(schemas.ReasonBadHeader, "at byte %d: %s, so the member's name is not known and it was passed over", at, damaged)
		damaged = ""
		if err := t.pass(); err != nil {
			return tarEntry{}, err
		}
	}
}

// resync looks for the next header that can be understood, behind the block at
// byte at, which can't be. It gives that header and where it is, or io.EOF
// where none follows. Ended says that the archive's end blocks came before, so
// that what follows may be no archive at all.
func (t *tarReader) resync(h *tarHeader, at int64, ended bool, bad string) (int64, error) {
	reason := schemas.ReasonTrailingBytes
	if !ended {
		t.holes++
		reason = schemas.ReasonBadHeader
	}
	for zeros := 0; ; {
		var b [tarBlock]byte
		n, err := io.ReadFull(t.r, b[:])
		t.off += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			t.report.count(reason, 1, !ended, "at byte %d: %s; %d bytes passed over, no further member was found", at, bad, t.off-at)
			if !ended && zeros == 0 {
				return 0, t.end(nil, t.off, 0, false)
			}
			return 0, io.EOF
		} else if err != nil {
			return 0, err
		}
		if b == [tarBlock]byte{} {
			zeros++
			continue
		}
		zeros = 0
		if found, wrong := parseTarHeader(&b); wrong == "" && found.marked {
			next := t.off - tarBlock
			t.report.loss(reason, "at byte %d: %s; %d bytes passed over, reading on at byte %d", at, bad, next-at, next)
			*h = found
			return next, nil
		}
	}
}

// end says how the archive ended: with its end blocks, at a member's end
// without them, or within a header.
func (t *tarReader) end(part []byte, at int64, zeros int, pending bool) error {
	blank := len(bytes.Trim(part, "\x00")) == 0
	switch {
	case !blank && zeros > 0:
		t.report.notice(schemas.ReasonTrailingBytes, "at byte %d: %d bytes follow the archive's end", at, len(part))
	case !blank:
		t.holes++
		t.report.loss(schemas.ReasonCutInHeader, "at byte %d: the archive ends %d bytes into a header", at, len(part))
	case pending:
		t.holes++
		t.report.loss(schemas.ReasonCutInHeader, "at byte %d: the archive ends between a member's extended header and its own", at)
	case zeros == 0:
		t.report.loss(schemas.ReasonNoEnd, "at byte %d: the archive ends without its end blocks", at)
	}
	return io.EOF
}

// extend reads a header that describes the next one.
func (t *tarReader) extend(ext *extension, h tarHeader) (bad string, err error) {
	pad := -h.size & (tarBlock - 1)
	if h.size > maxTarMeta {
		bad = fmt.Sprintf("its extended header has %d bytes, more than %d", h.size, maxTarMeta)
		err = t.skip(h.size)
	} else {
		data := make([]byte, h.size)
		var n int
		n, err = io.ReadFull(t.r, data)
		t.off += int64(n)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err == nil {
			bad = ext.read(h.flag, data)
		}
	}
	if err == nil {
		err = t.skip(pad)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		t.holes++
		t.report.loss(schemas.ReasonCutInHeader, "at byte %d: the archive ends within an extended header", t.off)
		err = io.EOF
	}
	return bad, err
}

func (t *tarReader) skipSparseMap() error {
	for {
		var b [tarBlock]byte
		n, err := io.ReadFull(t.r, b[:])
		t.off += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			t.holes++
			t.report.loss(schemas.ReasonCutInHeader, "at byte %d: the archive ends within the map of a sparse file", t.off)
			return io.EOF
		}
		if err != nil {
			return err
		}
		if b[504] == 0 {
			return nil
		}
	}
}

// skip passes over n bytes; io.ErrUnexpectedEOF says that there were fewer.
func (t *tarReader) skip(n int64) error {
	for n > 0 {
		step := int(min(n, 1<<30))
		got, err := t.r.Discard(step)
		t.off += int64(got)
		n -= int64(got)
		t.left -= min(t.left, int64(got))
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		} else if err != nil {
			return err
		}
	}
	return nil
}
