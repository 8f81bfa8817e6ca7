// Command clip is the side of the comparison with clip.py that is ours: training
// steps of the same model with AdamW, by the same arguments and the same protocol.
//
//	clip CONFIG.json BATCH LENGTH STEPS THREADS
//
// It reads a line before each round and answers with the seconds of STEPS steps and
// the peak of the process's memory in KiB.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"recaption/internal/ort"
	"recaption/trainer/graph"
	"recaption/trainer/optim"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "clip:", err)
		os.Exit(1)
	}
}

type answer struct {
	Seconds float64 `json:"seconds"`
	Memory  int64   `json:"memory"`
	Loss    float32 `json:"loss"`
}

func run(args []string) error {
	if len(args) != 5 {
		return fmt.Errorf("%d arguments: want CONFIG.json BATCH LENGTH STEPS THREADS", len(args))
	}
	b, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	c, err := graph.ParseConfig(b)
	if err != nil {
		return err
	}
	var n [4]int
	for i, a := range args[1:] {
		if n[i], err = strconv.Atoi(a); err != nil {
			return err
		}
	}
	batch, length, steps, threads := n[0], n[1], n[2], n[3]
	runtime.GOMAXPROCS(threads)
	if err := ort.Open(""); err != nil {
		return err
	}
	m, err := graph.New(c, graph.CLIP, 1, graph.Options{Threads: threads})
	if err != nil {
		return err
	}
	defer m.Close()
	oc := optim.DefaultConfig()
	oc.Rate, oc.Warmup, oc.Steps, oc.Clip, oc.Floor = 1e-4, 0, 1<<30, 0, 1
	o, err := optim.New(m.Tensors, oc, optim.Options{Threads: threads})
	if err != nil {
		return err
	}
	defer o.Close()
	data := random(c, batch, length)
	done := 0
	train := func(steps int) (loss float32, err error) {
		for range steps {
			if loss, err = m.Step(data); err != nil {
				return 0, err
			}
			if _, err := o.Step(done); err != nil {
				return 0, err
			}
			done++
		}
		return loss, optim.CheckLoss(loss)
	}
	if _, err := train(3); err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		began := time.Now()
		loss, err := train(steps)
		if err != nil {
			return err
		}
		elapsed := time.Since(began)
		var usage syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
			return err
		}
		if err := out.Encode(answer{elapsed.Seconds(), usage.Maxrss, loss}); err != nil {
			return err
		}
	}
	return nil
}

func random(c graph.Config, images, length int) graph.Batch {
	r := rand.New(rand.NewPCG(1, 2))
	b := graph.Batch{Length: length, Pixels: make([]float32, images*3*c.Vision.Image*c.Vision.Image), Texts: make([]int64, images*length)}
	for i := range b.Pixels {
		b.Pixels[i] = float32(r.NormFloat64())
	}
	for i := range b.Texts {
		if b.Texts[i] = r.Int64N(int64(c.Text.Vocab)); i%length == length-1 {
			b.Texts[i] = int64(c.Text.EOS)
		}
	}
	return b
}
