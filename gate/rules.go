package gate

import (
	"regexp"
	"strings"
	"unicode"
)

// words splits a text at everything that is neither letter nor digit, in
// lower case. An apostrophe within a word stays.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.M, r) && r != '\'' && r != '’'
	})
}

// plain is a text reduced to its words.
func plain(text string) string { return strings.Join(words(text), " ") }

// openers are how captioning models begin whatever they see. The first form
// is the most frequent prefix in several published sets: "The image shows" of
// instruction-tuned models, "This image displays" of PixelProse
// (arXiv 2406.10328). A drawn or photographed thing named as subject ("The
// painting shows …") is not boilerplate.
var openers = regexp.MustCompile(`(?i)^\s*(?:` +
	`(?:in\s+)?(?:the|this)\s+(?:image|picture|photo|photograph)\s+(?:you\s+(?:sent|provided|shared|uploaded)\s+)?(?:shows?|displays?|depicts?|features?|presents?|showcases?|captures?|contains?|is\s+of|you\s+can\s+see|we\s+(?:can\s+)?see|there\s+(?:is|are))(?:\s+us)?` +
	`|(?:here\s+is|here's)\s+(?:a|an|the)\s+(?:caption|description)(?:\s+(?:of|for)\s+(?:the|this)\s+(?:image|picture|photo))?` +
	`|(?:caption|description)\s*:` +
	`)[\s,:]*`)

// opener is the length in bytes of the boilerplate that text begins with.
func opener(text string) int {
	if at := openers.FindStringIndex(text); at != nil {
		return at[1]
	}
	return 0
}

// stripOpener cuts the boilerplate off and begins what is left with a capital.
func stripOpener(text string) string {
	rest := []rune(text[opener(text):])
	if len(rest) > 0 {
		rest[0] = unicode.ToUpper(rest[0])
	}
	return string(rest)
}

// repeats tells whether four words follow each other in the same way at least
// n times, or one word follows itself as often.
func repeats(text string, n int) bool {
	w := words(text)
	const gram = 4
	seen := map[[gram]string]int{}
	run := 1
	for i := range w {
		if i > 0 && w[i] == w[i-1] {
			if run++; run >= n {
				return true
			}
		} else {
			run = 1
		}
		if i+gram <= len(w) {
			k := [gram]string(w[i : i+gram])
			if seen[k]++; seen[k] >= n {
				return true
			}
		}
	}
	return false
}

// refusals are what a model says of itself or of its task in place of a
// caption; an apology alone, or an assistant's voice, is one.
var refusals = regexp.MustCompile(`(?i)` +
	`\b(?:i\s+am|i'm|i’m)\s+(?:sorry|unable|not\s+able|an?\s+(?:ai|language\s+model|assistant))\b` +
	`|\bi\s+(?:can\s*not|can't|can’t|could\s+not|won't|will\s+not)\s+(?:\w+\s+){0,2}(?:help|assist|describe|identify|provide|see|view|process|generate|create|fulfil?l|comply|answer)\b` +
	`|\bas\s+an?\s+(?:ai|large\s+language|language\s+model|assistant)\b` +
	`|\b(?:as|per)\s+(?:you\s+)?(?:requested|instructed|your\s+(?:request|instructions?))\b` +
	`|\b(?:let\s+me\s+know\s+if|feel\s+free\s+to\s+ask|is\s+there\s+anything\s+else)\b` +
	`|</?(?:think|thinking|reasoning)>` +
	`|\bplease\s+provide\s+(?:the|an|more)\s+(?:image|alt|information|context)`)

func refuses(text string) bool { return refusals.MatchString(text) }

// markups are what a caption must not hold as a text: markdown, lists, HTML or
// chat tags, boxes and coordinates, location tokens.
var markups = regexp.MustCompile(`(?m)` +
	`\*\*[^*\s][^*]*\*\*|__[^_\s][^_]*__` + // bold
	`|^\s{0,3}#{1,6}\s+\S` + // heading
	`|^\s*(?:[-*•]\s+\S|\d{1,2}[.)]\s+\S)` + // list
	"|```|`[^`\\n]+`" + // code
	`|\[[^\]\n]+\]\([^)\n]+\)` + // link
	`|</?[A-Za-z][^<>\n]*>|<\|[^|<>\n]*\|>` + // tags, chat tokens
	`|[\[(]\s*-?\d+(?:\.\d+)?(?:\s*,\s*-?\d+(?:\.\d+)?){1,}\s*[\])]` + // coordinates
	`|^\s*[|].*[|]\s*$`) // table

func markup(text string) bool { return markups.MatchString(text) }

// copies tells whether the caption is a prompt's or the alt-text's words in
// their order, give or take what stands before or after a long copy: of texts
// of at least CopyFrom words, one contains the other whole, and is at least
// four fifths of it.
func (g *Gate) copies(altText *string, caption string) bool {
	c := plain(caption)
	for _, p := range g.prompts {
		if g.same(p, c) {
			return true
		}
	}
	return altText != nil && g.same(plain(*altText), c)
}

func (g *Gate) same(source, caption string) bool {
	n := strings.Count(source, " ") + 1
	if source == "" || n < g.spec.CopyFrom {
		return false
	}
	long, short := source, caption
	if len(short) > len(long) {
		long, short = short, long
	}
	return strings.Contains(" "+long+" ", " "+short+" ") && 5*len(short) >= 4*len(long)
}

var (
	email = regexp.MustCompile(`(?i)\b[a-z0-9._%+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*\.[a-z]{2,24}\b`)
	// A phone number: a plus and 8 to 15 digits (ITU-T E.164), or groups of
	// digits with separators that come to 9 to 15 digits.
	phone = regexp.MustCompile(`(?:\+|\b)\(?\d{1,4}\)?(?:[ .\-/]?\(?\d{1,4}\)?){2,6}\b`)
)

const (
	maskedEmail = "[email]"
	maskedPhone = "[phone]"
)

func contact(text string) bool { return maskContacts(text) != text }

// maskContacts puts a mark in the place of each address and number.
func maskContacts(text string) string {
	text = email.ReplaceAllString(text, maskedEmail)
	return phone.ReplaceAllStringFunc(text, func(m string) string {
		digits, separators := 0, 0
		for _, r := range m {
			if unicode.IsDigit(r) {
				digits++
			} else {
				separators++
			}
		}
		plus := strings.HasPrefix(m, "+")
		if digits > 15 || plus && digits < 8 || !plus && (digits < 9 || separators == 0) || date.MatchString(m) {
			return m
		}
		return maskedPhone
	})
}

// date spares what reads like dates and years, such as 1914-1918 or 24/12/1999.
var date = regexp.MustCompile(`^\(?(?:\d{4}[-/. ]\d{1,2}[-/. ]\d{1,2}|\d{1,2}[-/. ]\d{1,2}[-/. ]\d{4}|\d{4}[-/ ]\d{4})\)?$`)
