package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
)

func readNormalizer(raw json.RawMessage, at string) ([]normalizer, error) {
	f, kind, err := component(raw, at)
	if err != nil || f == nil {
		return nil, err
	}
	var out []normalizer
	switch kind {
	case "NFC":
		out = append(out, nfc)
	case "Lowercase":
		out = append(out, lowercase)
	case "Replace":
		out = append(out, readRewrite(f))
	case "Strip":
		out = append(out, readStrip(f))
	case "Precompiled":
		out = append(out, readCharsmap(f))
	case "Sequence":
		return readSequence(f, "normalizers", readNormalizer)
	default:
		f.refuse("type", kind, "null, NFC, Lowercase, Replace, Strip, Precompiled, Sequence")
	}
	return out, f.done()
}

// maxNested bounds sequences in sequences: each level reads its text again.
const maxNested = 8

// readSequence reads a list of components, each of which may be several.
func readSequence[T any](f *fields, name string, read func(json.RawMessage, string) ([]T, error)) ([]T, error) {
	var list []json.RawMessage
	f.need(name, &list)
	if err := f.done(); err != nil {
		return nil, err
	}
	if strings.Count(f.at, "[") >= maxNested {
		return nil, fmt.Errorf("%s: is nested more than %d deep", f.at, maxNested)
	}
	var out []T
	for i, raw := range list {
		at := fmt.Sprintf("%s[%d]", f.path(name), i)
		if isNull(raw) {
			return nil, fmt.Errorf("%s: is null, want an object", at)
		}
		one, err := read(raw, at)
		if err != nil {
			return nil, err
		}
		out = append(out, one...)
	}
	return out, nil
}

func readSplit(raw json.RawMessage, at string) ([]splitter, error) {
	f, kind, err := component(raw, at)
	if err != nil || f == nil {
		return nil, err
	}
	var out splitter
	switch kind {
	case "ByteLevel":
		b := byteLevel{regex: true, mapped: true}
		var trimOffsets bool // moves offsets only, and there are none here
		f.need("add_prefix_space", &b.prefixSpace)
		f.need("trim_offsets", &trimOffsets)
		f.may("use_regex", &b.regex)
		out = b
	case "Digits":
		var individual bool
		f.need("individual_digits", &individual)
		p := pattern{scan: scanDigit, behavior: contiguous}
		if individual {
			p.behavior = isolated
		}
		out = p
	case "Split":
		out = readPattern(f)
	case "WhitespaceSplit":
		out = pattern{scan: scanBlank, behavior: removed}
	case "Metaspace":
		out = readMetaspace(f)
	case "Sequence":
		return readSequence(f, "pretokenizers", readSplit)
	default:
		f.refuse("type", kind, "ByteLevel, Digits, Split, WhitespaceSplit, Metaspace, Sequence")
	}
	return []splitter{out}, f.done()
}

func readPattern(f *fields) splitter {
	var (
		p   pattern
		raw json.RawMessage
	)
	f.need("pattern", &raw)
	f.need("behavior", &p.behavior)
	f.need("invert", &p.invert)
	if f.err != nil {
		return nil
	}
	switch p.behavior {
	case isolated, removed, mergedWithPrevious, mergedWithNext, contiguous:
	default:
		f.refuse("behavior", p.behavior, "Isolated, Removed, MergedWithPrevious, MergedWithNext, Contiguous")
	}
	var regex, literal string
	g := readFields(raw, f.path("pattern"))
	g.may("Regex", &regex)
	g.may("String", &literal)
	if f.err == nil {
		f.err = g.done()
	}
	switch {
	case regex != "" && literal == "":
		e := expressions[regex]
		if p.scan = e.scan; p.scan == nil {
			g.refuse("Regex", regex, "the expressions of GPT-2, cl100k, Qwen2 and CLIP, to the letter")
			f.err = g.err
		} else if p.behavior == removed && p.invert || p.behavior == isolated && e.everywhere {
			return pieces{p.scan}
		}
	case literal != "" && regex == "":
		p.scan = scanLiteral(literal)
	default:
		f.refuse("pattern", raw, `{"Regex": ...}, {"String": ...}`)
	}
	return p
}

func readDecoder(raw json.RawMessage) ([]stage, error) {
	if isNull(raw) {
		return []stage{func(next sink) sink { return &spaced{next: next} }}, nil
	}
	fused := false // what comes is one token, however many calls it takes
	var read func(raw json.RawMessage, at string) ([]stage, error)
	read = func(raw json.RawMessage, at string) ([]stage, error) {
		f, kind, err := component(raw, at)
		if err != nil {
			return nil, err
		}
		var out []stage
		switch kind {
		case "ByteLevel":
			var prefixSpace, trimOffsets, regex bool // of no effect here, as in the reference
			f.need("add_prefix_space", &prefixSpace)
			f.need("trim_offsets", &trimOffsets)
			f.may("use_regex", &regex)
			if fused {
				f.refuse("type", kind, "ByteLevel before Fuse, and once")
			}
			fused = true
			out = append(out, func(next sink) sink { return &bytesToText{next: next} })
		case "Fuse":
			fused = true
		case "Metaspace":
			m := readMetaspace(f)
			if fused {
				f.refuse("type", kind, "Metaspace before Fuse")
			}
			out = append(out, func(next sink) sink { return &unmarked{next: next, m: m} })
		case "Replace":
			out = append(out, readReplace(f, fused))
		case "Sequence":
			return readSequence(f, "decoders", read)
		default:
			f.refuse("type", kind, "null, ByteLevel, Fuse, Metaspace, Replace, Sequence")
		}
		return out, f.done()
	}
	return read(raw, "decoder")
}

func readReplace(f *fields, fused bool) stage {
	var (
		what    map[string]string
		content string
	)
	f.need("pattern", &what)
	f.need("content", &content)
	literal := what["String"]
	if len(what) != 1 || literal == "" {
		f.refuse("pattern", what, `{"String": ...}`)
	}
	return func(next sink) sink {
		return &replace{next: next, pattern: literal, by: content, fused: fused}
	}
}
