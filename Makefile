# make          shows this list
# Every target needs Go and git alone; nothing is installed.

GO          ?= go
STATICCHECK  = honnef.co/go/tools/cmd/staticcheck@v0.8.2
JSON        ?=

.DEFAULT_GOAL := help
.PHONY: help check format vet staticcheck lint test race bench demo

help: ## show what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

check: format vet staticcheck lint race ## all a change must pass: format, vet, staticcheck, house rules, tests with race and invariants

format: ## fail if a file is not as gofmt writes it
	@unformatted="$$(gofmt -l .)"; if [ -n "$$unformatted" ]; then echo "not as gofmt writes them:"; echo "$$unformatted"; exit 1; fi

vet: ## go vet
	$(GO) vet ./...

staticcheck: ## staticcheck, at a fixed version
	$(GO) run $(STATICCHECK) ./...

lint: ## the house rules: import order, docs, time, globals, tests, length, words
	$(GO) test ./test/lint

test: ## every test, as the README says
	$(GO) test ./...

race: ## every test with the race detector, which turns the invariant checks on
	$(GO) test -race ./...

bench: ## measure; JSON=FILE writes the figures as a list of {name, rate, unit, share}
	$(GO) run ./test/bench $(if $(JSON),-json $(JSON))

demo: ## the main job on real input, with kills in the middle
	$(GO) run ./cmd/millrun demo
