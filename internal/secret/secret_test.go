package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestTextIsNeverShown(t *testing.T) {
	const hidden = "correct horse"
	type config struct{ Password Text }
	c := config{Password: hidden}

	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("start", "password", c.Password, "config", c)
	js, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for how, got := range map[string]string{
		"verb v": fmt.Sprintf("%v", c), "verb +v": fmt.Sprintf("%+v", c), "verb #v": fmt.Sprintf("%#v", c),
		"verb s": fmt.Sprintf("%s", c.Password), "verb q": fmt.Sprintf("%q", c.Password), "verb x": fmt.Sprintf("%x", c.Password),
		"slog": log.String(), "json": string(js),
	} {
		if strings.Contains(got, "horse") || !strings.Contains(got, stars) {
			t.Errorf("%s shows %q, want stars", how, got)
		}
	}
	if got := string(c.Password); got != hidden {
		t.Errorf("string(t) = %q, want the text", got)
	}
	if got := fmt.Sprint(Text("")); got != "" {
		t.Errorf("no secret prints %q, want nothing", got)
	}
}

func TestNewDiffers(t *testing.T) {
	if a, b := New(), New(); a == b || len(a) < 20 {
		t.Errorf("two secrets: %q and %q", string(a), string(b))
	}
}
