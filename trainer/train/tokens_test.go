package train

import (
	"os"
	"strings"
	"testing"
)

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTokens(t *testing.T) {
	own, err := NewTokens(read(t, "../../models/bundled/tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	if own.Size != 1026 || own.BOS != 1024 || own.EOS != 1025 {
		t.Errorf("the captioner's with a frame: %d tokens, %d to %d", own.Size, own.BOS, own.EOS)
	}
	ids, err := own.EncodeSpecial("a red star")
	if err != nil || ids[0] != 1024 || ids[len(ids)-1] != 1025 {
		t.Errorf("encoded as %v, %v", ids, err)
	}
	again, err := NewTokens(own.JSON)
	if err != nil || again.Size != own.Size || again.EOS != own.EOS {
		t.Errorf("framed twice: %d tokens, %v", again.Size, err)
	}
	clip, err := NewTokens(read(t, "../probe/testdata/clip/tokenizer.json"))
	if err != nil || clip.Size != 1031 || clip.EOS != 1030 || clip.BOS != 1029 {
		t.Errorf("CLIP's: %d tokens, %d to %d, %v", clip.Size, clip.BOS, clip.EOS, err)
	}
	if _, err := NewTokens([]byte(`{`)); err == nil || !strings.Contains(err.Error(), "JSON") {
		t.Errorf("no JSON: %v", err)
	}
}
