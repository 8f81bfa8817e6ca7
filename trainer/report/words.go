package report

import "strings"

// segment is a run of words.
type segment struct {
	Text    string
	Differs bool // not in the other text at this place
}

// compared is how many words of two texts are compared; longer ones are shown
// as they are.
const compared = 300

// differences marks in each of two texts the words that a longest common
// subsequence leaves out, since the two texts of a probe often differ in the
// place of one word.
func differences(a, b string) (as, bs []segment) {
	wa, wb := strings.Fields(a), strings.Fields(b)
	if len(wa) > compared || len(wb) > compared {
		return []segment{{Text: a}}, []segment{{Text: b}}
	}
	// common[i][j] is the length of the longest one of wa[i:] and wb[j:].
	common := make([][]int, len(wa)+1)
	for i := range common {
		common[i] = make([]int, len(wb)+1)
	}
	for i := len(wa) - 1; i >= 0; i-- {
		for j := len(wb) - 1; j >= 0; j-- {
			if wa[i] == wb[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(wa) || j < len(wb) {
		switch {
		case i < len(wa) && j < len(wb) && wa[i] == wb[j]:
			as, bs = grow(as, wa[i], false), grow(bs, wb[j], false)
			i, j = i+1, j+1
		case j == len(wb) || i < len(wa) && common[i+1][j] >= common[i][j+1]:
			as, i = grow(as, wa[i], true), i+1
		default:
			bs, j = grow(bs, wb[j], true), j+1
		}
	}
	return as, bs
}

// grow adds a word to the last segment of its kind, or begins one.
func grow(s []segment, word string, differs bool) []segment {
	if n := len(s); n > 0 && s[n-1].Differs == differs {
		s[n-1].Text += " " + word
		return s
	}
	return append(s, segment{word, differs})
}
