package mix

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"recaption/schemas"
)

// Sentences divides a text behind full stops and their like: where blanks
// follow and what comes then does not begin in lower case, or at a line's end.
// A stop behind an initial or a usual abbreviation ends nothing. The sentences
// have no blanks around them; none is empty.
func Sentences(text string) []string {
	var all []string
	start := 0
	cut := func(end int) {
		if s := strings.TrimSpace(text[start:end]); s != "" {
			all = append(all, s)
		}
		start = end
	}
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		i += n
		switch {
		case r == '\n':
			cut(i)
		case strings.ContainsRune("。！？", r):
			cut(i)
		case strings.ContainsRune(".!?…", r):
			end := i + len(text[i:]) - len(strings.TrimLeft(text[i:], `.!?…"'”’)]`))
			rest := strings.TrimLeft(text[end:], " \t\u00a0")
			if rest == "" || len(rest) == len(text[end:]) {
				i = end
				continue // the text's end, or no blank
			}
			if r == '.' && end == i && abbreviated(text[start:i-n]) {
				continue
			}
			if next, _ := utf8.DecodeRuneInString(rest); !unicode.IsLower(next) {
				cut(end)
			}
			i = end
		}
	}
	cut(len(text))
	return all
}

var abbreviations = []string{"mr", "mrs", "ms", "dr", "prof", "st", "vs", "e.g", "i.e", "etc", "no", "approx", "ca", "fig", "jr", "sr", "inc"}

// abbreviated tells whether the last word of a text is one that a stop follows
// within a sentence.
func abbreviated(text string) bool {
	word := text[strings.LastIndexAny(text, " \t\n(\"'")+1:]
	if utf8.RuneCountInString(word) == 1 {
		r, _ := utf8.DecodeRuneInString(word)
		return unicode.IsUpper(r) && word != "I"
	}
	return slices.Contains(abbreviations, strings.ToLower(word))
}

// takeSentences gives the sentences that a rule takes of a text, and their
// numbers; nil where the text stays whole.
func takeSentences(rule schemas.Sentences, text string, r *Random) (string, []int) {
	if rule.Show == schemas.ShowWhole {
		return text, nil
	}
	all := Sentences(text)
	if len(all) <= rule.Min {
		return text, nil
	}
	count := rule.Min + r.IntN(min(rule.Max, len(all))-rule.Min+1)
	if count == len(all) {
		return text, nil
	}
	var took []int
	if rule.Show == schemas.ShowSpan {
		first := r.IntN(len(all) - count + 1)
		for i := range count {
			took = append(took, first+i)
		}
	} else {
		took = make([]int, len(all))
		for i := range took {
			took[i] = i
		}
		for i := range count {
			j := i + r.IntN(len(took)-i)
			took[i], took[j] = took[j], took[i]
		}
		took = took[:count]
		slices.Sort(took)
	}
	texts := make([]string, len(took))
	for i, n := range took {
		texts[i] = all[n]
	}
	return strings.Join(texts, " "), took
}
