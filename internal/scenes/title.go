package scenes

import (
	"fmt"
	"strings"
)

// The titles of pages: half say only where one is, a third say what kind of
// page it is, the rest name an object of the picture. All shares are choices.
var (
	siteNames = []string{
		"The Paper Shop", "Shapes & Co", "Drawn Daily", "Little Print House", "Nursery Posters", "Craft Corner",
		"Sticker Barn", "Flash Card World", "Pattern Library", "Kids Learn Shapes", "Wall Art Outlet", "Poster Planet",
	}
	pageNames = []string{
		"Home", "Shop", "New in", "Gallery", "Search results", "Page 3", "Untitled document", "Product details",
		"Blog", "Archive", "Photos", "Category: shapes",
	}
)

// title writes the title of the page that shows the scene. It never has a name
// that only an alt-text knows.
func title(d *dice, s *Scene) string {
	site := pick(d, siteNames)
	switch d.weighted(25, 25, 30, 20) {
	case 0:
		return site
	case 1:
		return pick(d, pageNames)
	case 2:
		return pick(d, pageNames) + pick(d, []string{" | ", " - "}) + site
	}
	t := pick(d, s.Objects).Thing
	what := strings.ToUpper(t.Colour[:1]) + t.Colour[1:] + " " + t.Shape
	if d.below(2) == 0 {
		what = strings.ToUpper(t.Shape[:1]) + t.Shape[1:] + " " + pick(d, []string{"print", "poster", "sticker", "card"})
	}
	return fmt.Sprintf("%s | %s", what, site)
}
