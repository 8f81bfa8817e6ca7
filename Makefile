# Every target does its own set-up: Go, a C compiler, make and one of pip or
# npm are all that must be there. See `make help`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO      ?= go
BIN     := bin/recaption
TOOLS   := $(CURDIR)/.cache/tools
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

GOLANGCI_LINT := v2.15.0
GOVULNCHECK   := v1.9.0
FUZZTIME      ?= 10s
COUNT         ?= 2000
LOOP          ?= 8000
ARMS          := alt-text enhanced true-captions

export CGO_ENABLED := 1

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

.PHONY: build
build: ## Build bin/recaption
	$(GO) build -ldflags '-s -w -X main.version=$(VERSION)' -o $(BIN) ./cmd/recaption

.PHONY: runtime
runtime: build ## Fetch ONNX Runtime into the cache folder, verified by sha256
	$(BIN) doctor --fix

.PHONY: demo
demo: runtime ## Recaption COUNT drawn scenes with the bundled captioner, into ./demo
	[ -d demo/scenes-$(COUNT) ] || { rm -rf demo/drawing && $(BIN) scenes --out demo/drawing --count $(COUNT) --seed 1 --format webdataset && mv demo/drawing demo/scenes-$(COUNT); }
	$(BIN) run --source demo/scenes-$(COUNT) --model bundled --out demo

.PHONY: loop
loop: runtime ## Train on alt-text, on captions and on the truth, and report the difference, into ./loop
	[ -d loop/scenes ] || { rm -rf loop/drawing && $(BIN) scenes --out loop/drawing --count $(LOOP) --seed 11 --world families --split train --format webdataset && mv loop/drawing loop/scenes; }
	$(BIN) run --source loop/scenes --model bundled --out loop
	for t in $(ARMS); do $(BIN) train loop --train trainer/loop/$$t.yaml --export loop/models/$$t; done
	$(BIN) report loop $(ARMS:%=--training %) --notes trainer/loop/notes.json --out loop

.PHONY: test
test: runtime ## Pass the tests
	$(GO) test -timeout 15m ./...

.PHONY: race
race: runtime ## Pass the tests under the race detector
	$(GO) test -race -timeout 18m ./...

.PHONY: lint
lint: $(TOOLS)/golangci-lint-$(GOLANGCI_LINT) ## Lint, and look for known vulnerabilities
	$(TOOLS)/golangci-lint-$(GOLANGCI_LINT) run ./...
	hack/vulncheck.sh $(GOVULNCHECK) $(TOOLS)

$(TOOLS)/golangci-lint-$(GOLANGCI_LINT):
	GOBIN=$(TOOLS)/tmp $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)
	mv $(TOOLS)/tmp/golangci-lint $@

.PHONY: fuzz
fuzz: runtime ## Run every fuzz target for FUZZTIME (10s)
	hack/fuzz.sh $(FUZZTIME)

.PHONY: bench
bench: runtime ## Measure, and write docs/benchmarks.md
	$(GO) run ./bench -only demo,accuracy,parity,worker,cut,memory,kill

.PHONY: bench-train
bench-train: runtime ## Measure training; PYTHON names a Python with torch and transformers
	$(GO) run ./bench -only step,loop

.PHONY: gen
gen: ## Write the golden files of schemas anew
	$(GO) test ./schemas -update

.PHONY: clean
clean: ## Remove what the other targets left in this folder
	rm -rf bin demo loop .cache
