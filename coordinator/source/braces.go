package source

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// maxNames bounds what braces stand for.
const maxNames = 1_000_000

// braces gives the names that a pattern's braces stand for, in their order, as
// shells and WebDataset write them: {0000..0099} counts, with as many digits as
// the longer end has where one begins with 0, and {a,b} lists. A pattern
// without braces is its own name.
func braces(pattern string) ([]string, error) {
	names := []string{""}
	for rest := pattern; ; {
		plain, from, found := strings.Cut(rest, "{")
		for i := range names {
			names[i] += plain
		}
		if !found {
			return names, nil
		}
		inside, after, closed := strings.Cut(from, "}")
		if !closed || strings.Contains(inside, "{") {
			return nil, fmt.Errorf("%w: pattern %s: want braces like {0000..0099} or {a,b}, none within another", ErrNoSource, pattern)
		}
		choices, err := choices(inside)
		if err == nil && len(choices)*len(names) > maxNames {
			err = fmt.Errorf("more than %d names", maxNames)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: pattern %s: %w", ErrNoSource, pattern, err)
		}
		more := make([]string, 0, len(names)*len(choices))
		for _, n := range names {
			for _, c := range choices {
				more = append(more, n+c)
			}
		}
		names, rest = more, after
	}
}

// choices are what one pair of braces stands for.
func choices(inside string) ([]string, error) {
	first, last, isRange := strings.Cut(inside, "..")
	if !isRange {
		if !strings.Contains(inside, ",") {
			return nil, fmt.Errorf("{%s} is no range and no list", inside)
		}
		return strings.Split(inside, ","), nil
	}
	from, err1 := strconv.ParseUint(first, 10, 31)
	to, err2 := strconv.ParseUint(last, 10, 31)
	if err1 != nil || err2 != nil || from > to || to-from >= maxNames {
		return nil, fmt.Errorf("{%s}: want two numbers, the smaller first, at most %d apart", inside, maxNames)
	}
	width := 0
	if first[0] == '0' && len(first) > 1 || last[0] == '0' && len(last) > 1 {
		width = max(len(first), len(last))
	}
	all := make([]string, 0, to-from+1)
	for n := from; n <= to; n++ {
		all = append(all, fmt.Sprintf("%0*d", width, n))
	}
	return all, nil
}

// isPattern tells whether a name stands for others.
func isPattern(s string) bool { return strings.ContainsAny(s, "*?[{") }

// openPattern gives the tars that a pattern names. Each of its names matches
// at least one.
func openPattern(pattern string) (Source, error) {
	names, err := braces(pattern)
	if err != nil {
		return nil, err
	}
	root := pattern
	for isPattern(root) {
		root = filepath.Dir(root)
	}
	var tars []string
	seen := map[string]bool{}
	for _, name := range names {
		matches, err := filepath.Glob(name)
		if err != nil {
			return nil, fmt.Errorf("%w: pattern %s: %w", ErrNoSource, pattern, err)
		}
		if len(matches) == 0 && len(names) > 1 {
			return nil, fmt.Errorf("%w: pattern %s: %s is not there", ErrNoSource, pattern, name)
		}
		for _, m := range matches {
			if !isTar(m) {
				return nil, fmt.Errorf("%w: pattern %s matches %s, which is no tar by its name; want %s", ErrNoSource, pattern, m, strings.Join(tarSuffixes, ", "))
			}
			rel, err := filepath.Rel(root, m)
			if err != nil {
				return nil, fmt.Errorf("pattern %s: %w", pattern, err)
			}
			if rel = filepath.ToSlash(rel); !seen[rel] {
				seen[rel], tars = true, append(tars, rel)
			}
		}
	}
	if len(tars) == 0 {
		return nil, fmt.Errorf("%w: nothing matches %s", ErrNoSource, pattern)
	}
	return newLocalTars(root, tars)
}
