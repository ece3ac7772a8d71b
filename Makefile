.DEFAULT_GOAL := help
CARGO ?= cargo

.PHONY: help
help: ## Print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

.PHONY: test
test: ## Run every test
	$(CARGO) test --locked

.PHONY: lint
lint: ## Check format, clippy (pedantic) and the documentation
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items --quiet

.PHONY: ci
ci: lint test ## What a change must pass
