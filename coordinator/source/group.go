package source

import (
	"io"
	"slices"

	"recaption/schemas"
)

// imageExtensions name the members and files that are images, in the order in
// which one of several is taken.
var imageExtensions = []string{"jpg", "jpeg", "png", "webp", "gif", "bmp", "tiff", "tif"}

// textExtensions name the members that hold the alt-text, the first before the
// second.
var textExtensions = []string{"txt", "caption"}

const contextExtension = "json"

// group is the members of an archive that follow each other with one key.
type group struct {
	key     string
	damaged bool // the archive is, just before, within or after the group
	unsafe  bool // a member's name is

	seen     uint32 // members of the known extensions, by their place in the lists
	repeated bool   // two images of one extension
	surplus  bool   // two texts or contexts of one extension

	hasImage   bool
	rank       int // of the image's extension
	image      []byte
	imageFault schemas.Reason

	texts   [2]member // by textExtensions
	context member
}

// member is a text or context.
type member struct {
	there bool
	large bool
	data  []byte
}

// add takes in one member, whose data t gives.
func (g *group) add(ext string, e tarEntry, t *tarReader, report *Report) {
	g.unsafe = g.unsafe || unsafeName(e.name)
	if rank := slices.Index(imageExtensions, ext); rank >= 0 {
		g.addImage(rank, e, t, report)
		return
	}
	into := &g.context
	place := len(imageExtensions)
	if i := slices.Index(textExtensions, ext); i >= 0 {
		into, place = &g.texts[i], place+1+i
	} else if ext != contextExtension {
		report.notice(schemas.ReasonIgnored, "at byte %d: %q", e.off, e.name)
		return
	}
	if !g.first(place) {
		g.surplus = true
		return
	}
	if e.size > MaxText {
		into.there, into.large = true, true
		return
	}
	into.data = readMember(t, e)
	into.there = into.data != nil
}

func (g *group) addImage(rank int, e tarEntry, t *tarReader, report *Report) {
	if !g.first(rank) {
		g.repeated = true
		return
	}
	if g.hasImage {
		report.notice(schemas.ReasonSeveralImages, "at byte %d: %q", e.off, e.name)
		if rank > g.rank {
			return
		}
	}
	g.hasImage, g.rank, g.image, g.imageFault = true, rank, nil, ""
	if e.size > MaxImage {
		g.imageFault = schemas.ReasonTooLarge
		return
	}
	if g.image = readMember(t, e); g.image == nil {
		g.imageFault = schemas.ReasonTruncated
	}
}

// first tells whether a member of the extension at place is the group's first.
func (g *group) first(place int) bool {
	bit := uint32(1) << place
	was := g.seen&bit != 0
	g.seen |= bit
	return !was
}

// readMember gives the member's data, and nil where it can't be had whole: t
// then says why when it is asked for the next member.
func readMember(t *tarReader, e tarEntry) []byte {
	b := make([]byte, e.size)
	if _, err := io.ReadFull(t, b); err != nil {
		return nil
	}
	return b
}

// sample makes the group's row.
func (g *group) sample(keys *keys, report *Report) schemas.Sample {
	var d draft
	name := g.key
	if g.unsafe {
		name = harmless(name)
		d.refuse(schemas.ReasonUnsafeName)
	} else if p := printable(name); p != name {
		report.notice(schemas.ReasonEscapedName, "%s", name)
		name = p
	}
	key, again := keys.claim(name)
	d.Key = key
	if again {
		d.refuse(schemas.ReasonDuplicateKey)
	}
	if g.repeated {
		d.refuse(schemas.ReasonDuplicateMember)
	}
	switch {
	case !g.hasImage:
		d.refuse(schemas.ReasonNoImage)
	case g.imageFault != "":
		d.refuse(g.imageFault)
	default:
		d.setImage(g.image)
	}
	if g.damaged {
		d.note(schemas.ReasonDamagedPart)
	}
	if g.surplus {
		d.note(schemas.ReasonDuplicateMember)
	}
	g.describe(&d)
	return d.finish(report)
}

// describe sets alt-text and context. A text member that is there is the
// alt-text, readable or not; only without one is a field of the context.
func (g *group) describe(d *draft) {
	if g.context.large {
		d.note(schemas.ReasonBadContext)
	} else if g.context.there {
		d.setContext(g.context.data)
	}
	for _, m := range g.texts {
		if m.large {
			d.note(schemas.ReasonBadText)
			return
		} else if m.there {
			d.setText(m.data)
			return
		}
	}
	d.textFromContext()
}
