#!/usr/bin/env bash
# Looks for known vulnerabilities where the database can be reached, and says
# so where it can't. Usage: vulncheck.sh VERSION TOOLS
set -euo pipefail
version=$1 tools=$2
bin=$tools/govulncheck-$version
if [ ! -x "$bin" ]; then
	GOBIN=$tools/tmp go install "golang.org/x/vuln/cmd/govulncheck@$version"
	mv "$tools/tmp/govulncheck" "$bin"
fi
if ! command -v curl >/dev/null; then
	echo "govulncheck: SKIPPED, curl isn't installed, which looks whether its database can be reached"
	exit 0
fi
if ! curl --silent --fail --max-time 10 --output /dev/null https://vuln.go.dev/index/db.json; then
	echo "govulncheck: SKIPPED, its database can't be reached"
	exit 0
fi
exec "$bin" ./...
