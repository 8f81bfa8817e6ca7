package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestBrowser opens the page in a real browser, at the width of a desk's
// window and of a phone's, light and dark: it must not be wider than the
// window, and exactly one of each chart's drawings must show. It leaves
// screenshots in the folder that RECAPTION_SHOTS names.
//
// RECAPTION_CHROMIUM names the browser; without it the test is skipped.
func TestBrowser(t *testing.T) {
	browser := os.Getenv("RECAPTION_CHROMIUM")
	if browser == "" {
		t.Skip("RECAPTION_CHROMIUM names no browser: the page is not looked at")
	}
	page := render(t, shape(t))
	for _, width := range []int{1280, 390} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			for name, text := range map[string]string{"long": strings.Repeat("W", 2000), "markup": hostile} {
				if got := measure(t, browser, render(t, everywhere(text)), width); got.Wide > width {
					t.Errorf("%s: the page is %d pixels wide in a window of %d", name, got.Wide, width)
				}
			}
			got := measure(t, browser, page, width)
			if got.Wide > width {
				t.Errorf("the page is %d pixels wide in a window of %d", got.Wide, width)
			}
			if got.Charts == 0 || got.Shown*2 != got.Charts {
				t.Errorf("%d of %d drawings show; want one of two", got.Shown, got.Charts)
			}
			if dir := os.Getenv("RECAPTION_SHOTS"); dir != "" {
				shoot(t, browser, dir, page, width, got.High)
			}
		})
	}
}

type measured struct{ Wide, High, Charts, Shown int }

// framed shows the page in a frame, since a browser's own window has a least
// width, and has a script outside of the page measure it.
func framed(page string, width, height int, script string) string {
	return fmt.Sprintf(`<!doctype html><body style="margin:0"><iframe id="f" style="border:0;display:block;width:%dpx;height:%dpx" srcdoc="%s"></iframe><output id="o"></output><script>%s</script>`,
		width, height, html.EscapeString(page), script)
}

func measure(t *testing.T, browser, page string, width int) (m measured) {
	t.Helper()
	out := run(t, browser, framed(page, width, 2000, `
document.getElementById("f").onload = e => {
  const d = e.target.contentDocument, root = d.documentElement;
  d.querySelectorAll("details").forEach(x => x.open = true);
  const charts = [...d.querySelectorAll("svg.chart")];
  const wide = root.scrollWidth;
  const shown = charts.filter(c => c.getBoundingClientRect().width > 0).length;
  d.querySelectorAll("details").forEach(x => x.open = false);
  document.getElementById("o").textContent = JSON.stringify({Wide: wide, High: root.scrollHeight, Charts: charts.length, Shown: shown});
}`), "--dump-dom")
	found := regexp.MustCompile(`<output id="o">([^<]*)</output>`).FindSubmatch(out)
	if found == nil {
		t.Fatalf("the browser measured nothing: %.300s", out)
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(string(found[1]))), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func shoot(t *testing.T, browser, dir, page string, width, height int) {
	t.Helper()
	for theme, args := range map[string][]string{"light": nil, "dark": {"--blink-settings=preferredColorScheme=0"}} {
		path, err := filepath.Abs(filepath.Join(dir, fmt.Sprintf("report-%d-%s.png", width, theme)))
		if err != nil {
			t.Fatal(err)
		}
		run(t, browser, framed(page, width, height, ""), append(args, "--screenshot="+path, fmt.Sprintf("--window-size=%d,%d", max(width, 500), height))...)
		if _, err := os.Stat(path); err != nil {
			t.Fatal(err)
		}
	}
}

func run(t *testing.T, browser, page string, args ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=" + filepath.Join(dir, "profile"), "--virtual-time-budget=4000"}, args...)
	cmd := exec.Command(browser, append(args, "file://"+file)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", browser, err, said.Bytes())
	}
	return out
}
