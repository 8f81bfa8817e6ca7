package shards

import (
	"fmt"
	"strconv"
	"strings"

	"recaption/schemas"
)

// SampleShardKey names a sample shard. It follows from the content, so an
// unchanged shard is one object for all revisions.
func SampleShardKey(d schemas.DatasetID, s schemas.ShardID) string {
	return fmt.Sprintf("datasets/%s/shards/%s/%s.arrow", d, s.Prefix(), s)
}

// DatasetKey names the description of a revision.
func DatasetKey(d schemas.DatasetID, r schemas.RevisionID) string {
	return fmt.Sprintf("datasets/%s/%s/dataset.json", d, r)
}

// PartsPrefix begins the keys of a revision's part records.
func PartsPrefix(d schemas.DatasetID, r schemas.RevisionID) string {
	return fmt.Sprintf("datasets/%s/%s/parts/", d, r)
}

// PartKey names the record that commits the cut of a part.
func PartKey(d schemas.DatasetID, r schemas.RevisionID, p schemas.PartID) string {
	return PartsPrefix(d, r) + string(p) + ".json"
}

// RecipeKey names a recipe.
func RecipeKey(r schemas.RecipeID) string { return fmt.Sprintf("recipes/%s.json", r) }

// GateKey names a gate.
func GateKey(g schemas.GateID) string { return fmt.Sprintf("gates/%s.json", g) }

// CaptionsPrefix begins the keys of a recipe's captions and receipts. One of
// the 4,096 three-digit prefixes of shards may follow.
func CaptionsPrefix(r schemas.RecipeID) string { return fmt.Sprintf("captions/%s/", r) }

// CaptionsKey names the captions of one attempt.
func CaptionsKey(r schemas.RecipeID, s schemas.ShardID, generation int, a schemas.AttemptID) string {
	return fmt.Sprintf("%s%s/%s/%d-%s.arrow", CaptionsPrefix(r), s.Prefix(), s, generation, a)
}

// ReceiptKey names the receipt that commits one generation of captions.
func ReceiptKey(r schemas.RecipeID, s schemas.ShardID, generation int) string {
	return fmt.Sprintf("%s%s/%s/%d.json", CaptionsPrefix(r), s.Prefix(), s, generation)
}

// RunKey names the n-th record of a run. Records sort by their number.
func RunKey(r schemas.RunID, n int) string { return fmt.Sprintf("runs/%s/%08d.json", r, n) }

// WithdrawnPrefix begins the keys of a dataset's records of withdrawn samples.
func WithdrawnPrefix(d schemas.DatasetID) string { return fmt.Sprintf("datasets/%s/withdrawn/", d) }

// WithdrawnKey names the n-th record of withdrawn samples, counted from 1.
func WithdrawnKey(d schemas.DatasetID, n int) string {
	return fmt.Sprintf("%s%08d.json", WithdrawnPrefix(d), n)
}

// TrainingPrefix begins the keys of all that a training keeps.
func TrainingPrefix(t schemas.TrainingID) string { return fmt.Sprintf("training/%s/", t) }

// EpochsPrefix begins the keys of a training's epoch lists.
func EpochsPrefix(t schemas.TrainingID) string { return TrainingPrefix(t) + "epochs/" }

// EpochKey names the list of an epoch, counted from 0. Lists sort by their
// number.
func EpochKey(t schemas.TrainingID, epoch int) string {
	return fmt.Sprintf("%s%08d.json", EpochsPrefix(t), epoch)
}

// ParsePartKey reads what [PartKey] wrote.
func ParsePartKey(key string) (schemas.DatasetID, schemas.RevisionID, schemas.PartID, error) {
	p := parse(key, "part record", "datasets", 5)
	d := segment(p, 1, schemas.ParseDatasetID)
	r := segment(p, 2, schemas.ParseRevisionID)
	p.want(3, "parts")
	part := segment(p.cut(4, ".json"), 4, schemas.ParsePartID)
	return d, r, part, p.check(PartKey(d, r, part))
}

// ParseDatasetKey reads what [DatasetKey] wrote.
func ParseDatasetKey(key string) (schemas.DatasetID, schemas.RevisionID, error) {
	p := parse(key, "dataset", "datasets", 4)
	d := segment(p, 1, schemas.ParseDatasetID)
	r := segment(p, 2, schemas.ParseRevisionID)
	return d, r, p.check(DatasetKey(d, r))
}

// ParseSampleShardKey reads what [SampleShardKey] wrote.
func ParseSampleShardKey(key string) (schemas.DatasetID, schemas.ShardID, error) {
	p := parse(key, "sample shard", "datasets", 5)
	d := segment(p, 1, schemas.ParseDatasetID)
	s := segment(p.cut(4, ".arrow"), 4, schemas.ParseShardID)
	if p.err != nil {
		return "", "", p.err
	}
	return d, s, p.check(SampleShardKey(d, s))
}

