package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"unicode/utf8"

	"recaption/internal/imaging"
	"recaption/schemas"
)

// mediaTypes of the formats that are read.
var mediaTypes = map[string]string{
	"jpeg": "image/jpeg",
	"png":  "image/png",
	"webp": "image/webp",
	"gif":  "image/gif",
	"bmp":  "image/bmp",
	"tiff": "image/tiff",
}

// draft is a sample in the making. A sample has one reason, a report counts
// all: what refuses the sample comes before what was only noticed about it,
// and among equals the first said is the sample's.
type draft struct {
	schemas.Sample
	notes []schemas.Reason
}

// refuse makes the sample unusable.
func (d *draft) refuse(reason schemas.Reason) {
	if d.Status == schemas.SampleUnusable {
		d.note(reason)
		return
	}
	if d.Reason != "" {
		d.note(d.Reason)
	}
	d.Status, d.Reason = schemas.SampleUnusable, reason
}

// note says what was noticed about the sample.
func (d *draft) note(reason schemas.Reason) {
	if d.Reason == "" {
		d.Reason = reason
	} else if reason != d.Reason {
		d.notes = append(d.notes, reason)
	}
}

// setImage takes the image's bytes as they came and says what they are. A file
// of no known format keeps its bytes too.
func (d *draft) setImage(b []byte) {
	if len(b) == 0 {
		d.refuse(schemas.ReasonEmptyImage)
		return
	}
	d.Image, d.ImageSHA256 = b, schemas.Sum(b)
	info, err := imaging.Probe(b)
	if err != nil {
		reason := schemas.ReasonCorruptImage
		var de *imaging.DecodeError
		if errors.As(err, &de) {
			reason = schemas.Reason(de.Reason)
		}
		d.refuse(reason)
		return
	}
	if max(info.Width, info.Height) > math.MaxInt32 {
		d.refuse(schemas.ReasonBomb)
		return
	}
	d.MediaType = mediaTypes[info.Format]
	d.Width, d.Height = int32(info.Width), int32(info.Height)
}

// setText takes a text file's bytes for the alt-text.
func (d *draft) setText(b []byte) {
	b = bytes.TrimPrefix(b, byteOrderMark)
	if !utf8.Valid(b) {
		d.note(schemas.ReasonBadText)
		return
	}
	text := string(b)
	d.AltText = &text
}

// setContext takes a JSON object as it stands.
func (d *draft) setContext(b []byte) {
	b = bytes.TrimSpace(bytes.TrimPrefix(b, byteOrderMark))
	if !isObject(b) {
		d.note(schemas.ReasonBadContext)
		return
	}
	d.Context = b
}

// textFromContext takes the alt-text from the first of the context's fields
// that are known to hold it, unless the sample has one.
func (d *draft) textFromContext() {
	if d.AltText == nil && d.Context != nil {
		d.AltText = altText(d.Context)
	}
}

// finish counts the sample in the report and gives it.
func (d *draft) finish(report *Report) schemas.Sample {
	if d.Status == "" {
		d.Status = schemas.SampleOK
	}
	for _, n := range d.notes {
		report.notice(n, "sample %q, whose reason is %s", d.Key, d.Reason)
	}
	report.row(d.Sample)
	return d.Sample
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// altTextFields hold the alt-text of a metadata row or a .json member, the
// first that is there and a string.
var altTextFields = []string{"alt_text", "caption", "text"}

// altText is the alt-text in a JSON object, nil where there is none.
func altText(object []byte) *string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(object, &fields) != nil {
		return nil
	}
	for _, name := range altTextFields {
		raw := fields[name]
		var text string
		if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &text) == nil {
			return &text
		}
	}
	return nil
}

// isObject tells whether b is one JSON object in UTF-8.
func isObject(b []byte) bool {
	return len(b) > 0 && b[0] == '{' && utf8.Valid(b) && json.Valid(b)
}
