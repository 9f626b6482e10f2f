# Make sure that a Chromium is here for the browser tests; without one they skip, and say so.
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing Chromium for the browser tests"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; } >/dev/null 2>&1 && exit 0
fi
echo "WARNING: no Chromium here and none could be installed: THE BROWSER TESTS WILL SKIP. Install the package 'chromium'." >&2