// ParseReceiptKey reads what [ReceiptKey] wrote.
func ParseReceiptKey(key string) (schemas.RecipeID, schemas.ShardID, int, error) {
	p := parse(key, "receipt", "captions", 5)
	r := segment(p, 1, schemas.ParseRecipeID)
	s := segment(p, 3, schemas.ParseShardID)
	n := segment(p.cut(4, ".json"), 4, strconv.Atoi)
	if p.err != nil {
		return "", "", 0, p.err
	}
	return r, s, n, p.check(ReceiptKey(r, s, n))
}

// ParseCaptionsKey reads what [CaptionsKey] wrote.
func ParseCaptionsKey(key string) (schemas.RecipeID, schemas.ShardID, int, schemas.AttemptID, error) {
	p := parse(key, "captions", "captions", 5)
	r := segment(p, 1, schemas.ParseRecipeID)
	s := segment(p, 3, schemas.ParseShardID)
	p.cut(4, ".arrow").split(4, "-")
	n := segment(p, 4, strconv.Atoi)
	a := segment(p, 5, schemas.ParseAttemptID)
	if p.err != nil {
		return "", "", 0, "", p.err
	}
	return r, s, n, a, p.check(CaptionsKey(r, s, n, a))
}

// ParseRunKey reads what [RunKey] wrote.
func ParseRunKey(key string) (schemas.RunID, int, error) {
	p := parse(key, "run record", "runs", 3)
	r := segment(p, 1, schemas.ParseRunID)
	n := segment(p.cut(2, ".json"), 2, strconv.Atoi)
	return r, n, p.check(RunKey(r, n))
}

// ParseWithdrawnKey reads what [WithdrawnKey] wrote.
func ParseWithdrawnKey(key string) (schemas.DatasetID, int, error) {
	p := parse(key, "record of withdrawn samples", "datasets", 4)
	d := segment(p, 1, schemas.ParseDatasetID)
	p.want(2, "withdrawn")
	n := segment(p.cut(3, ".json"), 3, strconv.Atoi)
	return d, n, p.check(WithdrawnKey(d, n))
}

// ParseEpochKey reads what [EpochKey] wrote.
func ParseEpochKey(key string) (schemas.TrainingID, int, error) {
	p := parse(key, "epoch list", "training", 4)
	t := segment(p, 1, schemas.ParseTrainingID)
	p.want(2, "epochs")
	n := segment(p.cut(3, ".json"), 3, strconv.Atoi)
	return t, n, p.check(EpochKey(t, n))
}

// parts is a key being read. The first fault stays.
type parts struct {
	key, kind string
	seg       []string
	err       error
}

func parse(key, kind, root string, n int) *parts {
	p := &parts{key: key, kind: kind, seg: strings.Split(key, "/")}
	if len(p.seg) != n || p.seg[0] != root {
		p.fault()
	}
	return p
}

func (p *parts) fault() {
	if p.err == nil {
		p.err = fmt.Errorf("%w: %q is not the key of a %s", ErrKey, p.key, p.kind)
	}
}

func (p *parts) want(i int, text string) {
	if p.err == nil && p.seg[i] != text {
		p.fault()
	}
}

func (p *parts) cut(i int, suffix string) *parts {
	if p.err == nil {
		var ok bool
		if p.seg[i], ok = strings.CutSuffix(p.seg[i], suffix); !ok {
			p.fault()
		}
	}
	return p
}

// split makes two segments of the last one.
func (p *parts) split(i int, sep string) {
	if p.err == nil {
		a, b, ok := strings.Cut(p.seg[i], sep)
		if !ok {
			p.fault()
			return
		}
		p.seg = append(p.seg[:i], a, b)
	}
}

// check holds the key against the one that its parts make: there is one
// spelling for each.
func (p *parts) check(again string) error {
	if p.err == nil && p.key != again {
		p.fault()
	}
	return p.err
}

func segment[T any](p *parts, i int, parse func(string) (T, error)) T {
	var zero T
	if p.err != nil {
		return zero
	}
	v, err := parse(p.seg[i])
	if err != nil {
		p.fault()
		return zero
	}
	return v
}

// CheckpointsPrefix begins the keys of a training's checkpoints, which sort by
// their steps.
func CheckpointsPrefix(t schemas.TrainingID) string { return TrainingPrefix(t) + "checkpoints/" }

// CheckpointKey names the checkpoint after so many steps.
func CheckpointKey(t schemas.TrainingID, step int) string {
	return fmt.Sprintf("%s%012d.safetensors", CheckpointsPrefix(t), step)
}
