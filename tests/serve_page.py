#!/usr/bin/env python3
"""The server's page in a real, headless Chromium, driven through its debugging pipe: serve_page.py BROWSER URL IMAGE DIRECTORY
An image is pasted and answered, the slider is moved by keys and the server follows, everything can be reached by Tab and has a name for a
screen reader, nothing is asked of another server, light and dark differ. Leaves page_light.png and page_dark.png in DIRECTORY."""
import base64
import json
import os
import select
import subprocess
import sys
import time
import urllib.request

browser, url, image, directory = sys.argv[1:5]
model = "cifar10-pair"


class Browser:
    def __init__(self):
        (here_in, there_out), (there_in, here_out) = os.pipe(), os.pipe()
        self.log = open(f"{directory}/chromium.log", "wb")
        # Chromium reads its orders from descriptor 3 and answers on 4.
        self.process = subprocess.Popen(
            ["sh", "-c", f'exec "$0" "$@" 3<&{there_in} 4>&{there_out}', browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
             f"--user-data-dir={directory}/profile", "about:blank"],
            pass_fds=(there_in, there_out), env={**os.environ, "TMPDIR": directory}, stdout=subprocess.DEVNULL, stderr=self.log)
        os.close(there_in), os.close(there_out)
        self.input, self.output, self.received, self.number, self.events, self.session = here_in, here_out, b"", 0, [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(domain + ".enable")

    def failed(self, what):
        self.log.flush()
        with open(self.log.name, errors="replace") as log:
            return RuntimeError(f"{what}; the last events: {[event['method'] for event in self.events[-5:]]}; "
                                f"what Chromium wrote: {log.read()[-2000:]}")

    def message(self, what):
        """The next message of the browser, which has 60 seconds for it."""
        end = time.monotonic() + 60
        while b"\0" not in self.received:
            if not select.select([self.input], [], [], max(0, end - time.monotonic()))[0]:
                raise self.failed(f"{what}: no answer in 60 s")
            if not (more := os.read(self.input, 1 << 16)):
                raise self.failed(f"{what}: the browser has ended")
            self.received += more
        text, self.received = self.received.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **parameters):
        self.number += 1
        order = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            order["sessionId"] = self.session
        os.write(self.output, json.dumps(order).encode() + b"\0")
        while True:
            message = self.message(method)
            if message.get("id") == self.number:
                if "error" in message:
                    raise self.failed(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def open(self, address):
        """Nothing is asked of a page before it has loaded: what was asked of the page before it may never be answered."""
        self.call("Page.navigate", url=address)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self.message(address))

    def value(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def until(self, condition):
        end = time.monotonic() + 30
        while not (value := self.value(condition)):
            if time.monotonic() > end:
                raise RuntimeError(f"not within 30 s: {condition}: {self.value('document.body.innerText')}")
            time.sleep(0.02)
        return value

    def key(self, name, code, windows):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=code, windowsVirtualKeyCode=windows)

    def screenshot(self, theme):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        with open(f"{directory}/page_{theme}.png", "wb") as file:
            file.write(data)
        return data

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


def thresholds():
    with urllib.request.urlopen(f"{url}/v2/models/{model}/plan") as answer:
        return json.load(answer)["thresholds"]


page = Browser()
try:
    page.call("Emulation.setDeviceMetricsOverride", width=1100, height=820, deviceScaleFactor=1, mobile=False)
    page.open(url + "/")
    page.until("document.getElementById('engine').textContent")

    encoded = base64.b64encode(open(image, "rb").read()).decode()
    with urllib.request.urlopen(urllib.request.Request(
            f"{url}/v2/models/{model}/infer", open(image, "rb").read(), {"Content-Type": "image/jpeg"})) as answer:
        expected = {output["name"]: output["data"][0] for output in json.load(answer)["outputs"]}
    page.value(f"""(() => {{
      const bytes = Uint8Array.from(atob('{encoded}'), c => c.charCodeAt(0)), data = new DataTransfer();
      data.items.add(new File([bytes], 'photo.jpg', {{type: 'image/jpeg'}}));
      document.dispatchEvent(new ClipboardEvent('paste', {{clipboardData: data}})); }})()""")
    summary = page.until("document.getElementById('summary').textContent")
    assert page.value("document.getElementById('label').textContent") == expected["class"], expected
    assert f"left at exit {expected['exit']}" in summary, summary
    assert page.value("document.querySelectorAll('#top li').length") == 5
    assert page.until("document.querySelector('#drop img')?.naturalWidth > 0")

    reached = []
    for _ in range(4):
        page.key("Tab", "Tab", 9)
        reached.append(page.value("document.activeElement.id"))
    assert reached == ["model", "drop", "threshold-0", "own"], reached
    page.value("document.getElementById('threshold-0').focus()")
    before = thresholds()
    page.key("ArrowRight", "ArrowRight", 39)
    page.until(f"Math.abs(state.plan.thresholds[0] - {before[0]}) > 1e-4")
    assert thresholds()[0] > before[0], (before, thresholds())

    # Over a measured curve there is one slider, of its points; the nearest one is where it stands.
    page.value("""(() => {
      state.plan.curve = {metric: 'accuracy', split: 'validation', images: 2500,
        points: [0.9, 0.5, 0.1].map((t, i) => ({thresholds: [t], accuracy: 0.9 + 0.01 * i, mean_latency_us: 200 + 300 * i}))};
      knobs();
      document.getElementById('point').focus(); })()""")
    assert page.value("document.getElementById('point').getAttribute('aria-valuetext')") == "92.0 %, 800 µs"
    page.key("ArrowLeft", "ArrowLeft", 37)
    page.until("state.plan.thresholds[0] === 0.5")
    assert thresholds() == [0.5] and page.value("document.getElementById('point').getAttribute('aria-valuetext')") == "91.0 %, 500 µs"

    names = {}
    for node in page.call("Accessibility.getFullAXTree")["nodes"]:
        role = node.get("role", {}).get("value")
        if not node["ignored"] and role in ("button", "slider", "combobox", "image", "list", "status", "region"):
            names.setdefault(role, []).append(node.get("name", {}).get("value", ""))
    for role in ("button", "slider", "combobox", "image"):
        assert names.get(role) and all(names[role]), (role, names)
    assert "status" in names, names

    light, dark = page.screenshot("light"), page.screenshot("dark")
    assert light != dark and min(len(light), len(dark)) > 20000
    page.until("document.getElementById('count').textContent !== '–'")  # the live figures have come
    asked = [event["params"]["request"]["url"] for event in page.events if event["method"] == "Network.requestWillBeSent"]
    foreign = [one for one in asked if not one.startswith((url, "data:", "blob:"))]
    assert asked and not foreign, foreign
    wrong = [event["params"] for event in page.events if event["method"] == "Runtime.exceptionThrown" or
             event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] in ("warning", "error")]
    assert not wrong, wrong
    print(f"page: '{expected['class']}', {len(asked)} requests, all of them here")
finally:
    page.close()
