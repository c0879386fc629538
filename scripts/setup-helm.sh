#!/bin/sh
# helm, which renders the chart in the tests, and the schemas of Kubernetes that what it rendered is checked with: into build/helm.
# Nobody ships helm as a package of Debian or of Python, so it is built from its own source, once, where Go is at hand:
# three minutes of CPU.
set -eu
cd "$(dirname "$0")/.."
HELM=v3.16.4
mkdir -p build/helm
if ! [ -x build/helm/helm ] && ! command -v helm >/dev/null; then
    command -v go >/dev/null || { echo "Neither helm nor go is here, so the chart is not rendered" >&2; exit 0; }
    GOBIN="$PWD/build/helm" go install -trimpath -ldflags "-s -w" "helm.sh/helm/v3/cmd/helm@$HELM"
fi
[ -d build/helm/schemas ] || .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --target build/helm/schemas \
    kubernetes-validate==1.37.0 importlib_resources==7.1.0
