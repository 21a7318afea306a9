package web

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// chromium is a real browser, driven over its debugging pipe: JSON messages
// that end with a zero byte.
type chromium struct {
	t       *testing.T
	in      *os.File
	out     *bufio.Reader
	next    int
	session string
	problem []string // what the console and the content security policy said
}

// startChromium opens one tab. It fails, saying what to install, when there is
// no Chromium.
func startChromium(t *testing.T) *chromium {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("this test drives a real Chromium: apt-get install chromium, or run the tests with -short")
	}
	toChild, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, fromChild, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe", "--user-data-dir="+t.TempDir())
	cmd.ExtraFiles = []*os.File{toChild, fromChild}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = toChild.Close(), fromChild.Close()
	c := &chromium{t: t, in: in, out: bufio.NewReaderSize(out, 1<<20)}
	t.Cleanup(func() {
		c.session = ""
		c.call("Browser.close", nil)
		_ = cmd.Wait() // its exit code after closing says nothing
		_, _ = in.Close(), out.Close()
	})
	target := c.call("Target.createTarget", map[string]any{"url": "about:blank"})["targetId"]
	c.session = c.call("Target.attachToTarget", map[string]any{"targetId": target, "flatten": true})["sessionId"].(string)
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		c.call(domain+".enable", nil)
	}
	return c
}

// call sends one command and returns its result; events that arrive meanwhile
// are looked through for problems.
func (c *chromium) call(method string, params map[string]any) map[string]any {
	c.t.Helper()
	c.next++
	msg := map[string]any{"id": c.next, "method": method, "params": params}
	if c.session != "" {
		msg["sessionId"] = c.session
	}
	raw, err := json.Marshal(msg)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.in.Write(append(raw, 0)); err != nil {
		c.t.Fatalf("chromium: %s: %v", method, err)
	}
	for {
		m := c.read()
		if id, ok := m["id"].(float64); ok && int(id) == c.next {
			// A page that is left in the middle answers nothing: the next one is asked.
			if method == "Runtime.evaluate" && strings.Contains(fmt.Sprint(m["error"]), "target navigated") {
				return c.call(method, params)
			}
			if m["error"] != nil {
				c.t.Fatalf("chromium: %s: %v", method, m["error"])
			}
			result, _ := m["result"].(map[string]any)
			return result
		}
	}
}

func (c *chromium) read() map[string]any {
	c.t.Helper()
	raw, err := c.out.ReadBytes(0)
	if err != nil {
		c.t.Fatalf("chromium left: %v", err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw[:len(raw)-1], &m); err != nil {
		c.t.Fatal(err)
	}
	switch m["method"] {
	case "Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown":
		c.problem = append(c.problem, string(raw[:len(raw)-1]))
	}
	return m
}

// load waits for the page that do leads to.
func (c *chromium) load(do func()) {
	c.t.Helper()
	c.eval("window.old = true")
	do()
	c.wait("!window.old && document.readyState === 'complete'")
	// Until a page has painted for the first time, the browser drops what is typed.
	c.promised("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")
}

// wait asks until the condition holds; a browser that hangs fails the test.
func (c *chromium) wait(condition string) {
	c.t.Helper()
	for end := time.Now().Add(time.Minute); c.eval("String("+condition+")") != "true"; {
		if time.Now().After(end) {
			c.t.Fatalf("after a minute still not %s at %s, focus on %s", condition, c.eval("location.href"), c.eval("document.activeElement.outerHTML.slice(0, 200)"))
		}
	}
}

func (c *chromium) open(url string) {
	c.t.Helper()
	c.load(func() { c.call("Page.navigate", map[string]any{"url": url}) })
}

// eval returns the value of a JavaScript expression as a string; "" while
// there is no page to ask.
func (c *chromium) eval(expression string) string {
	c.t.Helper()
	r := c.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true})
	if v, ok := r["result"].(map[string]any); ok && v["value"] != nil {
		return fmt.Sprint(v["value"])
	}
	return ""
}

// promised is eval of a promise, whose value it waits for.
func (c *chromium) promised(expression string) string {
	c.t.Helper()
	r := c.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true})
	if r["exceptionDetails"] != nil {
		c.t.Fatalf("%.200s: %v", expression, r["exceptionDetails"])
	}
	v, _ := r["result"].(map[string]any)
	return fmt.Sprint(v["value"])
}

// axe says what an accessibility checker has against the page, in light and in
// dark: the rules of WCAG 2.2, level AA, and its best practices.
func (c *chromium) axe(page string) {
	c.t.Helper()
	path := filepath.Join("..", "..", "fixtures", "clients", "node_modules", "axe-core", "axe.min.js")
	source, err := os.ReadFile(path)
	if err != nil {
		c.t.Fatalf("axe-core is not installed: run `lathe setup --dev` (%v)", err)
	}
	c.call("Runtime.evaluate", map[string]any{"expression": string(source)})
	found := c.promised(`axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.map(v =>
		v.id + " (" + v.impact + "): " + v.help + ": " + v.nodes.map(n => n.html.slice(0, 160) + " [" + n.failureSummary.replaceAll("\n", " ").slice(0, 220) + "]").join(" | ")).join("\n"))`)
	if found != "" {
		c.t.Errorf("%s: axe-core finds\n%s", page, found)
	}
}

// press types one key as a person does.
func (c *chromium) press(key string) {
	c.t.Helper()
	p := map[string]any{"type": "keyDown", "key": key}
	switch key {
	case "Enter":
		p["text"], p["windowsVirtualKeyCode"], p["code"] = "\r", 13, "Enter"
	case "Escape":
		p["windowsVirtualKeyCode"], p["code"] = 27, "Escape"
	case "Tab":
		p["windowsVirtualKeyCode"], p["code"] = 9, "Tab"
	default:
		p["text"] = key
	}
	c.call("Input.dispatchKeyEvent", p)
	c.call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key})
}

func (c *chromium) write(text string) {
	c.t.Helper()
	c.wait(`["INPUT", "TEXTAREA"].includes(document.activeElement.tagName)`)
	c.call("Input.insertText", map[string]any{"text": text})
	c.wait(fmt.Sprintf("document.activeElement.value.endsWith(%q)", text))
}

// look sets the window and the colour scheme.
func (c *chromium) look(width, height int, scheme string) {
	c.t.Helper()
	c.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
	c.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}})
}

// shot takes a picture of the whole page; it is kept when the environment
// names a folder for it in LATHE_SCREENSHOTS.
func (c *chromium) shot(name string) {
	c.t.Helper()
	// A window as high as the page: what lies beyond a window is not painted.
	width, err := strconv.Atoi(c.eval("innerWidth"))
	if err != nil {
		c.t.Fatal(err)
	}
	height, err := strconv.Atoi(c.eval("document.documentElement.scrollHeight"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": max(900, height), "deviceScaleFactor": 1, "mobile": width < 600})
	data, _ := c.call("Page.captureScreenshot", map[string]any{"format": "png"})["data"].(string)
	png, err := base64.StdEncoding.DecodeString(data)
	if err != nil || !strings.HasPrefix(string(png), "\x89PNG") || len(png) < 4000 {
		c.t.Errorf("screenshot %s: %d bytes, %v", name, len(png), err)
	}
	if dir := os.Getenv("LATHE_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
			c.t.Error(err)
		}
	}
}
