# What one does with this repository. "make help" lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo build test acceptance screenshots bench lint vuln clean

GO ?= go
# ARGS are passed on: make demo ARGS="--token-life 10s"
ARGS ?=
# Modules of this repository; tools only pins programs.
MODULES := . acceptance
FOLDERS := acceptance bench cmd internal

help: ## list the targets
	@grep -hE '^[a-z%-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z%-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

demo: build ## run a gateway, a provider and a sample app; Ctrl-C stops them
	@exec bin/cardea demo $(ARGS)

# Each example is a folder with a program "run".
EXAMPLES := $(patsubst examples/%/run,%,$(wildcard examples/*/run))

example-%: build ## run an app behind the gateway: chainlit, jupyterhub, streamlit, ...
	@[ -x examples/$*/run ] || { echo "there is no example $*; there are: $(EXAMPLES)" >&2; exit 2; }
	@exec examples/$*/run $(ARGS)

build: ## build bin/cardea
	@$(GO) build -o bin/cardea ./cmd/cardea

test: ## unit, contract and fuzz-seed tests, with the race detector
	$(GO) vet ./...
	$(GO) test -race -timeout 20m $(ARGS) ./...

acceptance: ## the real things: providers, apps, Chromium (installs them first)
	acceptance/install
	@mkdir -p .cache/acceptance
	@echo "acceptance: running; everything that is printed goes to .cache/acceptance/output.log"
	@status=0; \
	( cd acceptance && $(GO) test ./... -count=1 -timeout 60m -v $(ARGS) ) >.cache/acceptance/output.log 2>&1 || status=$$?; \
	grep -E '^(--- |ok |FAIL|panic:|Keycloak, )' .cache/acceptance/output.log || true; \
	printf 'acceptance: %d passed, %d failed\n' \
		"$$(grep -cE '^--- PASS' .cache/acceptance/output.log || true)" "$$(grep -cE '^--- FAIL' .cache/acceptance/output.log || true)"; \
	if [ $$status -ne 0 ]; then grep -nE -A30 '^ *--- FAIL' .cache/acceptance/output.log | tail -n 200; fi; \
	exit $$status

screenshots: ## pictures of every page: docs/images, and in full .cache/screenshots (installs Chromium first)
	acceptance/install chromium
	@cd acceptance && $(GO) run ./screenshots $(ARGS)

bench: ## measure, in ratios against bare handlers
	$(GO) run ./bench $(ARGS)

lint: bin/golangci-lint ## formatting, vet, linters, tidiness of the modules
	@unformatted="$$(gofmt -l $$(for d in $(FOLDERS); do [ -d $$d ] && echo $$d; done))"; \
	if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	@status=0; \
	for m in $(MODULES); do \
		echo "lint: $$m"; \
		( cd $$m && $(GO) vet ./... && $(CURDIR)/bin/golangci-lint run --config $(CURDIR)/.golangci.yml ./... ) || status=1; \
	done; \
	for m in $(MODULES) tools; do ( cd $$m && $(GO) mod tidy -diff ) || status=1; done; \
	exit $$status

vuln: bin/govulncheck ## known vulnerabilities; needs the network
	@for m in $(MODULES); do ( cd $$m && $(CURDIR)/bin/govulncheck ./... ); done

# Built from source at the versions that tools/go.mod pins: some minutes, once.
bin/golangci-lint: tools/go.mod tools/go.sum
	@echo "building golangci-lint (some minutes, once)"
	@$(GO) build -C tools -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

bin/govulncheck: tools/go.mod tools/go.sum
	@$(GO) build -C tools -o ../bin/govulncheck golang.org/x/vuln/cmd/govulncheck
	@touch $@

clean: ## remove what was built and what the demo kept
	rm -rf bin demo-data
