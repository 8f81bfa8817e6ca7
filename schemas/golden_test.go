package schemas

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func testFile() File {
	return File{
		SHA256: Sum([]byte("file")), Bytes: 4096, Rows: 3,
		Footer:  Block{Offset: 3000, Bytes: 1096, SHA256: Sum([]byte("footer"))},
		Batches: []Batch{{Block{Offset: 512, Bytes: 1024, SHA256: Sum([]byte("0"))}, 2}, {Block{Offset: 1536, Bytes: 800, SHA256: Sum([]byte("1"))}, 1}},
	}
}

func testShard() ShardID   { return ShardID(Sum([]byte("shard")).String()) }
func testRecipe() RecipeID { return RecipeID(Sum([]byte("recipe")).String()) }
func testGate() GateID     { return GateID(Sum([]byte("gate")).String()) }

func testRecipeValue() Recipe {
	return Recipe{
		Kind: "recipe", Version: 1,
		Model:            Model{Family: "llava", Files: map[string]Digest{"onnx/vision_encoder.onnx": Sum([]byte("v")), "tokenizer.json": Sum([]byte("t"))}},
		Preprocessing:    map[string]any{"size": map[string]any{"height": 96.0, "width": 96.0}},
		Generation:       map[string]any{"do_sample": false, "max_new_tokens": 96.0},
		Prompts:          []Prompt{{"grounded", "<image><alt> {alt_text}<caption>"}, {"plain", "<image><alt><caption>"}},
		CaptionsPerImage: 1, Seed: 7, InputLimit: 512,
		Retry: Retry{Tries: 1, Flags: []Flag{FlagCut, FlagRepetition}, Generation: map[string]any{"do_sample": true}},
	}
}

// TestGolden holds every record's written form. A change that shows here needs
// a new version, and a reader for the one before.
func TestGolden(t *testing.T) {
	job := NewCaptionJob(CaptionJob{
		Run: "birds-0123456789ab", Pool: "default", Dataset: "birds", Shard: testShard(), File: testFile(),
		Recipe: testRecipe(), Gate: testGate(), Generation: 1, Rows: []RowRange{{0, 1}, {2, 3}},
	})
	receipt := Receipt{
		Kind: "receipt", Version: 1, Dataset: "birds", Run: job.Run, Job: job.ID, Shard: job.Shard, Recipe: job.Recipe, Gate: job.Gate,
		Generation: 1, Attempt: "0123456789abcdef", File: testFile(),
		Statuses: map[RowStatus]int{RowCaptioned: 2, RowUnusable: 1}, Reasons: map[Reason]int{ReasonTruncated: 1},
		Captions: 2, Accepted: 1, Flags: map[Flag]int{FlagCut: 1}, Tokens: 77, Seconds: map[string]float64{"decode": .5},
		Repeated: &Repeated{Caption: "A bird.", Rows: 2, Opener: "a bird", Share: 1},
		Worker:   "w1", Program: "v0", Finished: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	part := PartRecord{
		Kind: "part", Version: 1, Dataset: "birds", Revision: "0123456789abcdef", Part: "000000-birds", Location: "birds.tar",
		Shards: []Shard{{ID: job.Shard, File: testFile(), Statuses: map[SampleStatus]int{SampleOK: 2, SampleUnusable: 1}, Reasons: map[Reason]int{ReasonTruncated: 1}}},
		Faults: []Fault{{Reason: ReasonTruncated, Count: 1, Lost: true, Detail: "byte 512: header cut"}},
	}
	data := Dataset{Kind: "dataset", Version: 1, Dataset: "birds", Revision: "0123456789abcdef", Source: "birds/*.tar", Format: "webdataset", Parts: 2, Limit: 100, Cut: DefaultCutLimits(), Schema: SamplesSchema}
	run := RunRecord{Kind: "run", Version: 1, Run: job.Run, State: RunLaunched, Dataset: "birds", Revision: "0123456789abcdef", Recipe: job.Recipe, Gate: job.Gate, Pool: "default", At: receipt.Finished}
	cut := CutJob{Kind: "cut_job", Version: 1, Dataset: "birds", Revision: "0123456789abcdef", Part: "000000-birds"}
	beat := Heartbeat{Kind: "heartbeat", Version: 1, Worker: "w1", Program: "v0", Draining: true, Jobs: []JobInHand{{Job: job.ID, Shard: job.Shard, Attempt: 2, Rows: []RowRange{{0, 2}, {5, 6}}}}}
	recipe := testRecipeValue()
	gate := DefaultGate()

	golden(t, "caption_job.json", job, job.Encode, DecodeCaptionJob)
	golden(t, "cut_job.json", cut, cut.Encode, DecodeCutJob)
	golden(t, "shard_ready.json", receipt.Ready(), receipt.Ready().Encode, DecodeShardReady)
	golden(t, "receipt.json", receipt, receipt.Encode, DecodeReceipt)
	golden(t, "part.json", part, part.Encode, DecodePartRecord)
	golden(t, "dataset.json", data, data.Encode, DecodeDataset)
	golden(t, "run.json", run, run.Encode, DecodeRunRecord)
	golden(t, "heartbeat.json", beat, beat.Encode, DecodeHeartbeat)
	var rid RecipeID
	golden(t, "recipe.json", recipe,
		func() (b []byte, err error) { b, rid, err = recipe.Encode(); return b, err },
		func(b []byte) (Recipe, error) { return DecodeRecipe(b, rid) })
	var gid GateID
	golden(t, "gate.json", gate,
		func() (b []byte, err error) { b, gid, err = gate.Encode(); return b, err },
		func(b []byte) (Gate, error) { return DecodeGate(b, gid) })
	goldenText(t, "ids.txt", strings.Join([]string{string(rid), string(gid), string(job.ID), string(NewRunID("birds", "0123456789abcdef", testRecipe(), testGate())), string(NewRevisionID("a", "b"))}, "\n"))
}

func golden[T any](t *testing.T, name string, want T, write func() ([]byte, error), read func([]byte) (T, error)) {
	t.Helper()
	b, err := write()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	goldenText(t, name, string(b))
	got, err := read(b)
	if err != nil {
		t.Fatalf("%s: read back: %v", name, err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s: read back (-want +got):\n%s", name, d)
	}
	newer := strings.Replace(string(b), `"version":1`, `"version":99`, 1)
	if _, err := read([]byte(newer)); !errors.Is(err, ErrVersion) {
		t.Errorf("%s: version 99: got %v; want ErrVersion", name, err)
	}
	for _, broken := range []string{"", "{}", "[]", "null", string(b[:len(b)-1]), string(b) + "x", strings.Replace(string(b), `{`, `{"surplus":1,`, 1)} {
		if _, err := read([]byte(broken)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %.40q: got %v; want ErrMalformed", name, broken, err)
		}
	}
}

func goldenText(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}
