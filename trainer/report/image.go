package report

import (
	"encoding/base64"
	"html/template"
	"net/http"
	"slices"
	"strings"
)

// shown are the media types that browsers show and that can't hold a script.
var shown = []string{"image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"}

// imageBytes bounds a picture in the page: a thousand of them are still a file
// that opens.
const imageBytes = 1 << 20

// picture gives an image file as a data URI, by what its bytes say that it is,
// or why it can't be shown.
func picture(b []byte, why string) (template.URL, string) {
	switch kind := http.DetectContentType(b); {
	case len(b) == 0 && why != "":
		return "", strings.ReplaceAll(why, "_", " ") // a reason
	case len(b) == 0:
		return "", "no picture"
	case len(b) > imageBytes:
		return "", "too large for this page"
	case !slices.Contains(shown, kind):
		return "", "no picture that browsers show"
	default:
		// Both parts are of closed alphabets.
		return template.URL("data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(b)), ""
	}
}
