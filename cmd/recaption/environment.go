package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"recaption/internal/ort/library"
)

// envPrefix begins the names of all variables that the program reads, but for
// those of the runtime library and of the AWS SDK.
const envPrefix = "RECAPTION_"

// envNames turns keys of settings into the names of their variables, behind
// the prefix.
var envNames = strings.NewReplacer(".", "_")

// ofOthers matches variables with the program's prefix that set nothing: those
// of its tests, and those that Kubernetes gives every pod about each service
// of its namespace, here one whose name begins with "recaption".
var ofOthers = regexp.MustCompile(`^RECAPTION_(TEST_.*|CHROMIUM|SHOTS|TOKENIZER(_GOLDENS)?|(.*_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?))$`)

// checkEnvironment names every variable of environ that has the program's
// prefix and that no setting has, with the known one that is spelled most like
// it. Empty variables count as not set. Values, which may be secrets, are not
// told.
func checkEnvironment(environ, keys []string) error {
	known := []string{library.EnvCache}
	for _, key := range keys {
		known = append(known, envPrefix+strings.ToUpper(envNames.Replace(key)))
	}
	var errs []error
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		if value == "" || !strings.HasPrefix(name, envPrefix) || slices.Contains(known, name) || ofOthers.MatchString(name) {
			continue
		}
		errs = append(errs, fmt.Errorf("environment variable %s sets nothing: did you mean %s?", name, nearest(name, known)))
	}
	return errors.Join(errs...)
}

// nearest is the one of names that takes the fewest changes of a character to
// get from name; of equals the first in the alphabet.
func nearest(name string, names []string) string {
	return slices.MinFunc(slices.Sorted(slices.Values(names)), func(a, b string) int {
		return changes(name, a) - changes(name, b)
	})
}

// changes counts the bytes to insert, delete or replace to make b of a.
func changes(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
