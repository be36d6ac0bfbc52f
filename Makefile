export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

.PHONY: gen gen-check proto-lint proto-breaking

## gen: make gen/ from the contracts
gen:
	node scripts/gen.ts

## gen-check: fail when gen/ is not what the contracts give
gen-check:
	node scripts/gen.ts --check

## proto-lint: check the style of the contracts and their validation rules
proto-lint:
	node scripts/third-party-protos.ts
	buf lint

## proto-breaking: fail when a contract breaks its callers; AGAINST names the commit to compare with (default: main)
proto-breaking:
	node scripts/proto-breaking.ts $(AGAINST)
