package main

import (
	"context"
	"fmt"
)

// memory runs the main job over a small and a tenfold data set.
func memory(ctx context.Context, l *lab) (result, error) {
	t := [][]string{{"scenes", "time", "peak resident memory, program and gateway"}}
	var peaks []int64
	for _, n := range []int{2000, 20000} {
		name := fmt.Sprintf("memory-%d", n)
		src, err := l.scenes(ctx, name, "--count", fmt.Sprint(n), "--seed", "11")
		if err != nil {
			return result{}, err
		}
		r, err := l.recaption(ctx, src, l.folder(name+"-out"))
		if err != nil {
			return result{}, err
		}
		peaks = append(peaks, r.peak)
		t = append(t, []string{fmt.Sprint(n), seconds(r.elapsed), mib(r.peak)})
	}
	ratio := float64(peaks[1]) / float64(peaks[0])
	ok := ratio <= 1.10 && peaks[1] <= 1500<<20
	return result{
		about: "The resident memory of `recaption run` and the gateway's process, added up, sampled every 100 ms.",
		table: t,
		after: fmt.Sprintf("The larger peak is %.2f times the smaller one. To reach: within 10 %%, and at most 1.5 GB; reached: %s.", ratio, verdict(ok)),
	}, nil
}
