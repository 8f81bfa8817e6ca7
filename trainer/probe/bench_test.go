package probe

import "testing"

// BenchmarkRetrieval scores 200 pictures against COCO's 25,000 texts, in rows of
// ViT-B/32's width.
func BenchmarkRetrieval(b *testing.B) {
	rows := func(n int) [][]float32 {
		out := make([][]float32, n)
		for i := range out {
			out[i] = make([]float32, 512)
			for j := range out[i] {
				out[i][j] = float32((i*7+j*13)%29) - 14
			}
			normalize(out[i])
		}
		return out
	}
	m := matches{queries: rows(200), targets: rows(25_000)}
	for i := range m.queries {
		m.truth = append(m.truth, []int{i})
	}
	for b.Loop() {
		if _, err := m.search(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	pairs := float64(len(m.queries)*len(m.targets)) * float64(b.N)
	b.ReportMetric(pairs/b.Elapsed().Seconds(), "scores/s")
}
